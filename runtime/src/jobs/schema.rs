//! [`migrate`]: the tables of jobs.

use sqlx::SqlSafeStr;

use super::database::JobDatabase;
use super::sql::{asked_once, json};
use crate::call::in_transaction;
use crate::db::Db;
use crate::error::{Error, ErrorKind, Result};
use crate::op::Op;
use crate::session::{View, run};

static LOOK: Op = Op::operation("dbop.jobs.look", file!(), line!()).read_only();
static MIGRATE: Op = Op::transaction("dbop.jobs.migrate", file!(), line!()).idempotent();

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
    let create = in_transaction(db, &MIGRATE, async |tx| {
        let View { conn, state } = tx.view.reborrow();
        Ok(run::<DB>(conn, state, DB::JOB_SQL.schema.into_sql_str()).await?)
    });
    create.await
}

/// Fails if the tables of jobs are not there.
pub(super) async fn check_migrated<DB: JobDatabase>(db: &Db<DB>) -> Result<()> {
    let is_there = json::<DB, _>(asked_once(db, &LOOK, DB::JOB_SQL.is_there, &[]).await?)?;
    match is_there {
        true => Ok(()),
        false => Err(not_migrated()),
    }
}

pub(super) fn not_migrated() -> Error {
    Error::programming(
        ErrorKind::Configuration,
        "the tables of jobs are not there; call `dbop::jobs::migrate(&db)` first",
    )
}

impl<DB: JobDatabase> Db<DB> {
    /// The SQL that creates what dbop keeps about jobs beside River's tables, which must be there. It
    /// does nothing if that exists.
    pub const JOBS_SCHEMA: &'static str = DB::JOB_SQL.schema;
}
