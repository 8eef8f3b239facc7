//! What all shapes use: a database, a statement, an error, and a failure that goes away.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use dbop::{Db, DbError};
use sqlx::{Executor, Sqlite};

#[derive(Debug, thiserror::Error, DbError)]
pub(crate) enum AppError {
    #[error("come again")]
    #[db_error(category = transient)]
    Busy,
    #[error("refused")]
    Refused,
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

pub(crate) type Answer<T = i64> = Result<T, AppError>;

/// Opens a database in memory with an empty table `notes (id, text)`.
pub(crate) async fn open() -> Db<Sqlite> {
    let db = Db::connect("sqlite::memory:").await.unwrap();
    let schema = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)";
    db.pool().execute(schema).await.unwrap();
    db
}

/// Lets the database return the value it is given.
pub(crate) async fn echo<'e, E>(executor: E, value: i64) -> Result<i64, sqlx::Error>
where
    E: Executor<'e, Database = Sqlite>,
{
    let query = sqlx::query_scalar("SELECT $1");
    query.bind(value).fetch_one(executor).await
}

pub(crate) async fn note<'e, E>(executor: E, text: &str) -> Result<i64, sqlx::Error>
where
    E: Executor<'e, Database = Sqlite>,
{
    let query = sqlx::query_scalar("INSERT INTO notes (text) VALUES ($1) RETURNING id");
    query.bind(text).fetch_one(executor).await
}

/// Returns how many notes there are, seen from outside all operations.
pub(crate) async fn notes(db: &Db<Sqlite>) -> i64 {
    let query = sqlx::query_scalar("SELECT COUNT(*) FROM notes");
    query.fetch_one(db.pool()).await.unwrap()
}

/// Fails the first attempt of all that pass.
#[derive(Debug, Default)]
pub(crate) struct Flaky(AtomicU32);

impl Flaky {
    pub(crate) fn pass(&self) -> Answer<()> {
        match self.0.fetch_add(1, SeqCst) {
            0 => Err(AppError::Busy),
            _ => Ok(()),
        }
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.0.load(SeqCst)
    }
}
