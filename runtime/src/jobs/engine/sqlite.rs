//! Jobs on SQLite.

use std::time::Duration;

use futures_core::future::BoxFuture;
use riverqueue::migrate::SqliteMigrator;
use riverqueue::{Client, ClientBuilder};
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{Sqlite, SqlitePool};

use super::prepared::Prepared;
use super::refused::not_migrated;
use crate::backend::{Driver, PoolPlan};
use crate::db::Db;
use crate::error::Result;
use crate::jobs::database::JobDatabase;
use crate::jobs::enqueued::Enqueued;
use crate::jobs::sql::{JobSql, SQLITE, asked};
use crate::jobs::watch::source::{InProcess, Source};
use crate::session::Tx;

/// How long a heartbeat waits while another connection writes.
const PATIENCE: Duration = Duration::from_secs(5);

impl JobDatabase for Sqlite {
    const JOB_SQL: &'static JobSql = &SQLITE;
    const STORES_NUL: bool = true;

    fn insert<'t>(
        tx: &'t mut Tx<'_, Self>,
        jobs: &'t [&'t Prepared],
    ) -> BoxFuture<'t, Result<Vec<Enqueued>>> {
        Box::pin(async move {
            let mut enqueued = Vec::with_capacity(jobs.len());
            for job in jobs {
                let nonce = format!("{:016x}", fastrand::u64(..));
                let row = job.for_sqlite(&nonce)?;
                let row = asked(tx.view.reborrow(), SQLITE.insert, &[&row]).await?;
                let row = row.ok_or(sqlx::Error::RowNotFound)?;
                let id = Sqlite::text(&row, 0)?.and_then(|id| id.parse().ok());
                enqueued.push(Enqueued {
                    id: id.ok_or(sqlx::Error::RowNotFound)?,
                    duplicate: Sqlite::text(&row, 1)?.as_deref() != Some(&nonce),
                });
            }
            Ok(enqueued)
        })
    }

    /// The pool of the one connection that writes. River waits there in line with all other writers, and
    /// a database in memory has no other connection.
    fn engine_pool(db: &Db<Self>) -> SqlitePool {
        db.pool().clone()
    }

    const NOTIFIES: bool = false;

    /// Looks find what other processes have changed.
    const LOOK_EVERY: Duration = Duration::from_millis(500);

    fn job_source(db: &Db<Self>) -> BoxFuture<'_, Result<Box<dyn Source>>> {
        Box::pin(async move {
            let source = InProcess::of(db).await?;
            Ok(Box::new(source) as Box<dyn Source>)
        })
    }

    fn pool_of_one(db: &Db<Self>) -> Option<SqlitePool> {
        let options = db.pool().connect_options();
        if Self::is_in_memory(&options) {
            return None;
        }
        // A heartbeat waits for the lock beside the line of the writers.
        let options = options.as_ref().clone().busy_timeout(PATIENCE);
        let one = SqlitePoolOptions::new().max_connections(1);
        Some(one.connect_lazy_with(options))
    }

    fn engine_client(pool: SqlitePool) -> ClientBuilder {
        Client::builder(pool)
    }

    fn engine_migrate(db: &Db<Self>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let migrator = SqliteMigrator::new(db.pool().clone());
            let mut before = usize::MAX;
            let migrated = loop {
                let migrated = migrator.migrate_up().await;
                if migrated.is_ok() {
                    break migrated;
                }
                // Another process may have migrated meanwhile. If none has, the error would come again.
                match migrator.validate(None).await {
                    Ok(found) if found.unapplied.len() < before => before = found.unapplied.len(),
                    _ => break migrated,
                }
            };
            migrated.map(drop).map_err(not_migrated)
        })
    }
}
