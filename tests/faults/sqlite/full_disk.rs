//! A file that cannot grow, because of its own limit or because the disk is full.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use dbop::{Category, Conn, Db, DbError, ErrorKind, Outcome, Tx, db_op, transactional};
use sqlx::{AssertSqlSafe, Connection, Executor, Sqlite, SqliteConnection};

use super::fresh_with;
use dbop_tests::process::{Process, say, test_name};

const SCHEMA: &str = "CREATE TABLE pages (call INTEGER NOT NULL, bytes BLOB NOT NULL)";
const STORE: &str = "INSERT INTO pages VALUES ($1, zeroblob(3000)) RETURNING call";
/// The number of rows that a transaction stores.
const ROWS: i64 = 3;
const TASKS: i64 = 6;
const CALLS: i64 = 20;

#[derive(Debug, thiserror::Error, DbError)]
enum Trouble {
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

/// Returns how many rows it could store. Goes on after an error, which may have ended the
/// transaction.
#[transactional]
#[dbop::allow(query_in_loop, reason = "each row is stored or refused for itself")]
async fn store_some(tx: &mut Tx<'_, Sqlite>, call: i64) -> Result<i64, Trouble> {
    let mut rows = 0;
    for _ in 0..ROWS {
        let store = sqlx::query_scalar::<_, i64>(STORE).bind(call);
        rows += i64::from(store.fetch_one(&mut *tx).await.is_ok());
    }
    Ok(rows)
}

#[db_op]
async fn store_one(conn: &mut Conn<'_, Sqlite>, call: i64) -> Result<i64, Trouble> {
    let store = sqlx::query_scalar::<_, i64>(STORE);
    store.bind(call).fetch_one(&mut *conn).await?;
    Ok(1)
}

#[transactional]
async fn delete_up_to(tx: &mut Tx<'_, Sqlite>, call: i64) -> Result<(), Trouble> {
    let delete = sqlx::query("DELETE FROM pages WHERE call <= $1");
    delete.bind(call).execute(&mut *tx).await?;
    Ok(())
}

/// The number of rows that each call has reported as stored, by call.
type Told = BTreeMap<i64, i64>;

/// Makes calls from many tasks, numbered from `first`. Returns what they were told, and how many
/// were refused.
async fn fill(db: &Db<Sqlite>, first: i64) -> (Told, u32) {
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| tokio::spawn(store_often(db.clone(), first + task * CALLS)))
        .collect();
    let (mut told, mut refused) = (Told::new(), 0);
    for task in tasks {
        let (theirs, no) = task.await.expect("no panic");
        told.extend(theirs);
        refused += no;
    }
    (told, refused)
}

async fn store_often(db: Db<Sqlite>, first: i64) -> (Told, u32) {
    let (mut told, mut refused) = (Told::new(), 0);
    for call in first..first + CALLS {
        let result = match call % 2 {
            0 => store_one(&db, call).await,
            _ => store_some(&db, call).await,
        };
        match result {
            Ok(0) => refused += 1,
            Ok(rows) => drop(told.insert(call, rows)),
            Err(Trouble::Database(error)) => {
                refused += 1;
                assert_eq!(error.category(), Category::Resource, "{error:?}");
                assert_eq!(error.kind(), ErrorKind::DiskFull, "{error:?}");
                assert_eq!(error.outcome().unwrap(), Outcome::RolledBack, "{error:?}");
                assert_eq!(error.attempts(), 1, "nobody makes room by waiting");
            }
        }
    }
    (told, refused)
}

/// Returns what is stored, as another session sees it.
async fn stored(url: &str) -> Told {
    let mut conn = SqliteConnection::connect(url).await.expect("the file");
    let integrity: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&mut conn)
        .await
        .expect("an answer");
    assert_eq!(integrity, "ok");
    let rows = sqlx::query_as("SELECT call, COUNT(*) FROM pages GROUP BY call");
    let rows: Vec<(i64, i64)> = rows.fetch_all(&mut conn).await.expect("the rows");
    rows.into_iter().collect()
}

/// Lets the file grow by this many pages.
async fn limit(db: &Db<Sqlite>, more: i64) {
    let mut conn = db.pool().acquire().await.expect("the writer");
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count")
        .fetch_one(&mut *conn)
        .await
        .expect("a number");
    let limit = AssertSqlSafe(format!("PRAGMA max_page_count = {}", pages + more));
    conn.execute(limit).await.expect("a setting");
}

#[tokio::test]
async fn in_a_file_at_its_limit_exactly_the_rows_are_stored_that_calls_said_ok_for() {
    let db = fresh_with(|builder| builder).await;
    db.pool().execute(SCHEMA).await.unwrap();
    limit(&db, 60).await;
    let (mut told, refused) = fill(&db, 0).await;
    assert!(
        !told.is_empty() && refused > 0,
        "the limit was not met half-way"
    );
    assert_eq!(stored(&db.url).await, told);

    // Deleted rows make room for new ones.
    let middle = *told.keys().nth(told.len() / 2).unwrap();
    delete_up_to(&*db, middle).await.unwrap();
    told.retain(|call, _| *call > middle);
    assert_eq!(store_some(&*db, 1_001).await.unwrap(), ROWS);
    store_one(&*db, 1_002).await.unwrap();
    told.extend([(1_001, ROWS), (1_002, 1)]);
    assert_eq!(stored(&db.url).await, told);

    // A higher limit makes room, too.
    fill(&db, 2_000).await;
    let told = stored(&db.url).await;
    limit(&db, 10_000).await;
    let (more, refused) = fill(&db, 3_000).await;
    assert_eq!(refused, 0);
    assert_eq!(
        stored(&db.url).await,
        told.into_iter().chain(more).collect()
    );
}

#[transactional]
#[dbop::allow(query_in_loop, reason = "the disk is full after any one of the rows")]
async fn store_all(tx: &mut Tx<'_, Sqlite>, call: i64) -> Result<(), Trouble> {
    for _ in 0..ROWS {
        let store = sqlx::query_scalar::<_, i64>(STORE);
        store.bind(call).fetch_one(&mut *tx).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_transaction_that_meets_the_limit_half_way_leaves_nothing_of_itself() {
    let (mut stored_all, mut refused) = (0, 0);
    for more in 0..=6 {
        let db = fresh_with(|builder| builder).await;
        db.pool().execute(SCHEMA).await.unwrap();
        limit(&db, more).await;
        let result = store_all(&*db, 1).await;
        let rows = stored(&db.url).await.get(&1).copied().unwrap_or(0);
        match result {
            Ok(()) => {
                assert_eq!(rows, ROWS, "room for {more} pages");
                stored_all += 1;
            }
            Err(Trouble::Database(error)) => {
                assert_eq!(error.outcome().unwrap(), Outcome::RolledBack, "{error:?}");
                assert_eq!(rows, 0, "room for {more} pages");
                refused += 1;
            }
        }
    }
    assert!(stored_all > 0 && refused > 1, "{stored_all}, {refused}");
}

/// Returns how many of its inserts sqlx, by itself, reports as stored.
async fn store_with_sqlx_alone(url: &str, first: i64) -> usize {
    let mut conn = SqliteConnection::connect(url).await.expect("the file");
    let mut said_ok = 0;
    for call in first..first + CALLS {
        let store = sqlx::query_scalar::<_, i64>(STORE).bind(call);
        said_ok += usize::from(store.fetch_one(&mut conn).await.is_ok());
    }
    said_ok
}

const DISK: &str = "DBOP_TEST_CHILD_DISK";
/// A command that runs a program as root of a namespace of its own. What the program mounts is seen
/// by nobody else, and goes away with it. This needs no rights where the system allows such
/// namespaces.
const APART: [&str; 3] = ["unshare", "--map-root-user", "--mount"];

fn mount(folder: &Path, through: &[&str]) -> bool {
    let command = ["mount", "-t", "tmpfs", "-o", "size=1m", "dbop-tests"];
    let words: Vec<&str> = through.iter().chain(&command).copied().collect();
    let mount = Command::new(words[0])
        .args(&words[1..])
        .arg(folder)
        .stderr(Stdio::null())
        .status();
    mount.is_ok_and(|status| status.success())
}

#[tokio::test]
#[ignore = "the other process of the test below"]
async fn child_with_a_small_disk() {
    let Ok(folder) = std::env::var(DISK) else {
        return;
    };
    let folder = Path::new(&folder);
    assert!(
        mount(folder, &[]),
        "the file system could be mounted a moment ago"
    );
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, vec![1; 400 * 1024]).expect("room at the start");
    let url = format!("sqlite:{}/full.db", folder.display());
    let db = Db::<Sqlite>::connect(&format!("{url}?mode=rwc"))
        .await
        .expect("a new file");
    db.pool().execute(SCHEMA).await.expect("the schema");

    let (mut told, mut refused) = fill(&db, 0).await;
    let mut first = 1_000;
    while refused == 0 {
        let (more, no) = fill(&db, first).await;
        told.extend(more);
        (refused, first) = (no, first + 1_000);
    }
    assert!(!told.is_empty(), "nothing fitted");
    assert_eq!(stored(&url).await, told);
    let said_ok = store_with_sqlx_alone(&url, 200_000).await;
    let kept = stored(&url).await.split_off(&200_000);
    let of_sqlx = format!("sqlx alone: {said_ok} said Ok, {} stored", kept.len());
    assert!(
        kept.len() < said_ok,
        "{of_sqlx}: the reason for draining is gone"
    );
    told.extend(kept);
    std::fs::remove_file(&ballast).expect("the ballast");
    store_some(&db, 100_001).await.expect("there is room again");
    store_one(&db, 100_002).await.expect("there is room again");
    told.extend([(100_001, ROWS), (100_002, 1)]);
    assert_eq!(stored(&url).await, told);
    say(format!(
        "dbop: {} said Ok and stored, {refused} refused; {of_sqlx}",
        told.len()
    ));
}

#[tokio::test]
async fn on_a_full_disk_exactly_the_rows_are_stored_that_calls_said_ok_for() {
    let folder = tempfile::tempdir().unwrap();
    if !mount(folder.path(), &APART) {
        eprintln!("NOT TESTED: nothing can be mounted here, so there is no disk to fill");
        return;
    }
    let child = test_name(module_path!(), "child_with_a_small_disk");
    let disk = folder.path().to_str().unwrap();
    let child = Process::start_under(&APART, &child, &[(DISK, disk)]);
    let said = child.end().await;
    assert_eq!(said.len(), 1, "{said:?}");
    println!("{}", said[0]);
}
