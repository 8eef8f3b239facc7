//! [`Source`]: where the task of a watcher reads jobs, and how it hears of their changes.

use futures_core::future::BoxFuture;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::ears;
use super::row::Row;
use crate::db::Db;
use crate::error::Result;
use crate::jobs::database::JobDatabase;
use crate::jobs::schema::check_migrated;
use crate::jobs::sql::{asked_once, json};
use crate::op::Op;

static LOOK: Op = Op::operation("dbop.jobs.watch", file!(), line!()).read_only();

/// Where jobs are read, and how changes of theirs are heard of.
pub trait Source: Send {
    /// Reads these jobs. From then on, their changes are heard of, as far as the rows say so.
    fn read<'s>(&'s mut self, jobs: &'s [i64]) -> BoxFuture<'s, Result<Vec<Row>>>;

    /// Waits until jobs have changed, and returns them. If the future is dropped, nothing is lost.
    fn heard(&mut self) -> BoxFuture<'_, Result<Vec<i64>>>;
}

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

/// Returns ids as the statements take them.
pub(super) fn ids(jobs: &[i64]) -> String {
    serde_json::to_string(jobs).expect("numbers are JSON")
}
