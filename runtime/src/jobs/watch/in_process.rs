//! [`InProcess`]: what a watcher has where the database does not notify.

use futures_core::future::BoxFuture;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::bell::ears;
use super::row::Row;
use super::source::{Source, ids};
use crate::db::Db;
use crate::error::Result;
use crate::jobs::database::JobDatabase;
use crate::jobs::schema::check_migrated;
use crate::jobs::sql::{asked_once, json};
use crate::op::Op;

static LOOK: Op = Op::operation("dbop.jobs.watch", file!(), line!()).read_only();

/// Reads with the handle, and hears what this process changes.
pub(in crate::jobs) struct InProcess<DB: JobDatabase> {
    db: Db<DB>,
    ears: Receiver<i64>,
}

impl<DB: JobDatabase> InProcess<DB> {
    pub(in crate::jobs) async fn of(db: &Db<DB>) -> Result<Self> {
        check_migrated(db).await?;
        Ok(Self {
            db: db.clone(),
            ears: ears(),
        })
    }
}

impl<DB: JobDatabase> Source for InProcess<DB> {
    fn read<'s>(&'s mut self, jobs: &'s [i64]) -> BoxFuture<'s, Result<Vec<Row>>> {
        Box::pin(async move {
            let ids = ids(jobs);
            json::<DB, _>(asked_once(&self.db, &LOOK, DB::JOB_SQL.watched, &[&ids]).await?)
        })
    }

    fn heard(&mut self) -> BoxFuture<'_, Result<Vec<i64>>> {
        Box::pin(async move {
            match self.ears.recv().await {
                Ok(job) => Ok(vec![job]),
                // Too much at once to hear. The next look is near.
                Err(RecvError::Lagged(_)) => Ok(Vec::new()),
                Err(RecvError::Closed) => std::future::pending().await,
            }
        })
    }
}
