//! [`migrate`]: the tables of jobs; and [`JobDatabase`]: what differs between databases.

use futures_core::future::BoxFuture;
use sqlx::SqlSafeStr;

use super::engine::ClientBuilder;
use super::engine::prepared::Prepared;
use super::enqueued::Enqueued;
use super::sql::JobSql;
use crate::backend::Backend;
use crate::call::Call;
use crate::db::Db;
use crate::error::Result;
use crate::op::Op;
use crate::session::{Tx, View, run};

static MIGRATE: Op = Op::transaction("dbop.jobs.migrate", file!(), line!()).idempotent();

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

    /// Returns a pool from which heartbeats get a connection of their own. `None` if the database has only
    /// the connection of the handle.
    #[doc(hidden)]
    fn pulse_pool(db: &Db<Self>) -> Option<sqlx::Pool<Self>>;
}

/// Creates or upgrades the tables of jobs: those of River, which its clients in other languages share,
/// and those of dbop. Processes that start at the same time may all call this.
///
/// A role that may not create tables has them created by `riverqueue migrate-up` and by
/// [`Db::JOBS_SCHEMA`].
///
/// ```
/// # async fn example(db: dbop::Db<sqlx::Sqlite>) -> dbop::Result<()> {
/// dbop::jobs::migrate(&db).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Fails if a statement fails, or if no connection is free in time.
pub async fn migrate<DB: JobDatabase>(db: &Db<DB>) -> Result<()> {
    DB::engine_migrate(db).await?;
    let mut call = Call::<_, DB, Result<()>>::transaction(&MIGRATE, db);
    while let Some(mut attempt) = call.begin().await {
        let runs = attempt.body();
        let mut tx = attempt.tx();
        let View { conn, state } = tx.view.reborrow();
        let create = async { Ok(run::<DB>(conn, state, DB::JOB_SQL.schema.into_sql_str()).await?) };
        let ran = runs.run(create).await;
        attempt.end(ran).await;
    }
    call.finish()
}

impl<DB: JobDatabase> Db<DB> {
    /// The SQL that creates what dbop keeps about jobs beside River's tables, which must be there. It
    /// does nothing if that exists.
    pub const JOBS_SCHEMA: &'static str = DB::JOB_SQL.schema;
}
