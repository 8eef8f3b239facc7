//! [`JobDatabase`]: what differs between databases.

use std::time::Duration;

use futures_core::future::BoxFuture;

use super::engine::ClientBuilder;
use super::engine::prepared::Prepared;
use super::enqueued::Enqueued;
use super::sql::JobSql;
use super::watch::source::Source;
use crate::backend::Backend;
use crate::db::Db;
use crate::error::Result;
use crate::session::Tx;

/// A database that keeps jobs: SQLite and PostgreSQL. The trait is sealed, as [`Backend`] is.
pub trait JobDatabase: Backend {
    /// The statements about jobs.
    #[doc(hidden)]
    const JOB_SQL: &'static JobSql;

    /// Whether JSON in this database may have the character U+0000.
    #[doc(hidden)]
    const STORES_NUL: bool;

    /// Writes the rows of jobs, and returns what became of each.
    #[doc(hidden)]
    fn insert<'t>(
        tx: &'t mut Tx<'_, Self>,
        jobs: &'t [&'t Prepared],
    ) -> BoxFuture<'t, Result<Vec<Enqueued>>>;

    /// Returns the pool on which River works.
    #[doc(hidden)]
    fn engine_pool(db: &Db<Self>) -> sqlx::Pool<Self>;

    /// Returns a builder of River's client on a pool.
    #[doc(hidden)]
    fn engine_client(pool: sqlx::Pool<Self>) -> ClientBuilder;

    /// Applies River's migrations.
    #[doc(hidden)]
    fn engine_migrate(db: &Db<Self>) -> BoxFuture<'_, Result<()>>;

    /// Whether a change of a job is notified by the database itself.
    #[doc(hidden)]
    const NOTIFIES: bool;

    /// How often a watcher looks at all of its jobs, unless somebody says otherwise.
    #[doc(hidden)]
    const LOOK_EVERY: Duration;

    /// Opens what a watcher reads jobs from.
    #[doc(hidden)]
    fn job_source(db: &Db<Self>) -> BoxFuture<'_, Result<Box<dyn Source>>>;

    /// Returns a pool of one connection beside those of the handle, for what must not wait for them. `None`
    /// if the database has only the connection of the handle.
    #[doc(hidden)]
    fn pool_of_one(db: &Db<Self>) -> Option<sqlx::Pool<Self>>;
}
