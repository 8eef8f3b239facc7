//! [`Adapter`]: a job of dbop's as a worker of River's.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use riverqueue::jiff::Timestamp;
use riverqueue::{
    BoxError, Job as RiverJob, JobArgs, JobCancelError, WorkCancelled, WorkContext, WorkError,
    WorkOutcome, Worker, WorkerTimeout, Workers,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::error::Result;
use crate::jobs::attempt::{self, Came};
use crate::jobs::database::JobDatabase;
use crate::jobs::fetched::Fetched;
use crate::jobs::kind::{JobKind, RunsOn};
use crate::jobs::shared::Shared;

/// Adds a job to the workers of a client.
pub(in crate::jobs) type Hire<DB> = fn(&mut Workers, &Arc<Shared<DB>>) -> Result<()>;

/// See [`Hire`].
pub(in crate::jobs) fn hire<K: RunsOn<DB>, DB: JobDatabase>(
    workers: &mut Workers,
    shared: &Arc<Shared<DB>>,
) -> Result<()> {
    let adapter = Adapter::<K, DB> {
        shared: Arc::clone(shared),
        kind: PhantomData,
    };
    workers
        .add(adapter)
        .map(drop)
        .map_err(super::refused::refused)
}

/// The arguments as they are stored. Those that cannot be read fail the attempt with a message of
/// dbop's.
struct Stored<K> {
    text: Box<RawValue>,
    kind: PhantomData<fn() -> K>,
}

impl<K: JobKind> JobArgs for Stored<K> {
    const KIND: &'static str = K::KIND;
}

impl<K> Serialize for Stored<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl<'de, K> Deserialize<'de> for Stored<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Ok(Self {
            text: Box::deserialize(deserializer)?,
            kind: PhantomData,
        })
    }
}

/// See the module.
struct Adapter<K, DB: JobDatabase> {
    shared: Arc<Shared<DB>>,
    kind: PhantomData<fn() -> K>,
}

impl<K: RunsOn<DB>, DB: JobDatabase> Worker<Stored<K>> for Adapter<K, DB> {
    type Error = BoxError;

    fn next_retry(
        &self,
        job: &RiverJob<Stored<K>>,
        _: &WorkError,
        _: Timestamp,
    ) -> Option<Duration> {
        K::options().backoff_after(job.row.attempt)
    }

    /// dbop ends the body itself, and then knows why.
    fn timeout(&self, _: &RiverJob<Stored<K>>) -> WorkerTimeout {
        WorkerTimeout::Disabled
    }

    async fn work(
        &self,
        context: WorkContext,
        job: RiverJob<Stored<K>>,
    ) -> std::result::Result<WorkOutcome, BoxError> {
        let RiverJob { args, row, .. } = job;
        let since = row.attempted_at.unwrap_or_default().as_millisecond();
        let fetched = Fetched {
            id: row.id,
            attempt: row.attempt,
            since,
            late: row
                .attempted_at
                .map(|at| at.duration_since(row.scheduled_at).unsigned_abs())
                .unwrap_or_default(),
            max_attempts: row.max_attempts,
            kind: K::KIND,
            queue: row.queue,
            steps: row
                .metadata
                .get("dbop:steps")
                .ok()
                .flatten()
                .unwrap_or_default(),
            has_reserved: row
                .metadata
                .get("dbop:reserved")
                .ok()
                .flatten()
                .unwrap_or(false),
            follow_up: row.metadata.get("dbop:discarded").ok().flatten(),
            cancelled: context.cancellation_token().child_token(),
        };
        // With this key the trigger on the table tells whose result River writes.
        let name = format!("{}/{}/{since}", self.shared.id, row.attempt);
        context.metadata_set("dbop:by", name)?;
        let has_reserved = fetched.has_reserved;
        let came = attempt::work::<K, DB>(&self.shared, fetched, args.text.get()).await;
        // A turn that was reserved is for one attempt.
        match &came {
            Came::PutAside => {}
            Came::Snooze { reserved: true, .. } => context.metadata_set("dbop:reserved", true)?,
            _ if has_reserved => context.metadata_set("dbop:reserved", false)?,
            _ => {}
        }
        match came {
            Came::Complete(output) => {
                if let Some(output) = output {
                    context.record_output(output)?;
                }
                Ok(WorkOutcome::Complete)
            }
            Came::Snooze { wait, .. } => Ok(WorkOutcome::Snooze(wait)),
            Came::Failed(error) => Err(error.into()),
            Came::Cancelled(error) => Err(Box::new(JobCancelError::new(error))),
            // River finds that a job which was put aside does not run, and leaves the job as it is.
            Came::Stopped | Came::PutAside => Err(Box::new(WorkCancelled)),
        }
    }
}

impl<K: JobKind, DB: JobDatabase> fmt::Debug for Adapter<K, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Adapter").field(&K::KIND).finish()
    }
}
