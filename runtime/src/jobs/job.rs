//! [`Job`]: what the body of a job gets.

use std::any::Any;
use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::database::JobDatabase;
use super::fence::Fence;
use super::fetched::Fetched;
use super::info::Progress;
use super::shared::Shared;
use crate::db::Db;
use crate::error::Result;
use crate::rt::lock;
use crate::session::Tx;

/// How often progress is written at most.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// A job that runs: what the body of a function under [`#[job]`](macro@crate::job) gets.
///
/// A body is run until it has succeeded, so it may run several times. Its steps, which
/// [`read`](Self::read), [`call`](Self::call) and [`write`](Self::write) make, are done once each: their
/// results are stored, and an attempt goes on after the last step that is done.
///
/// ```
/// use dbop::job;
/// use dbop::jobs::Job;
/// use sqlx::Sqlite;
///
/// # async fn ask_the_model(text: &str, key: &str) -> dbop::Result<String> { Ok(format!("{text}{key}")) }
/// #[job(timeout = "10m")]
/// async fn summarize(job: &Job<Sqlite>, report: i64) -> dbop::Result<()> {
///     let text = job.read("text", async |tx| {
///         let text = sqlx::query_scalar("SELECT text FROM reports WHERE id = ?");
///         dbop::Result::<String>::Ok(text.bind(report).fetch_one(&mut *tx).await?)
///     });
///     let text = text.await?;
///     // No connection is held meanwhile. The key is the same in each attempt.
///     let summary = job.call("model", async |key| ask_the_model(&text, key).await).await?;
///     let store = job.write("store", async |tx| {
///         let update = sqlx::query("UPDATE reports SET summary = ? WHERE id = ?");
///         update.bind(&summary).bind(report).execute(&mut *tx).await?;
///         dbop::Result::Ok(())
///     });
///     store.await
/// }
/// ```
pub struct Job<DB: JobDatabase> {
    inner: Arc<Inner<DB>>,
}

struct Inner<DB: JobDatabase> {
    shared: Arc<Shared<DB>>,
    fetched: Arc<Fetched>,
    idempotent: bool,
    /// The names of the steps that this attempt has begun.
    names: Mutex<HashSet<String>>,
    /// Whether the outcome of a step is not known. The next attempt finds out.
    is_unsure_of_step: AtomicBool,
    /// Whether [`Job::complete`] was called in the transaction of the step that runs.
    completes: AtomicBool,
    snooze: Mutex<Option<Duration>>,
    cancel: AtomicBool,
    told_progress: Mutex<Option<Instant>>,
}

impl<DB: JobDatabase> Job<DB> {
    pub(super) fn new(shared: Arc<Shared<DB>>, fetched: Arc<Fetched>, idempotent: bool) -> Self {
        Self {
            inner: Arc::new(Inner {
                shared,
                fetched,
                idempotent,
                names: Mutex::default(),
                is_unsure_of_step: AtomicBool::new(false),
                completes: AtomicBool::new(false),
                snooze: Mutex::new(None),
                cancel: AtomicBool::new(false),
                told_progress: Mutex::new(None),
            }),
        }
    }

    /// The id, by which others find the job.
    #[must_use]
    pub fn id(&self) -> i64 {
        self.fetched().id
    }

    /// The kind: the name of the function, or what its option `name` says.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.fetched().kind
    }

    /// The queue.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.fetched().queue
    }

    /// Which attempt this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> i32 {
        self.fetched().attempt
    }

    /// How often the job is attempted until it is discarded.
    #[must_use]
    pub fn max_attempts(&self) -> i32 {
        self.fetched().max_attempts
    }

    /// The handle of the workers, for operations that are no steps. An operation that must not be done
    /// twice takes `once = job.key("name")`, as [`key`](Self::key) says.
    #[must_use]
    pub fn db(&self) -> &Db<DB> {
        &self.inner.shared.db
    }

    /// Returns a key that is the same in each attempt of this job, and belongs to no other job:
    /// for a `once` operation, and as the idempotency key of a request to another service.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.kind(), self.id())
    }

    /// Whether the job is to stop: somebody has cancelled it, its timeout has passed, or its process
    /// stops.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.fetched().cancelled.is_cancelled() || self.inner.shared.lost().is_cancelled()
    }

    /// Waits until the job is to stop, for a body that has something to do then. Five seconds later
    /// the body is dropped where it stands.
    ///
    /// A step that runs at that moment ends at its next await, with an error, and is rolled back. A
    /// `COMMIT` is never interrupted.
    pub async fn cancelled(&self) {
        self.fetched().cancelled.cancelled().await;
    }

    /// Writes down how far the job is. `total` is 0 if nobody knows how much there is to do.
    ///
    /// Progress is written twice a second at most. What comes in between is left out, unless `done` has
    /// reached `total`.
    ///
    /// # Errors
    ///
    /// Fails if the database does, if another worker has the job by now, or the job was cancelled, and in
    /// the body of a `read` or a `write`, whose transaction would have to end first.
    pub async fn progress(&self, done: u64, total: u64, message: impl Into<String>) -> Result<()> {
        self.refuse_in_step("the progress")?;
        {
            let mut told = lock(&self.inner.told_progress);
            let now = Instant::now();
            let is_last = total > 0 && done >= total;
            if !is_last && told.is_some_and(|told| now - told < PROGRESS_EVERY) {
                return Ok(());
            }
            *told = Some(now);
        }
        let progress = Progress {
            done,
            total,
            message: message.into(),
        };
        let metadata = json!({ "dbop:progress": progress });
        self.fence().annotate(self.db(), &metadata).await
    }

    /// Completes the job in this transaction: the job is complete if the transaction commits, and runs
    /// on otherwise. So the effect of the transaction and the end of the job are one.
    ///
    /// ```
    /// # use dbop::jobs::Job;
    /// # use dbop::{job, Tx, transactional};
    /// # use sqlx::Sqlite;
    /// #[transactional]
    /// async fn pay(tx: &mut Tx<'_, Sqlite>, job: &Job<Sqlite>, invoice: i64) -> dbop::Result<()> {
    ///     sqlx::query("UPDATE invoices SET paid = 1 WHERE id = ?").bind(invoice).execute(&mut *tx).await?;
    ///     job.complete(&mut *tx).await
    /// }
    ///
    /// #[job]
    /// async fn pay_later(job: &Job<Sqlite>, invoice: i64) -> dbop::Result<()> {
    ///     pay(job.db(), job, invoice).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if another worker has the job by now, or the job was cancelled, and as a statement fails.
    pub async fn complete(&self, tx: &mut Tx<'_, DB>) -> Result<()> {
        self.fence().complete(tx).await?;
        self.inner.completes.store(true, Ordering::Relaxed);
        // If the answer to COMMIT is lost, the job is complete together with the effect, or runs again
        // without it.
        let job = self.clone();
        tx.on_unknown(async move { job.doubt_step() });
        Ok(())
    }

    /// Lets the job run again after this time, if the body returns `Ok`. The attempt does not count, and
    /// the results of steps stay.
    pub fn snooze(&self, wait: Duration) {
        *lock(&self.inner.snooze) = Some(wait);
    }

    /// Lets the job not run again, if the body returns `Err`.
    pub fn cancel(&self) {
        self.inner.cancel.store(true, Ordering::Relaxed);
    }

    /// Returns the state of this type, which the workers were given.
    ///
    /// # Panics
    ///
    /// Panics if the workers were given none. The types of a function's parameters are checked when the
    /// workers start.
    #[must_use]
    pub fn state<T: Any + Send + Sync>(&self) -> Arc<T> {
        let state = self.inner.shared.state::<T>();
        state.unwrap_or_else(|| {
            panic!(
                "the workers have no state of the type `{}`; give it to them with `Workers::state`",
                std::any::type_name::<T>()
            )
        })
    }

    /// Returns the attempt that this is.
    pub(super) fn fence(&self) -> Fence<'_> {
        Fence {
            id: self.id(),
            attempt: self.attempt(),
            worker: &self.shared().id,
            since: self.fetched().since,
        }
    }

    pub(super) fn fetched(&self) -> &Fetched {
        &self.inner.fetched
    }

    pub(super) fn shared(&self) -> &Shared<DB> {
        &self.inner.shared
    }

    /// Takes the name of a step for this attempt. Returns whether the name was free.
    pub(super) fn use_name(&self, step: &str) -> bool {
        lock(&self.inner.names).insert(step.to_owned())
    }

    /// Gives the name of a step back that is not done.
    pub(super) fn free_name(&self, step: &str) {
        lock(&self.inner.names).remove(step);
    }

    /// Notes that a body begins which has not called [`complete`](Self::complete) yet.
    pub(super) fn begins_body(&self) {
        self.inner.completes.store(false, Ordering::Relaxed);
    }

    /// Whether [`complete`](Self::complete) was called since the body of the step began.
    pub(super) fn has_called_complete(&self) -> bool {
        self.inner.completes.load(Ordering::Relaxed)
    }

    /// Notes that the outcome of a step is not known.
    pub(super) fn doubt_step(&self) {
        self.inner.is_unsure_of_step.store(true, Ordering::Relaxed);
    }

    /// Whether the body may run again although the outcome of a call is not known.
    pub(super) fn repeats_harmlessly(&self) -> bool {
        self.inner.idempotent || self.inner.is_unsure_of_step.load(Ordering::Relaxed)
    }

    pub(super) fn asked_to_snooze(&self) -> Option<Duration> {
        *lock(&self.inner.snooze)
    }

    pub(super) fn asked_to_cancel(&self) -> bool {
        self.inner.cancel.load(Ordering::Relaxed)
    }
}

impl<DB: JobDatabase> Clone for Job<DB> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<DB: JobDatabase> fmt::Debug for Job<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("id", &self.id())
            .field("kind", &self.kind())
            .field("attempt", &self.attempt())
            .finish_non_exhaustive()
    }
}
