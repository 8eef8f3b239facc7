//! `INSERT .. RETURNING` that fails after its row has been returned.

use std::time::Duration;

use dbop::{Conn, ErrorKind, Outcome, Tx, db_op, transactional};
use dbop_tests::Fresh;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, Executor, Sqlite, SqliteConnection, SqlitePool};

use super::common::replay::Failure;
use super::{fresh_with, outside};

const ADOPT: &str = "INSERT INTO children VALUES (1, 99) RETURNING id";
const STORE: &str = "INSERT INTO pages (bytes) VALUES (zeroblob(3000)) RETURNING id";

async fn open() -> Fresh<Sqlite> {
    let fresh = fresh_with(|builder| builder).await;
    let schema = "CREATE TABLE parents (id INTEGER PRIMARY KEY);
        CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL
            REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
        CREATE TABLE pages (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)";
    fresh.pool().execute(schema).await.unwrap();
    fresh
}

async fn count(db: &Fresh<Sqlite>, table: &str) -> usize {
    let count = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
    let rows: i64 = sqlx::query_scalar(count)
        .fetch_one(&mut outside(db).await)
        .await
        .unwrap();
    usize::try_from(rows).unwrap()
}

/// Limits the file so that it has room for a few more pages only.
async fn fill_up(conn: &mut SqliteConnection) {
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count")
        .fetch_one(&mut *conn)
        .await
        .unwrap();
    let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {}", pages + 4));
    conn.execute(limit).await.unwrap();
}

macro_rules! returning {
    ($operation:ident, $transaction:ident, $sql:ident) => {
        #[db_op]
        async fn $operation(conn: &mut Conn<'_, Sqlite>) -> Result<i64, Failure> {
            Ok(sqlx::query_scalar($sql).fetch_one(&mut *conn).await?)
        }

        #[transactional]
        async fn $transaction(tx: &mut Tx<'_, Sqlite>) -> Result<i64, Failure> {
            Ok(sqlx::query_scalar($sql).fetch_one(&mut *tx).await?)
        }
    };
}

returning!(adopt, adopt_in_tx, ADOPT);
returning!(store, store_in_tx, STORE);

#[tokio::test]
async fn sqlx_alone_calls_an_insert_stored_that_a_deferred_key_refused() {
    let db = open().await;
    let mut conn = outside(&db).await;
    let id: i64 = sqlx::query_scalar(ADOPT)
        .fetch_one(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    assert_eq!((id, count(&db, "children").await), (1, 0));
}

#[tokio::test]
async fn a_deferred_key_refuses_an_insert_returning() {
    let db = open().await;
    for error in [
        adopt(&*db).await.unwrap_err(),
        adopt_in_tx(&*db).await.unwrap_err(),
    ] {
        assert_eq!(error.database().kind(), ErrorKind::ForeignKey);
    }
    assert_eq!(count(&db, "children").await, 0);
}

/// Opens a file with a rollback journal, in which a reader keeps a writer from committing.
async fn open_with_reader() -> (Fresh<Sqlite>, SqliteConnection) {
    let db = open().await;
    db.close().await;
    let mut reader = outside(&db).await;
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode = DELETE")
        .fetch_one(&mut reader)
        .await
        .unwrap();
    assert_eq!(mode, "delete");
    reader.execute("BEGIN; SELECT * FROM pages").await.unwrap();
    (db, reader)
}

#[tokio::test]
async fn sqlx_alone_calls_an_insert_stored_that_a_lock_refused() {
    let (db, mut reader) = open_with_reader().await;
    let mut conn = outside(&db).await;
    conn.execute("PRAGMA busy_timeout = 100").await.unwrap();
    let id: i64 = sqlx::query_scalar(STORE)
        .fetch_one(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    reader.execute("COMMIT").await.unwrap();
    assert_eq!((id, count(&db, "pages").await), (1, 0));
}

#[tokio::test]
async fn a_lock_at_the_end_refuses_an_insert_returning() {
    let (db, mut reader) = open_with_reader().await;
    let options: SqliteConnectOptions = db.url.parse().unwrap();
    let pool = SqlitePool::connect_lazy_with(options.busy_timeout(Duration::from_millis(50)));
    for error in [
        store(&pool).await.unwrap_err(),
        store_in_tx(&pool).await.unwrap_err(),
    ] {
        let error = error.database();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Lock, 5));
        assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
    }
    assert_eq!(count(&db, "pages").await, 0);
    reader.execute("COMMIT").await.unwrap();
    store(&pool).await.unwrap();
    store_in_tx(&pool).await.unwrap();
    assert_eq!(count(&db, "pages").await, 2);
}

#[tokio::test]
async fn on_a_full_disk_as_many_rows_are_stored_as_calls_have_said_ok() {
    let db = open().await;
    fill_up(&mut db.pool().acquire().await.unwrap()).await;
    let mut stored = 0;
    for call in 0..60 {
        let stored_or_not = match call % 2 {
            0 => store(&*db).await,
            _ => store_in_tx(&*db).await,
        };
        match stored_or_not {
            Ok(_) => stored += 1,
            Err(error) => {
                let error = error.database();
                assert_eq!(error.kind(), ErrorKind::DiskFull);
                assert_eq!(error.attempts(), 1);
                if call % 2 == 1 {
                    assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
                }
            }
        }
    }
    assert_eq!(count(&db, "pages").await, stored);
    assert!(
        (1..60).contains(&stored),
        "{stored} of 60: the limit was not met half-way"
    );
}
