//! [`JobChunks`]: a step of a job that commits chunk by chunk.

use std::fmt;
use std::sync::Arc;

use serde_json::json;

use super::database::JobDatabase;
use super::fence::stopped;
use super::job::Job;
use super::watch::ring;
use crate::backend::{Backend, Dialect, KnownDatabase};
use crate::chunks::{AnyChunkScope, Asked, ChunkScope, InChunks, Ledger, Position, Resumable};
use crate::error::{Error, Result};
use crate::once::Fingerprint;
use crate::scope::sealed::HasSource;
use crate::scope::{HasAnySource, Source};

impl<DB: JobDatabase> Job<DB> {
    /// A step that commits chunk by chunk: what a `#[transactional(chunk = ..)]` takes for its transaction.
    ///
    /// The position is stored with each chunk, in its transaction, and told as the progress of the job. An
    /// attempt that finds a position skips the items before it, and fails if they are not those that
    /// were committed. An attempt that finds the step done reads no items.
    ///
    /// ```
    /// use dbop::jobs::Job;
    /// use dbop::{BulkInsert, Tx, job, transactional};
    /// use sqlx::Sqlite;
    ///
    /// #[transactional(chunk = 500)]
    /// async fn store(tx: &mut Tx<'_, Sqlite>, numbers: &[i64]) -> dbop::Result<()> {
    ///     BulkInsert::into("numbers").column("n", numbers).execute(&mut *tx).await?;
    ///     Ok(())
    /// }
    ///
    /// #[job]
    /// async fn count_to(job: &Job<Sqlite>, most: i64) -> dbop::Result<()> {
    ///     store(job.chunks("numbers"), futures_util::stream::iter(1..=most)).await?;
    ///     Ok(())
    /// }
    /// ```
    pub fn chunks(&self, step: impl Into<String>) -> JobChunks<DB> {
        JobChunks {
            job: self.clone(),
            step: Arc::from(step.into()),
        }
    }
}

/// A step of a job that commits chunk by chunk, from [`Job::chunks`].
#[must_use = "nothing happens until a function in chunks is called with this"]
pub struct JobChunks<DB: JobDatabase> {
    job: Job<DB>,
    step: Arc<str>,
}

impl<DB: JobDatabase> HasSource<DB> for JobChunks<DB> {
    fn source(&mut self) -> Source<'_, DB> {
        Source::Db(self.job.db())
    }
}

impl<DB: JobDatabase> HasAnySource for JobChunks<DB> {
    #[cfg(all(feature = "sqlite", feature = "postgres"))]
    type Choice = <DB as Dialect>::Choice;

    fn database(&self) -> KnownDatabase {
        <DB as Dialect>::DATABASE
    }

    fn source_on<Same: Backend>(&mut self) -> Source<'_, Same> {
        HasSource::<DB>::source(self).on()
    }
}

impl<DB: JobDatabase, T: Fingerprint> InChunks<T> for JobChunks<DB> {
    fn resumable(&self) -> Result<Option<Resumable<T>>> {
        self.job.take_name(&self.step)?;
        let ledger = StepLedger {
            chunks: self.clone(),
            is_done: false,
        };
        Ok(Some(Resumable::new(Box::new(ledger))))
    }
}

impl<DB: JobDatabase, T: Fingerprint> ChunkScope<DB, T> for JobChunks<DB> {}
impl<DB: JobDatabase, T: Fingerprint> AnyChunkScope<T> for JobChunks<DB> {}

/// The position of a step, stored as its result.
struct StepLedger<DB: JobDatabase> {
    chunks: JobChunks<DB>,
    is_done: bool,
}

impl<DB: JobDatabase> StepLedger<DB> {
    /// The attempt, the step and further arguments.
    fn arguments(&self, more: impl IntoIterator<Item = String>) -> Vec<String> {
        let attempt = self.chunks.job.fence().name();
        let step = self.chunks.step.to_string();
        attempt.into_iter().chain([step]).chain(more).collect()
    }

    /// The progress of the job that follows from a position, to be added to its metadata.
    fn progress(&self, at: &Position) -> String {
        let total = at.total.unwrap_or_default();
        let message = &*self.chunks.step;
        json!({ "done": at.items, "total": total, "message": message }).to_string()
    }
}

impl<DB: JobDatabase> Ledger for StepLedger<DB> {
    fn check(&self) -> Result<()> {
        self.chunks.job.refuse_if_stopped()
    }

    fn read(&self) -> Asked {
        Asked::new(DB::JOB_SQL.read_step, self.arguments([]))
    }

    fn advance(&self, from: Option<&Position>, to: &Position) -> Asked {
        let from = from.map(|from| from.items).unwrap_or_default();
        let (json, progress) = (json!(to).to_string(), self.progress(to));
        let more = [json, from.to_string(), progress];
        Asked::new(DB::JOB_SQL.move_step, self.arguments(more))
    }

    fn committed(&self) {
        ring::<DB>(self.chunks.job.id());
    }

    fn overtaken(&self) -> fn() -> Error {
        overtaken
    }

    fn end(&self, at: &Position) -> Option<Asked> {
        let sql = DB::JOB_SQL.store_step;
        Some(Asked::new(sql, self.arguments([json!(at).to_string()])))
    }

    fn done(&mut self) {
        self.is_done = true;
    }
}

/// A step that is not done may be tried again in this attempt.
impl<DB: JobDatabase> Drop for StepLedger<DB> {
    fn drop(&mut self) {
        if !self.is_done {
            self.chunks.job.free_name(&self.chunks.step);
        }
    }
}

fn overtaken() -> Error {
    stopped(
        "the job is not this attempt's any more: it was cancelled, deleted or completed, or its worker was taken \
         for dead and another one has it"
            .to_owned(),
    )
}

impl<DB: JobDatabase> Clone for JobChunks<DB> {
    fn clone(&self) -> Self {
        Self {
            job: self.job.clone(),
            step: Arc::clone(&self.step),
        }
    }
}

impl<DB: JobDatabase> fmt::Debug for JobChunks<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobChunks")
            .field("job", &self.job)
            .field("step", &self.step)
            .finish()
    }
}
