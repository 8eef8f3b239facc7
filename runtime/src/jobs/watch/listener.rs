//! [`Listener`]: the connection on which PostgreSQL tells of changes.

use futures_core::future::BoxFuture;
use sqlx::postgres::PgListener;
use sqlx::{Acquire, Postgres};

use super::row::Row;
use super::source::{Source, ids};
use crate::backend::Driver;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::jobs::database::JobDatabase;
use crate::jobs::schema::not_migrated;
use crate::jobs::sql::{POSTGRES, asked_on, json};

/// Returns the channel of the table, and whether the table has the trigger that tells. The channel is
/// named by the number of the table, because a name with a long schema in it would be no channel's.
const CHANNEL: &str = "SELECT concat('dbop_job.', to_regclass('river_job')::oid), EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgname = 'dbop_job_tell' AND tgrelid = to_regclass('river_job')
    )::text
    WHERE to_regclass('river_job') IS NOT NULL";

/// A connection of the watcher's own, beside the pool of the handle, with the application's hooks. Jobs are
/// read on this connection, so that a watcher waits for nobody else's, and so that each look shows whether
/// the connection lives.
pub(in crate::jobs) struct Listener(PgListener);

impl Listener {
    /// Opens the connection, and listens.
    pub(in crate::jobs) async fn open(db: &Db<Postgres>) -> Result<Self> {
        let pool = Postgres::pool_of_one(db).expect("PostgreSQL has connections for all");
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        let found = asked_on::<Postgres>(listener.acquire().await?, CHANNEL, &[]).await?;
        let Some(row) = found else {
            return Err(not_migrated());
        };
        if Postgres::text(&row, 1)?.as_deref() != Some("true") {
            tracing::warn!(
                "changes of watched jobs are noticed late, because the table has no trigger that tells of \
                 them; call `dbop::jobs::migrate(&db)` once more"
            );
        }
        let channel = Postgres::text(&row, 0)?.unwrap_or_default();
        listener.listen(&channel).await?;
        Ok(Self(listener))
    }
}

impl Source for Listener {
    fn read<'s>(&'s mut self, jobs: &'s [i64]) -> BoxFuture<'s, Result<Vec<Row>>> {
        Box::pin(async move {
            let ids = ids(jobs);
            let conn = self.0.acquire().await?;
            asked_on::<Postgres>(conn, POSTGRES.mark, &[&ids]).await?;
            json::<Postgres, _>(asked_on::<Postgres>(conn, POSTGRES.watched, &[&ids]).await?)
        })
    }

    fn heard(&mut self) -> BoxFuture<'_, Result<Vec<i64>>> {
        Box::pin(async move {
            match self.0.try_recv().await? {
                Some(told) => Ok(told.payload().parse().into_iter().collect()),
                None => Err(Error::from(sqlx::Error::Io(
                    std::io::ErrorKind::ConnectionAborted.into(),
                ))),
            }
        })
    }
}
