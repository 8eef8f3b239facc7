//! Options of SQLite's driver, and the hook of new connections.

use dbop::{Conn, Db, ErrorKind, Tx, db_op, transactional};
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{Executor, Sqlite};

use super::common::notes::{self, SCHEMA, Trouble, note};

/// Settings of the application's: two that a reset of dbop's would change, one that dbop leaves
/// alone, and one that dbop needs otherwise.
const SETTINGS: &str = "SELECT foreign_keys || recursive_triggers || synchronous || timeout
    FROM pragma_foreign_keys, pragma_recursive_triggers, pragma_synchronous, pragma_busy_timeout";

fn with_settings(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .foreign_keys(false)
        .pragma("recursive_triggers", "ON")
        .synchronous(SqliteSynchronous::Extra)
        .busy_timeout(std::time::Duration::from_secs(9))
        .collation("backwards", |a, b| b.cmp(a))
}

#[db_op]
async fn settings(conn: &mut Conn<'_, Sqlite>) -> Result<String, Trouble> {
    Ok(sqlx::query_scalar(SETTINGS).fetch_one(&mut *conn).await?)
}

#[db_op(read_only)]
async fn settings_of_a_reader(conn: &mut Conn<'_, Sqlite>) -> Result<String, Trouble> {
    Ok(sqlx::query_scalar(SETTINGS).fetch_one(&mut *conn).await?)
}

/// Does something that makes dbop reset the session afterwards.
#[transactional]
async fn unseen(tx: &mut Tx<'_, Sqlite>, sql: &'static str) -> Result<(), Trouble> {
    tx.conn().execute(sql).await?;
    Ok(())
}

const OF_THE_APPLICATION: &str = "013250";

#[tokio::test]
async fn nothing_of_the_options_is_lost_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("new.db"))
        .create_if_missing(true);
    let builder = Db::builder().connect_options(with_settings(options));
    let db = builder.max_connections(1).connect().await.unwrap();
    db.pool().execute(SCHEMA).await.unwrap();
    for _ in 0..3 {
        assert_eq!(settings(&db).await.unwrap(), OF_THE_APPLICATION);
        assert_eq!(settings_of_a_reader(&db).await.unwrap(), OF_THE_APPLICATION);
        let sql = "SELECT 'a' < 'b' COLLATE backwards";
        unseen(&db, sql).await.expect("the collation");
        unseen(&db, "CREATE TEMP TABLE IF NOT EXISTS left_behind (id)")
            .await
            .unwrap();
    }
    note(&db, 1).await.unwrap();
    assert_eq!(notes::notes(&db).await.unwrap(), [1]);
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(db.pool())
        .await
        .unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn nothing_of_the_options_is_lost_in_memory() {
    for options in [
        SqliteConnectOptions::new(),
        SqliteConnectOptions::new().in_memory(true),
        SqliteConnectOptions::new()
            .filename("by name")
            .in_memory(true)
            .shared_cache(true),
        SqliteConnectOptions::new().filename("file:x?mode=memory"),
    ] {
        let named = options.get_filename().to_owned();
        let builder = Db::builder().connect_options(with_settings(options));
        let db = builder.connect().await.unwrap();
        db.pool().execute(SCHEMA).await.unwrap();
        note(&db, 1).await.unwrap();
        for _ in 0..3 {
            unseen(&db, "CREATE TEMP TABLE left_behind (id)")
                .await
                .expect("it was dropped");
            assert_eq!(
                settings(&db).await.unwrap(),
                OF_THE_APPLICATION,
                "{named:?}"
            );
        }
        assert_eq!(
            notes::notes(&db).await.unwrap(),
            [1],
            "the database is still there"
        );
        assert!(!named.exists(), "{named:?} is no file");
    }
}

#[tokio::test]
async fn options_create_a_file_only_where_they_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new().filename(folder.path().join("none.db"));
    let error = Db::<Sqlite>::builder()
        .connect_options(options.clone())
        .connect()
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("`create_if_missing(true)`"),
        "{error}"
    );
    let made = Db::<Sqlite>::builder().connect_options(options.create_if_missing(true));
    made.connect().await.expect("a new file");
}

#[tokio::test]
async fn options_with_a_name_that_is_no_url_are_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a:b.db", "50%.db", "a?b#c.db", "é [x].db"] {
        let file = folder.path().join(name);
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true);
        let db = Db::<Sqlite>::builder()
            .connect_options(options)
            .connect()
            .await
            .unwrap();
        db.pool().execute(SCHEMA).await.unwrap();
        note(&db, 1).await.unwrap();
        assert!(file.exists(), "{name}");
    }
    let nameless = SqliteConnectOptions::new().filename("");
    let opened = Db::<Sqlite>::builder()
        .connect_options(nameless)
        .connect()
        .await;
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::Configuration);
}

#[test]
fn a_builder_does_not_show_the_key_of_a_database() {
    let options = SqliteConnectOptions::new().pragma("key", "secret");
    let builder = Db::<Sqlite>::builder().connect_options(options);
    assert!(!format!("{builder:?}").contains("secret"));
}

/// What the hook prepares: a setting, an attached database, a temporary table.
const PREPARE: &str = "PRAGMA recursive_triggers = ON; PRAGMA busy_timeout = 9000;
    ATTACH ':memory:' AS beside; CREATE TABLE beside.things (id);
    CREATE TEMP TABLE mine (id)";

#[db_op]
async fn prepared(conn: &mut Conn<'_, Sqlite>) -> Result<String, Trouble> {
    conn.execute("SELECT * FROM beside.things, mine").await?;
    Ok(sqlx::query_scalar(SETTINGS).fetch_one(&mut *conn).await?)
}

#[tokio::test]
async fn what_the_hook_has_prepared_is_there_after_a_reset() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}/new.db?mode=rwc", folder.path().display());
    for url in [&*file, "sqlite::memory:"] {
        let builder = Db::<Sqlite>::builder().url(url).max_connections(1);
        let db = builder
            .after_connect(|conn| {
                Box::pin(async move {
                    // Not on the connections that only read.
                    let reads: bool = sqlx::query_scalar("PRAGMA query_only")
                        .fetch_one(&mut *conn)
                        .await?;
                    match reads {
                        true => Ok(()),
                        false => conn.execute(PREPARE).await.map(drop),
                    }
                })
            })
            .connect()
            .await
            .unwrap();
        db.pool().execute(SCHEMA).await.unwrap();
        note(&db, 1).await.unwrap();
        for _ in 0..3 {
            assert_eq!(
                prepared(&db).await.unwrap(),
                "112250",
                "dbop's own limit is kept"
            );
            unseen(&db, "PRAGMA recursive_triggers = OFF; DROP TABLE mine")
                .await
                .unwrap();
        }
        assert_eq!(notes::notes(&db).await.unwrap(), [1]);
    }
}

#[tokio::test]
async fn a_hook_does_not_make_a_reader_write() {
    let fresh = notes::open().await;
    let builder = Db::<Sqlite>::builder().url(&fresh.url).max_connections(1);
    let db = builder
        .after_connect(|conn| {
            Box::pin(async move { conn.execute("PRAGMA query_only = OFF").await.map(drop) })
        })
        .connect()
        .await
        .unwrap();
    let error = notes::writes_where_it_may_not(&db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
}
