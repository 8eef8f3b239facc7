//! [`QueueInfo`]: how many jobs each queue has, and how long they wait.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::admin::Jobs;
use super::database::JobDatabase;
use super::info::JobState;
use super::sql::{asked_once, json};
use crate::error::Result;
use crate::op::Op;

static QUEUES: Op = Op::operation("dbop.jobs.queues", file!(), line!()).read_only();

/// The jobs of a queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct QueueInfo {
    /// The name of the queue.
    pub queue: String,
    /// How many jobs are in each state. A state without jobs is left out; [`count`](Self::count) returns 0
    /// for it.
    pub states: HashMap<JobState, u64>,
    /// How long the oldest of the available jobs has been due. `None` if no job is available. A time that
    /// grows means that the workers of the queue are too few, or that there are none.
    pub oldest_waits: Option<Duration>,
}

impl QueueInfo {
    /// Returns how many jobs of the queue are in this state.
    #[must_use]
    pub fn count(&self, state: JobState) -> u64 {
        self.states.get(&state).copied().unwrap_or(0)
    }
}

impl<DB: JobDatabase> Jobs<'_, DB> {
    /// Returns the queues that have jobs, in the order of their names.
    ///
    /// ```
    /// # async fn example(db: dbop::Db<sqlx::Sqlite>) -> dbop::Result<()> {
    /// use dbop::jobs::JobState;
    ///
    /// for queue in db.jobs().queues().await? {
    ///     let waiting = queue.count(JobState::Available);
    ///     println!("{}: {waiting} wait, the oldest for {:?}", queue.queue, queue.oldest_waits);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked.
    pub async fn queues(&self) -> Result<Vec<QueueInfo>> {
        let counted = asked_once(self.db(), &QUEUES, DB::JOB_SQL.queues, &[]).await?;
        let counted: Vec<Counted> = json::<DB, _>(counted)?;
        Ok(counted.into_iter().map(QueueInfo::from).collect())
    }
}

/// A queue, as the database tells it.
#[derive(Debug, Deserialize)]
pub(super) struct Counted {
    queue: String,
    states: HashMap<JobState, u64>,
    /// In seconds. Less than 0 if a clock was set back.
    waits: Option<f64>,
}

impl From<Counted> for QueueInfo {
    fn from(counted: Counted) -> Self {
        let waits =
            |seconds: f64| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default();
        Self {
            queue: counted.queue,
            states: counted.states,
            oldest_waits: counted.waits.map(waits),
        }
    }
}
