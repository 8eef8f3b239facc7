//! Jobs on PostgreSQL.

use std::time::Duration;

use futures_core::future::BoxFuture;
use riverqueue::migrate::PostgresMigrator;
use riverqueue::{Client, ClientBuilder};
use sqlx::{PgPool, Postgres};

use super::prepared::Prepared;
use super::refused::not_migrated;
use crate::db::Db;
use crate::error::{Error, ErrorKind, Result};
use crate::jobs::database::JobDatabase;
use crate::jobs::enqueued::Enqueued;
use crate::jobs::sql::{JobSql, POSTGRES, asked, json};
use crate::jobs::watch::listener::Listener;
use crate::jobs::watch::source::Source;
use crate::session::Tx;

/// The connections of River's own pool: one that listens, one that fetches, two that write results, and
/// one for the leader.
const CONNECTIONS: u32 = 5;

/// Returns a pool whose sessions are opened as those of the handle are, with the application's hooks.
fn pool_beside(db: &Db<Postgres>, connections: u32) -> PgPool {
    let options = db.pool().options().clone();
    options
        .min_connections(0)
        .max_connections(connections)
        .connect_lazy_with(db.pool().connect_options().as_ref().clone())
}

impl JobDatabase for Postgres {
    const JOB_SQL: &'static JobSql = &POSTGRES;
    const STORES_NUL: bool = false;

    fn insert<'t>(
        tx: &'t mut Tx<'_, Self>,
        jobs: &'t [&'t Prepared],
    ) -> BoxFuture<'t, Result<Vec<Enqueued>>> {
        Box::pin(async move {
            let rows = serde_json::to_string(jobs).map_err(|error| {
                Error::programming(ErrorKind::InvalidArgument, error.to_string())
            })?;
            let row = asked(tx.view.reborrow(), POSTGRES.insert, &[&rows]).await?;
            let enqueued: Vec<(i64, bool)> = json::<Postgres, _>(row)?;
            let enqueued = enqueued.into_iter();
            Ok(enqueued
                .map(|(id, duplicate)| Enqueued { id, duplicate })
                .collect())
        })
    }

    /// A pool of River's own, so that neither waits for the other: bodies may have all connections of
    /// the handle.
    fn engine_pool(db: &Db<Self>) -> PgPool {
        pool_beside(db, CONNECTIONS)
    }

    const NOTIFIES: bool = true;

    /// Looks find what a lost notification would have said.
    const LOOK_EVERY: Duration = Duration::from_secs(10);

    fn job_source(db: &Db<Self>) -> BoxFuture<'_, Result<Box<dyn Source>>> {
        Box::pin(async move {
            let listener = Listener::open(db).await?;
            Ok(Box::new(listener) as Box<dyn Source>)
        })
    }

    fn pool_of_one(db: &Db<Self>) -> Option<PgPool> {
        Some(pool_beside(db, 1))
    }

    fn engine_client(pool: PgPool) -> ClientBuilder {
        Client::builder(pool)
    }

    /// One process at a time migrates.
    fn engine_migrate(db: &Db<Self>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let lock = db.advisory_lock("dbop: jobs").await?;
            let migrated = PostgresMigrator::new(db.pool().clone()).migrate_up().await;
            // If the lock is lost meanwhile, the migrations are applied all the same.
            let _ = lock.release().await;
            migrated.map(drop).map_err(not_migrated)
        })
    }
}
