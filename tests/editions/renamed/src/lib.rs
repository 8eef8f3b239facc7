//! Functions of a crate that knows dbop under another name, and unsafe functions, because the rest
//! of the workspace forbids `unsafe`.
#![deny(warnings, clippy::pedantic)]
#![cfg(test)]

use database::{Conn, Db, DbError, Tx, db_op, transactional};
use sqlx::{Sqlite, SqliteConnection};

#[derive(Debug, thiserror::Error, DbError)]
#[db_error(crate = ::database)]
enum AppError {
    #[error("come again")]
    #[db_error(category = transient)]
    Busy,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

async fn open() -> Db<Sqlite> {
    Db::connect("sqlite::memory:").await.unwrap()
}

#[tokio::test]
async fn a_renamed_dependency() {
    #[transactional(crate = ::database, timeout = "5s", isolation = serializable)]
    async fn f(tx: &mut Tx<'_, Sqlite>, (a, b): (i64, String)) -> Result<String, AppError> {
        let query = sqlx::query_scalar::<_, i64>("SELECT $1");
        match query.bind(a).fetch_one(&mut *tx).await? {
            0 => Err(AppError::Busy),
            n => Ok(format!("{b}{n}")),
        }
    }
    #[db_op(crate = ::database, read_only)]
    async fn g(conn: &mut SqliteConnection) -> Result<i64, AppError> {
        let query = sqlx::query_scalar("SELECT 2");
        Ok(query.fetch_one(&mut *conn).await?)
    }
    #[db_op(crate = ::database, allow(no_session))]
    async fn h(pool: &sqlx::SqlitePool) -> Result<i64, AppError> {
        Ok(sqlx::query_scalar("SELECT 3").fetch_one(pool).await?)
    }
    let db = open().await;
    assert_eq!(f(&db, (1, "n".to_owned())).await.unwrap(), "n1");
    assert_eq!(g(&mut &db).await.unwrap() + h(db.pool()).await.unwrap(), 5);
}

/// # Safety
///
/// `n` must not be null.
unsafe fn read(n: *const i64) -> i64 {
    // SAFETY: the caller promises that `n` is not null.
    unsafe { *n }
}

#[tokio::test]
async fn an_unsafe_function() {
    #[db_op(crate = ::database, retry = never)]
    async unsafe fn f(conn: &mut Conn<'_, Sqlite>, n: &i64) -> Result<i64, AppError> {
        // SAFETY: a reference is not null.
        let n = unsafe { read(n) };
        let query = sqlx::query_scalar("SELECT $1");
        Ok(query.bind(n).fetch_one(&mut *conn).await?)
    }
    let db = open().await;
    // SAFETY: the function asks for nothing.
    let found = unsafe { f(&db, &7) }.await;
    assert_eq!(found.unwrap(), 7);
}

#[tokio::test]
async fn an_unsafe_block_in_a_transaction() {
    #[transactional(crate = ::database)]
    async fn f(tx: &mut Tx<'_, Sqlite>, n: i64) -> Result<i64, AppError> {
        // SAFETY: a reference is not null.
        let n = unsafe { read(&raw const n) };
        let query = sqlx::query_scalar("SELECT $1");
        Ok(query.bind(n).fetch_one(&mut *tx).await?)
    }
    assert_eq!(f(&open().await, 7).await.unwrap(), 7);
}

#[derive(Debug, thiserror::Error, DbError)]
#[error(transparent)]
#[db_error(crate = ::database)]
struct DriverError(#[from] rusqlite::Error);

#[derive(Clone)]
struct Repo {
    db: database::BlockingDb<r2d2_sqlite::SqliteConnectionManager>,
    n: i64,
}

trait Read {
    async fn read(&self, text: &str) -> Result<i64, DriverError>;
}

impl Repo {
    #[transactional(crate = ::database, db = self.db)]
    fn add(&self, conn: &mut rusqlite::Connection, all: &[&str]) -> Result<i64, DriverError> {
        let len = i64::try_from(all.concat().len()).unwrap_or_default();
        Ok(conn.query_row("SELECT ?1", [self.n + len], |row| row.get(0))?)
    }
}

impl Read for Repo {
    #[db_op(crate = ::database, db = self.db, in_trait_impl)]
    fn read(&self, conn: &mut rusqlite::Connection, text: &str) -> Result<i64, DriverError> {
        self.add_sync(conn, &[text])
    }
}

#[tokio::test]
async fn plain_functions() {
    #[db_op(crate = ::database)]
    fn f(conn: &mut rusqlite::Connection, n: Option<&i64>) -> Result<i64, DriverError> {
        Ok(conn.query_row("SELECT ?1", [n], |row| row.get(0))?)
    }
    let manager = r2d2_sqlite::SqliteConnectionManager::memory();
    let repo = Repo {
        db: database::BlockingDb::new(manager),
        n: 1,
    };
    assert_eq!(f(&repo.db, Some(&7)).await.unwrap(), 7);
    assert_eq!(repo.add(&["a", "b"]).await.unwrap(), 3);
    assert_eq!(repo.read("abc").await.unwrap(), 4);
}
