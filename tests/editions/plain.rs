//! Plain functions that both older editions compile.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::Arc;

use dbop::{db_op, transactional, BlockingDb, DbError};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;

#[derive(Debug, thiserror::Error, DbError)]
enum AppError {
    #[error("come again")]
    #[db_error(category = transient)]
    Busy,
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

type Answer<T = i64> = Result<T, AppError>;

type SqliteDb = BlockingDb<SqliteConnectionManager>;

fn open() -> SqliteDb {
    let manager = SqliteConnectionManager::memory();
    BlockingDb::builder(manager).max_connections(1).build()
}

fn echo(conn: &Connection, value: i64) -> rusqlite::Result<i64> {
    conn.query_row("SELECT ?1", [value], |row| row.get(0))
}

#[derive(Clone, Debug, Default)]
struct Flaky(Arc<AtomicU32>);

impl Flaky {
    fn pass(&self) -> Answer<()> {
        match self.0.fetch_add(1, SeqCst) {
            0 => Err(AppError::Busy),
            _ => Ok(()),
        }
    }
}

#[transactional]
fn all(
    conn: &mut Connection,
    texts: &[&str],
    path: Option<&Path>,
    (mut a, b): (i64, String),
    flaky: &Flaky,
    #[cfg(test)] r#async: impl Fn(i64) -> i64 + Clone + Send + 'static,
) -> Answer<String> {
    flaky.pass()?;
    a += r#async(1);
    let n = echo(conn, a)?;
    Ok(format!("{}{}{}{:?}", texts.concat(), n, b, path))
}

#[tokio::test]
async fn arguments() {
    let (db, flaky) = (open(), Flaky::default());
    let b = "b".to_owned();
    let all = all(&db, &["x", "y"], None, (1, b), &flaky, |n| n + 1).await;
    assert_eq!(all.unwrap(), "xy3bNone");
}

#[derive(Clone)]
struct Repo {
    db: SqliteDb,
    n: i64,
}

impl Repo {
    #[transactional]
    fn add(self: &Arc<Self>, conn: &mut Connection, n: i64) -> Answer {
        Ok(echo(conn, self.n + n)?)
    }

    #[db_op(db = self.db)]
    fn get(&self, conn: &Connection) -> Answer {
        Ok(echo(conn, self.n)?)
    }
}

trait Read {
    async fn read(&self, n: Option<i64>) -> Answer;
}

/// A guard that uses, when it is dropped, what it borrows. If that were a local of the same block,
/// it would be gone by then.
struct Guard<'a>(&'a mut Option<i64>);

impl Guard<'_> {
    fn get(&self) -> i64 {
        self.0.unwrap_or_default()
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.take();
    }
}

impl Read for Repo {
    #[db_op(db = self.db, in_trait_impl)]
    fn read(&self, conn: &mut Connection, mut n: Option<i64>) -> Answer {
        echo(conn, self.n)?;
        Ok(self.n + Guard(&mut n).get())
    }
}

#[tokio::test]
async fn methods() {
    let repo = Arc::new(Repo { db: open(), n: 4 });
    assert_eq!(repo.add(&repo.db, 1).await.unwrap(), 5);
    assert_eq!(repo.get().await.unwrap(), 4);
    assert_eq!(repo.read(Some(2)).await.unwrap(), 6);
}
