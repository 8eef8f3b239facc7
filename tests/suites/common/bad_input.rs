//! Input that does not fit the schema, and handles that are closed.

use std::error::Error as _;
use std::time::Duration;

use dbop::{Category, Conn, Db, ErrorKind, Outcome, Tx, db_op, transactional};
use tokio::time::timeout;

use super::Database;
use super::bank;
use super::replay::Failure;

const NEVER: Duration = Duration::from_secs(30);

/// Returns everything an error says, its sources included.
pub(crate) fn all_words(error: &dbop::Error) -> String {
    let mut words = format!("{error}\n{error:?}\n{error:#?}\n{}", error.user_message());
    let mut source = error.source();
    while let Some(cause) = source {
        words += &format!("\n{cause}\n{cause:?}");
        source = cause.source();
    }
    words
}

/// Checks that connecting fails in time, with a message that holds all of `parts` and none of
/// `secrets`.
pub(crate) async fn refuses(url: &str, kind: ErrorKind, parts: &[&str], secrets: &[&str]) {
    let builder = Db::<Database>::builder().url(url);
    let builder = builder.acquire_timeout(Duration::from_secs(2));
    let settings = format!("{builder:?}");
    let connecting = timeout(NEVER, builder.connect()).await;
    let error = connecting
        .unwrap_or_else(|_| panic!("{url} hangs"))
        .unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{url}: {text}");
    assert_eq!(error.operation(), Some("connect"));
    let category = format!("[{}/{}]", error.category(), error.kind());
    assert!(
        text.starts_with("`connect`: ") && text.ends_with(&category),
        "{text}"
    );
    for part in parts {
        assert!(text.contains(part), "{url}: `{part}` is missing in: {text}");
    }
    for secret in secrets {
        let words = all_words(&error) + &settings;
        assert!(!words.contains(secret), "`{secret}` is in: {words}");
    }
}

#[tokio::test]
async fn no_url_and_urls_of_nothing_say_what_to_write() {
    let none = Db::<Database>::builder().connect().await.unwrap_err();
    assert_eq!(
        (none.category(), none.kind()),
        (Category::Programming, ErrorKind::Configuration)
    );
    assert!(none.to_string().contains("DATABASE_URL"), "{none}");
    for url in [
        "",
        " ",
        "mysql://me:h0rse@host/db",
        "file.db",
        "://",
        "\0",
        "http://h0rse",
        "h0rse",
    ] {
        refuses(url, ErrorKind::Configuration, &["; write `"], &["h0rse"]).await;
    }
}

macro_rules! run {
    ($operation:ident, $transaction:ident, $sql:literal) => {
        #[db_op]
        async fn $operation(conn: &mut Conn<'_, Database>) -> Result<(), Failure> {
            sqlx::query($sql).execute(&mut *conn).await?;
            Ok(())
        }

        #[transactional]
        async fn $transaction(tx: &mut Tx<'_, Database>) -> Result<(), Failure> {
            sqlx::query($sql).execute(&mut *tx).await?;
            Ok(())
        }
    };
}

run!(
    use_no_table,
    use_no_table_in_tx,
    "INSERT INTO nowhere VALUES (1)"
);
run!(
    use_no_column,
    use_no_column_in_tx,
    "SELECT colour FROM accounts"
);
run!(
    store_null,
    store_null_in_tx,
    "INSERT INTO accounts VALUES (9, NULL)"
);
run!(
    store_twice,
    store_twice_in_tx,
    "INSERT INTO accounts VALUES (1, 0)"
);
run!(speak_nonsense, speak_nonsense_in_tx, "SELEKT 1");
run!(say_nothing, say_nothing_in_tx, "");

/// Checks that the statement fails alike in an operation and in a transaction, runs once, and
/// leaves nothing.
async fn both(
    db: &Db<Database>,
    name: &str,
    (category, kind): (Category, ErrorKind),
    results: [Result<(), Failure>; 2],
) {
    for (result, name) in results
        .into_iter()
        .zip([name.to_owned(), format!("{name}_in_tx")])
    {
        let error = result.unwrap_err().database();
        assert_eq!(
            (error.category(), error.kind()),
            (category, kind),
            "{error}"
        );
        assert_eq!(error.attempts(), 1, "{error}");
        assert_eq!(error.operation(), Some(name.as_str()));
        let text = error.to_string();
        assert!(text.starts_with(&format!("`{name}`: ")), "{text}");
        assert!(text.ends_with(&format!("[{category}/{kind}]")), "{text}");
        if name.ends_with("_in_tx") {
            assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
        }
    }
    assert_eq!(bank::total(db).await.unwrap(), 400);
}

#[tokio::test]
async fn each_misfit_with_the_schema_has_its_name() {
    let db = &bank::open().await.db;
    let programming = |kind| (Category::Programming, kind);
    let integrity = |kind| (Category::Integrity, kind);
    let results = [use_no_table(db).await, use_no_table_in_tx(db).await];
    both(
        db,
        "use_no_table",
        programming(ErrorKind::UndefinedTable),
        results,
    )
    .await;
    let results = [use_no_column(db).await, use_no_column_in_tx(db).await];
    both(
        db,
        "use_no_column",
        programming(ErrorKind::UndefinedColumn),
        results,
    )
    .await;
    let results = [store_null(db).await, store_null_in_tx(db).await];
    both(db, "store_null", integrity(ErrorKind::NotNull), results).await;
    let results = [store_twice(db).await, store_twice_in_tx(db).await];
    both(db, "store_twice", integrity(ErrorKind::Unique), results).await;
    let results = [speak_nonsense(db).await, speak_nonsense_in_tx(db).await];
    both(
        db,
        "speak_nonsense",
        programming(ErrorKind::Syntax),
        results,
    )
    .await;
    say_nothing(db).await.unwrap();
    say_nothing_in_tx(db).await.unwrap();
}

#[tokio::test]
async fn the_chain_of_an_error_says_the_databases_words_once_and_shows_no_row() {
    let db = &bank::open().await.db;
    for failed in [store_twice(db).await, use_no_table(db).await] {
        let error = failed.unwrap_err().database();
        let words = all_words(&error);
        for value in ["Key (", "DETAIL", "detail", "line:"] {
            assert!(!words.contains(value), "`{value}` is in: {words}");
        }
        assert!(error.as_sqlx().is_some(), "the whole error is still there");
        let text = error.to_string();
        assert_eq!(format!("{:#}", anyhow::Error::from(error)), text);
    }
}

#[db_op]
async fn find(conn: &mut Conn<'_, Database>, id: i64) -> Result<i64, Failure> {
    let cents = sqlx::query_scalar("SELECT cents FROM accounts WHERE id = $1");
    Ok(cents.bind(id).fetch_one(&mut *conn).await?)
}

#[db_op]
async fn find_as_text(conn: &mut Conn<'_, Database>) -> Result<Vec<u8>, Failure> {
    let cents = sqlx::query_scalar("SELECT cents FROM accounts WHERE id = 1");
    Ok(cents.fetch_one(&mut *conn).await?)
}

#[tokio::test]
async fn a_missing_row_and_a_wrong_type_have_their_names() {
    let db = bank::open().await;
    let error = find(&*db, 99).await.unwrap_err().database();
    assert_eq!(
        (error.category(), error.kind()),
        (Category::Query, ErrorKind::NoRows)
    );
    assert_eq!(error.http_status(), 404);
    let error = find_as_text(&*db).await.unwrap_err().database();
    assert_eq!(
        (error.category(), error.kind()),
        (Category::Data, ErrorKind::Decode)
    );
}

#[tokio::test]
async fn a_closed_handle_says_so_at_once() {
    let db = bank::open().await;
    db.close().await;
    for (result, kind, attempts) in [
        (
            timeout(NEVER, find(&*db, 1)).await,
            ErrorKind::ShuttingDown,
            0,
        ),
        (
            timeout(NEVER, find(db.pool(), 1)).await,
            ErrorKind::PoolClosed,
            1,
        ),
    ] {
        let error = result.expect("nothing to wait for").unwrap_err().database();
        assert_eq!((error.category(), error.kind()), (Category::Resource, kind));
        assert_eq!(
            (error.attempts(), error.outcome().unwrap()),
            (attempts, Outcome::RolledBack)
        );
        let text = error.to_string();
        assert!(
            text.starts_with("`find`: ") && text.contains("closed"),
            "{text}"
        );
        // The file or server works, so advice to look there would mislead.
        assert!(
            !text.contains("reachable") && !text.contains("cannot be used"),
            "{text}"
        );
    }
    let error = bank::transfer(&*db, 1, 2, 1).await.unwrap_err();
    assert!(error.to_string().contains("closed"), "{error}");
}
