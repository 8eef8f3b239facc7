//! Jobs as they are listed, cancelled, retried and deleted.

use std::time::SystemTime;

use riverqueue::jiff::Timestamp;
use riverqueue::{Client, JobListParams, JobRow, JobState as RiverState};
use serde_json::{Map, Value};

use super::refused::{in_words, refused};
use crate::db::Db;
use crate::error::Result;
use crate::jobs::database::JobDatabase;
use crate::jobs::info::{FailedAttempt, JobFilter, JobInfo, JobState};

/// The most jobs that River lists at once.
const MOST: u32 = 10_000;

/// River's client, which works no queues, on the pool of a handle.
pub(in crate::jobs) struct Admin(Client);

impl Admin {
    pub(in crate::jobs) fn of<DB: JobDatabase>(db: &Db<DB>) -> Result<Self> {
        let client = DB::engine_client(db.pool().clone()).build();
        client.map(Self).map_err(refused)
    }

    pub(in crate::jobs) async fn get(&self, id: i64) -> Result<Option<JobInfo>> {
        found(self.0.jobs().get(id).await)
    }

    /// Cancels a job. Returns `None` if there is no such job.
    pub(in crate::jobs) async fn cancel(&self, id: i64) -> Result<Option<JobInfo>> {
        found(self.0.jobs().cancel(id).await)
    }

    pub(in crate::jobs) async fn retry(&self, id: i64) -> Result<Option<JobInfo>> {
        found(self.0.jobs().retry(id).await)
    }

    /// Deletes a job. Returns `None` if there is no such job, or if the job runs.
    pub(in crate::jobs) async fn delete(&self, id: i64) -> Result<Option<JobInfo>> {
        match self.0.jobs().delete(id).await {
            Err(riverqueue::Error::JobRunning) => Ok(None),
            deleted => found(deleted),
        }
    }

    pub(in crate::jobs) async fn list(&self, filter: &JobFilter) -> Result<Vec<JobInfo>> {
        // River refuses such a limit.
        if filter.limit == Some(0) {
            return Ok(Vec::new());
        }
        let mut params = JobListParams::default()
            .ids(filter.ids.iter().copied())
            .kinds(filter.kinds.iter().map(String::as_str))
            .queues(filter.queues.iter().map(String::as_str))
            .states(filter.states.iter().map(|state| (*state).into()))
            .tags_any(filter.tags.iter().map(String::as_str));
        if let Some(after) = filter.after {
            params = params.after_id(after);
        }
        if let Some(limit) = filter.limit {
            params = params.limit(limit.min(MOST));
        }
        let listed = self.0.jobs().list(params).await.map_err(refused)?;
        Ok(listed.jobs.into_iter().map(JobInfo::from).collect())
    }
}

fn found(row: std::result::Result<JobRow, riverqueue::Error>) -> Result<Option<JobInfo>> {
    match row {
        Ok(row) => Ok(Some(row.into())),
        Err(riverqueue::Error::NotFound(_)) => Ok(None),
        Err(error) => Err(refused(error)),
    }
}

fn time(time: Timestamp) -> SystemTime {
    time.into()
}

impl From<JobRow> for JobInfo {
    fn from(row: JobRow) -> Self {
        let steps: Option<Map<String, Value>> = row.metadata.get("dbop:steps").ok().flatten();
        Self {
            id: row.id,
            state: row.state.into(),
            priority: row.priority,
            attempt: row.attempt,
            max_attempts: row.max_attempts,
            created_at: time(row.created_at),
            scheduled_at: time(row.scheduled_at),
            attempted_at: row.attempted_at.map(time),
            finalized_at: row.finalized_at.map(time),
            worker: row.attempted_by.last().cloned(),
            arguments: row.decode_args().unwrap_or_default(),
            output: row.decode_output().ok().flatten(),
            progress: row.metadata.get("dbop:progress").ok().flatten(),
            steps: steps
                .unwrap_or_default()
                .into_iter()
                .map(|(name, _)| name)
                .collect(),
            errors: row
                .errors
                .into_iter()
                .map(|failed| FailedAttempt {
                    at: time(failed.at),
                    attempt: failed.attempt,
                    error: in_words(failed.error),
                })
                .collect(),
            kind: row.kind,
            queue: row.queue,
            tags: row.tags,
        }
    }
}

macro_rules! same_states {
    ($($state:ident)*) => {
        impl From<JobState> for RiverState {
            fn from(state: JobState) -> Self {
                match state {
                    $(JobState::$state => Self::$state,)*
                }
            }
        }

        impl From<RiverState> for JobState {
            fn from(state: RiverState) -> Self {
                match state {
                    $(RiverState::$state => Self::$state,)*
                    // River's enum may grow, but not in the version that is pinned.
                    _ => unreachable!("`{state}` is no state of this version of River"),
                }
            }
        }
    };
}

same_states!(Available Cancelled Completed Discarded Pending Retryable Running Scheduled);
