//! [`Row`]: a job as the statement of a watcher returns it.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::Value;

use crate::jobs::engine::refused::in_words;
use crate::jobs::engine::time::time_of_text;
use crate::jobs::info::{FailedAttempt, JobInfo, JobState};

/// A job. Times are in microseconds since 1970.
#[derive(Debug, Deserialize)]
pub struct Row {
    id: i64,
    kind: String,
    queue: String,
    state: JobState,
    priority: i16,
    attempt: i32,
    max_attempts: i32,
    created_at: i64,
    scheduled_at: i64,
    attempted_at: Option<i64>,
    finalized_at: Option<i64>,
    worker: Option<String>,
    arguments: Value,
    output: Option<Value>,
    progress: Option<Value>,
    steps: Vec<String>,
    errors: Option<Vec<AttemptError>>,
    tags: Option<Vec<String>>,
    /// Whether a change of the job is heard of.
    pub(super) will_tell: bool,
}

/// An error as River keeps it in a job.
#[derive(Debug, Deserialize)]
struct AttemptError {
    at: String,
    attempt: i32,
    error: String,
}

impl Row {
    pub(super) fn into_info(self) -> JobInfo {
        let errors = self.errors.unwrap_or_default().into_iter();
        JobInfo {
            id: self.id,
            kind: self.kind,
            queue: self.queue,
            state: self.state,
            priority: self.priority,
            attempt: self.attempt,
            max_attempts: self.max_attempts,
            created_at: time(self.created_at),
            scheduled_at: time(self.scheduled_at),
            attempted_at: self.attempted_at.map(time),
            finalized_at: self.finalized_at.map(time),
            worker: self.worker,
            arguments: self.arguments,
            output: self.output,
            // Another program may have written something else there.
            progress: self
                .progress
                .and_then(|progress| serde_json::from_value(progress).ok()),
            steps: self.steps,
            errors: errors.map(FailedAttempt::from).collect(),
            tags: self.tags.unwrap_or_default(),
        }
    }
}

impl From<AttemptError> for FailedAttempt {
    fn from(failed: AttemptError) -> Self {
        Self {
            at: time_of_text(&failed.at).unwrap_or(SystemTime::UNIX_EPOCH),
            attempt: failed.attempt,
            error: in_words(failed.error),
        }
    }
}

fn time(micros: i64) -> SystemTime {
    let distance = Duration::from_micros(micros.unsigned_abs());
    let time = match micros < 0 {
        true => SystemTime::UNIX_EPOCH.checked_sub(distance),
        false => SystemTime::UNIX_EPOCH.checked_add(distance),
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}
