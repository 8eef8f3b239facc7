//! [`BlockOnDb`]: the database of a program that is not async.

use std::fmt;
use std::time::Duration;

use sqlx::SqlSafeStr;

use super::bridge::block_on;
use crate::backend::Backend;
use crate::db::{self, DbBuilder};
use crate::error::Result;
use crate::policy::Shutdown;
use crate::scope::{
    Place, Scope, SessionPlace, SessionScope, Source, TwoWayScope, TwoWaySessionScope, sealed,
};

/// A [`Db`](crate::Db) for scripts and tests that are not async. Plain functions open and close it;
/// operations take `&db` and run under [`block_on`].
///
/// ```
/// use dbop::blocking::{BlockOnDb, block_on};
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
///     let db = BlockOnDb::<Sqlite>::connect("sqlite::memory:")?;
///     db.run_script("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")?;
///     assert_eq!(block_on(add(&db, "Ada"))?, 1);
///     Ok(())
/// }
/// ```
pub struct BlockOnDb<DB: Backend> {
    db: db::Db<DB>,
}

impl<DB: Backend> BlockOnDb<DB> {
    /// Opens the database at `url`; see [`Db::connect`](crate::Db::connect).
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Db::connect`](crate::Db::connect), and fails inside an async
    /// runtime, as [`block_on`] does.
    pub fn connect(url: &str) -> Result<Self> {
        Self::open(crate::Db::builder().url(url))
    }

    /// Opens the database that the environment describes; see
    /// [`Db::from_env`](crate::Db::from_env).
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Db::from_env`](crate::Db::from_env), and fails inside an async
    /// runtime, as [`block_on`] does.
    pub fn from_env() -> Result<Self> {
        Self::open(crate::Db::builder().env()?)
    }

    /// Opens the database that the builder describes.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`connect`](Self::connect).
    pub fn open(builder: DbBuilder<DB>) -> Result<Self> {
        let db = block_on(builder.connect())?;
        Ok(Self { db })
    }

    /// Runs the statements of a text that is part of the program, such as a schema. dbop opens no
    /// transaction around them.
    ///
    /// # Errors
    ///
    /// Returns the error of the first statement that fails, and fails inside an async runtime, as
    /// [`block_on`] does.
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
    /// Fails inside an async runtime, as [`block_on`] does.
    pub fn close(&self) -> Result<()> {
        block_on(async {
            self.db.close().await;
            Ok(())
        })
    }

    /// Lets no call begin any more, waits for this long until those that run have ended, and closes every
    /// connection; see [`Db::shutdown`](crate::Db::shutdown).
    ///
    /// # Errors
    ///
    /// Fails inside an async runtime, as [`block_on`] does.
    pub fn shutdown(&self, time: Duration) -> Result<Shutdown> {
        block_on(async { Ok(self.db.shutdown(time).await) })
    }

    /// Returns the handle to this database that async code uses.
    #[must_use]
    pub fn as_async(&self) -> &db::Db<DB> {
        &self.db
    }
}

impl<DB: Backend> Clone for BlockOnDb<DB> {
    fn clone(&self) -> Self {
        Self {
            db: self.db.clone(),
        }
    }
}

impl<DB: Backend> fmt::Debug for BlockOnDb<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.db, f)
    }
}

#[diagnostic::do_not_recommend]
impl<DB: Backend> TwoWaySessionScope<DB> for &BlockOnDb<DB> {}
#[diagnostic::do_not_recommend]
impl<DB: Backend> TwoWayScope<DB> for &BlockOnDb<DB> {}
#[diagnostic::do_not_recommend]
impl<DB: Backend> SessionScope<DB> for &BlockOnDb<DB> {}
#[diagnostic::do_not_recommend]
impl<DB: Backend> Scope<DB> for &BlockOnDb<DB> {}
#[diagnostic::do_not_recommend]
impl<DB: Backend> SessionPlace<DB> for &BlockOnDb<DB> {}
#[diagnostic::do_not_recommend]
impl<DB: Backend> Place<DB> for &BlockOnDb<DB> {}

impl<DB: Backend> sealed::HasSource<DB> for &BlockOnDb<DB> {
    fn source(&mut self) -> Source<'_, DB> {
        Source::Db(self.as_async())
    }
}
