//! [`Db`]: the database of a program that is not async.

use std::fmt;

use sqlx::SqlSafeStr;

use super::bridge::block_on;
use crate::backend::Backend;
use crate::db::{self, Builder};
use crate::error::Result;
use crate::scope::{Scope, Source, sealed};

/// A [`Db`](crate::Db) for scripts and tests that are not async: it is opened and closed by plain
/// functions, and operations take `&db` under [`block_on`].
///
/// ```
/// use dbop::blocking::{Db, block_on};
/// use dbop::{Tx, transactional};
/// use sqlx::Sqlite;
///
/// #[transactional]
/// async fn add(tx: &mut Tx<'_, Sqlite>, name: &str) -> dbop::Result<i64> {
///     let insert = sqlx::query_scalar("INSERT INTO users (name) VALUES (?) RETURNING id");
///     Ok(insert.bind(name).fetch_one(&mut *tx).await?)
/// }
///
/// fn main() -> dbop::Result<()> {
///     let db = Db::<Sqlite>::connect("sqlite::memory:")?;
///     db.run_script("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")?;
///     assert_eq!(block_on(add(&db, "Ada"))?, 1);
///     Ok(())
/// }
/// ```
pub struct Db<DB: Backend> {
    db: db::Db<DB>,
}

impl<DB: Backend> Db<DB> {
    /// Opens the database at `url`; see [`Db::connect`](crate::Db::connect).
    ///
    /// # Errors
    ///
    /// As there; and inside an async runtime, as [`block_on`].
    pub fn connect(url: &str) -> Result<Self> {
        Self::open(crate::Db::builder().url(url))
    }

    /// Opens the database that the environment describes; see
    /// [`Db::from_env`](crate::Db::from_env).
    ///
    /// # Errors
    ///
    /// As there; and inside an async runtime, as [`block_on`].
    pub fn from_env() -> Result<Self> {
        Self::open(crate::Db::builder().env()?)
    }

    /// Opens it with these settings.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn open(builder: Builder<DB>) -> Result<Self> {
        let db = block_on(builder.connect())?;
        Ok(Self { db })
    }

    /// Runs the statements of a text that is part of the program, such as a schema, outside of any
    /// transaction.
    ///
    /// # Errors
    ///
    /// That of the first statement that fails; and inside an async runtime, as [`block_on`].
    pub fn run_script(&self, sql: &'static str) -> Result<()> {
        let run = async {
            let mut conn = self.db.pool().acquire().await?;
            DB::run(&mut *conn, sql.into_sql_str()).await?;
            Ok(())
        };
        block_on(run)
    }

    /// Closes every connection; see [`Db::close`](crate::Db::close).
    ///
    /// # Errors
    ///
    /// Inside an async runtime, as [`block_on`].
    pub fn close(&self) -> Result<()> {
        block_on(async {
            self.db.close().await;
            Ok(())
        })
    }

    /// The same database for async code.
    #[must_use]
    pub fn as_async(&self) -> &db::Db<DB> {
        &self.db
    }
}

impl<DB: Backend> Clone for Db<DB> {
    fn clone(&self) -> Self {
        Self {
            db: self.db.clone(),
        }
    }
}

impl<DB: Backend> fmt::Debug for Db<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.db, f)
    }
}

impl<DB: Backend> sealed::Sealed for &Db<DB> {}

impl<DB: Backend> Scope<DB> for &Db<DB> {
    const TAKES_TRANSACTION: bool = true;

    fn source(&mut self) -> Source<'_, DB> {
        Source::Db(self.as_async())
    }
}
