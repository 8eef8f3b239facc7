//! [`NewJob`]: a job on its way into the database.

use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, SystemTime};

use super::database::JobDatabase;
use super::engine::prepared::Prepared;
use super::enqueued::Enqueued;
use super::insert::{enqueue_on, enqueue_on_either};
use super::kind::JobKind;
use super::options::{JobOptions, Unique};
use crate::error::Result;
use crate::scope::{AnyScope, Scope};

/// Stands for the database of a job that runs on either, as `on = [Sqlite, Postgres]` says.
#[derive(Debug)]
pub enum EitherDatabase {}

/// A job with its arguments, and options of its own. `#[job]` makes a function `new` that returns one.
///
/// ```
/// # use dbop::job;
/// # use dbop::jobs::Job;
/// # use sqlx::Sqlite;
/// use std::time::Duration;
///
/// #[job]
/// async fn remind(job: &Job<Sqlite>, user: i64) -> dbop::Result<()> {
/// #   let _ = (job, user);
///     Ok(())
/// }
///
/// # async fn example(db: dbop::Db<Sqlite>) -> dbop::Result<()> {
/// remind::enqueue(&db, 1).await?; // as the attribute says
/// remind::new(2).delay(Duration::from_secs(3600)).priority(4).enqueue(&db).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a job is enqueued by `enqueue`"]
pub struct NewJob<K: JobKind, On = <K as JobKind>::On> {
    arguments: K::Arguments,
    options: JobOptions,
    due: Option<SystemTime>,
    on: PhantomData<fn() -> On>,
}

impl<K: JobKind, On> NewJob<K, On> {
    /// Returns a job with the options of its attribute.
    #[doc(hidden)]
    pub fn of(arguments: K::Arguments) -> Self {
        Self {
            arguments,
            options: K::options(),
            due: None,
            on: PhantomData,
        }
    }

    /// Puts the job into this queue.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.options = self.options.queue(queue.into());
        self
    }

    /// Sets the priority, from 1, which comes first, to 4.
    pub fn priority(mut self, priority: i16) -> Self {
        self.options = self.options.priority(priority);
        self
    }

    /// Sets how often the job is attempted until it is discarded.
    pub fn max_attempts(mut self, attempts: i32) -> Self {
        self.options = self.options.max_attempts(attempts);
        self
    }

    /// Lets the job wait before its first attempt.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.options.delay = Some(delay);
        self
    }

    /// Lets the job wait for this time. A time that has passed is as good as now.
    pub fn at(mut self, due: SystemTime) -> Self {
        self.due = Some(due);
        self
    }

    /// Lets there be one such job at a time.
    pub fn unique(mut self, unique: Unique) -> Self {
        self.options = self.options.unique(unique);
        self
    }

    /// Adds a tag, by which jobs can be listed: 3 to 255 letters, digits, `_` and `-`.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.options.tags.push(tag.into());
        self
    }

    pub(super) fn prepare(self) -> Result<Prepared> {
        Prepared::new(K::KIND, &self.arguments, &self.options, self.due)
    }

    fn prepare_all(jobs: impl IntoIterator<Item = Self>) -> Result<Vec<Prepared>> {
        jobs.into_iter().map(Self::prepare).collect()
    }
}

impl<K: JobKind, DB: JobDatabase> NewJob<K, DB> {
    /// Enqueues the job in the caller's transaction, or in one of its own if `scope` is a handle.
    ///
    /// # Errors
    ///
    /// Fails if an option or an argument is not valid, without asking the database, and as a
    /// `#[transactional]` fails.
    pub async fn enqueue(self, scope: impl Scope<DB>) -> Result<Enqueued> {
        let enqueued = enqueue_on(scope, vec![self.prepare()?]).await?;
        Ok(enqueued[0])
    }

    /// Enqueues many jobs at once, all or none. Returns what became of each, in their order.
    ///
    /// # Errors
    ///
    /// Fails as [`enqueue`](Self::enqueue) does.
    pub async fn enqueue_many(
        scope: impl Scope<DB>,
        jobs: impl IntoIterator<Item = Self>,
    ) -> Result<Vec<Enqueued>> {
        let jobs = Self::prepare_all(jobs)?;
        enqueue_on(scope, jobs).await
    }
}

impl<K: JobKind> NewJob<K, EitherDatabase> {
    /// Enqueues the job in the caller's transaction, or in one of its own if `scope` is a handle.
    ///
    /// # Errors
    ///
    /// Fails if an option or an argument is not valid, without asking the database, and as a
    /// `#[transactional]` fails.
    pub async fn enqueue(self, scope: impl AnyScope) -> Result<Enqueued> {
        let enqueued = enqueue_on_either(scope, vec![self.prepare()?]).await?;
        Ok(enqueued[0])
    }

    /// Enqueues many jobs at once, all or none. Returns what became of each, in their order.
    ///
    /// # Errors
    ///
    /// Fails as [`enqueue`](Self::enqueue) does.
    pub async fn enqueue_many(
        scope: impl AnyScope,
        jobs: impl IntoIterator<Item = Self>,
    ) -> Result<Vec<Enqueued>> {
        let jobs = Self::prepare_all(jobs)?;
        enqueue_on_either(scope, jobs).await
    }
}

impl<K: JobKind, On> fmt::Debug for NewJob<K, On> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewJob")
            .field("kind", &K::KIND)
            .field("queue", &self.options.queue)
            .finish_non_exhaustive()
    }
}
