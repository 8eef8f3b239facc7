//! [`JobInfo`]: a job as it stands in the database, and how jobs are listed.

use std::time::SystemTime;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::engine::json::unreadable;
use crate::error::{Error, ErrorKind, Result};

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// A worker may fetch the job.
    Available,
    /// The job will not run any more, because somebody or its own error said so.
    Cancelled,
    /// The job has succeeded.
    Completed,
    /// The job has used up its attempts.
    Discarded,
    /// The job waits for others with the key of its `concurrency`.
    Pending,
    /// The job has failed, and waits for its next attempt.
    Retryable,
    /// A worker has fetched the job.
    Running,
    /// The job is not due yet.
    Scheduled,
}

impl JobState {
    /// The states in which a `unique` job keeps others away, unless the option says otherwise.
    pub(super) const UNIQUE_BY_DEFAULT: &'static [Self] = &[
        Self::Available,
        Self::Completed,
        Self::Pending,
        Self::Retryable,
        Self::Running,
        Self::Scheduled,
    ];

    /// Whether the job will never run again, unless it is [retried](super::Jobs::retry).
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Cancelled | Self::Completed | Self::Discarded)
    }
}

/// A job as it stands in the database.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JobInfo {
    /// The id.
    pub id: i64,
    /// The kind: the name of the function, or what its option `name` says.
    pub kind: String,
    /// The queue.
    pub queue: String,
    /// The state.
    pub state: JobState,
    /// From 1, which comes first, to 4.
    pub priority: i16,
    /// How many attempts have begun.
    pub attempt: i32,
    /// How often the job is attempted until it is discarded.
    pub max_attempts: i32,
    /// When the job was enqueued.
    pub created_at: SystemTime,
    /// When the job is due.
    pub scheduled_at: SystemTime,
    /// When the last attempt began.
    pub attempted_at: Option<SystemTime>,
    /// When the job came to its final state.
    pub finalized_at: Option<SystemTime>,
    /// The worker that has fetched the job last.
    pub worker: Option<String>,
    /// The arguments.
    pub arguments: Value,
    /// What the body has returned, unless that is `()`.
    pub output: Option<Value>,
    /// What the body has said last about how far it is.
    pub progress: Option<Progress>,
    /// The names of the steps that are done, in the order of their names.
    pub steps: Vec<String>,
    /// The attempts that have failed, the first one first.
    pub errors: Vec<FailedAttempt>,
    /// The tags.
    pub tags: Vec<String>,
}

impl JobInfo {
    /// Returns what the body has returned, as the type that it has. `None` if there is nothing yet.
    ///
    /// # Errors
    ///
    /// Fails if the output is of another type.
    pub fn output<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let output = self.output.clone().map(serde_json::from_value).transpose();
        output.map_err(|error| {
            let kind = &self.kind;
            Error::programming(
                ErrorKind::Decode,
                format!(
                    "the output of the job `{kind}` is not of this type: {}",
                    unreadable(&error)
                ),
            )
        })
    }
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Progress {
    /// How much is done.
    pub done: u64,
    /// How much there is to do. 0 if nobody knows.
    pub total: u64,
    /// What the job does, in words for people.
    pub message: String,
}

/// An attempt that has failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FailedAttempt {
    /// When the attempt began, or when its worker was found to be dead.
    pub at: SystemTime,
    /// Which attempt it was, from 1.
    pub attempt: i32,
    /// The error in words.
    pub error: String,
}

/// Which jobs are meant. Whatever is empty holds for all.
///
/// ```
/// use dbop::jobs::{JobFilter, JobState};
///
/// let filter = JobFilter::new().kinds(["send_receipt"]).states([JobState::Discarded]);
/// # let _ = filter;
/// ```
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    pub(super) ids: Vec<i64>,
    pub(super) kinds: Vec<String>,
    pub(super) queues: Vec<String>,
    pub(super) states: Vec<JobState>,
    pub(super) tags: Vec<String>,
    pub(super) after: Option<i64>,
    pub(super) limit: Option<u32>,
}

impl JobFilter {
    /// All jobs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The jobs with these ids.
    #[must_use]
    pub fn ids(mut self, ids: impl IntoIterator<Item = i64>) -> Self {
        self.ids = ids.into_iter().collect();
        self
    }

    /// The jobs of these kinds.
    #[must_use]
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.kinds = kinds.into_iter().map(Into::into).collect();
        self
    }

    /// The jobs in these queues.
    #[must_use]
    pub fn queues(mut self, queues: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.queues = queues.into_iter().map(Into::into).collect();
        self
    }

    /// The jobs in these states.
    #[must_use]
    pub fn states(mut self, states: impl IntoIterator<Item = JobState>) -> Self {
        self.states = states.into_iter().collect();
        self
    }

    /// The jobs with any of these tags.
    #[must_use]
    pub fn tags(mut self, tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// The jobs whose id is greater than this one: the next page after a job.
    #[must_use]
    pub fn after(mut self, id: i64) -> Self {
        self.after = Some(id);
        self
    }

    /// So many jobs at most. [`Jobs::list`](super::Jobs::list) returns 100, unless this says otherwise, and
    /// never more than 10,000.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }
}
