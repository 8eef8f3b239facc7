//! [`Engine`]: River's client, which works the queues of a process.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use riverqueue::{
    Client, EventKind, EventReceiver, EventRecvError, MaintenanceConfig, QueueConfig, RunHandle,
    Workers,
};
use tokio::time::timeout;

use super::refused::refused;
use crate::error::Result;
use crate::jobs::database::JobDatabase;
use crate::jobs::registration::JobBody;
use crate::jobs::shared::Shared;
use crate::jobs::watch::ring;

/// The queues that a process works, and how many jobs of each run at once.
pub(in crate::jobs) type Queues = BTreeMap<String, usize>;

/// How long River may take a job for running. It is longer than any job runs, because River does not
/// know whether the worker of a job is alive.
const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// How long after its cancellation River stops the task of a job. By then dbop has dropped the body.
const STUCK: Duration = Duration::from_secs(30);

/// How long the start waits for River to listen for notifications.
const READY: Duration = Duration::from_secs(10);

/// What River tells when an attempt has ended.
const ENDS: [EventKind; 5] = [
    EventKind::JobCancelled,
    EventKind::JobCompleted,
    EventKind::JobFailed,
    EventKind::JobInterrupted,
    EventKind::JobSnoozed,
];

/// How an engine is set up.
pub(in crate::jobs) struct Employer<'a, DB: JobDatabase> {
    pub(in crate::jobs) shared: &'a Arc<Shared<DB>>,
    pub(in crate::jobs) bodies: Vec<&'static JobBody<DB>>,
    pub(in crate::jobs) queues: &'a Queues,
    /// Whether the client may become the leader.
    pub(in crate::jobs) leads: bool,
    pub(in crate::jobs) poll_every: Duration,
}

/// River's client that runs.
pub(in crate::jobs) struct Engine {
    run: RunHandle,
}

impl<DB: JobDatabase> Employer<'_, DB> {
    pub(in crate::jobs) fn start(self) -> Result<Engine> {
        let mut workers = Workers::new();
        for body in &self.bodies {
            (body.hire)(&mut workers, self.shared)?;
        }
        let mut builder = DB::engine_client(DB::engine_pool(&self.shared.db))
            .id(&*self.shared.id)
            .workers(workers)
            .fetch_only_known_kinds(true)
            .fetch_cooldown(self.poll_every.min(riverqueue::FETCH_COOLDOWN_DEFAULT))
            .job_stuck_threshold(STUCK)
            .maintenance(MaintenanceConfig::default().with_rescue_after(NEVER));
        for (queue, at_once) in self.queues {
            let config = QueueConfig::new(*at_once).with_fetch_poll_interval(self.poll_every);
            builder = builder.queue(queue, config);
        }
        if !self.leads {
            builder = builder.without_leader_election();
        }
        let client: Client = builder.build().map_err(refused)?;
        if !DB::NOTIFIES {
            let events = client.subscribe(&ENDS).map_err(refused)?;
            tokio::spawn(ring_at_each::<DB>(events));
        }
        Ok(Engine {
            run: client.start().map_err(refused)?,
        })
    }
}

/// Rings the bell for each attempt that has ended, until there is no client any more.
async fn ring_at_each<DB: JobDatabase>(mut events: EventReceiver) {
    loop {
        match events.recv().await {
            Ok(event) => {
                let job = event.as_job().map(|it| it.job.id);
                job.into_iter().for_each(ring::<DB>);
            }
            Err(EventRecvError::Closed) => return,
            Err(_) => {} // those that were lost are found by the next look
        }
    }
}

impl Engine {
    /// Waits until River listens for notifications. A job that is cancelled before that would learn of
    /// it a minute later.
    pub(in crate::jobs) async fn ready(&mut self) -> Result<()> {
        match timeout(READY, self.run.wait_ready()).await {
            Ok(ready) => ready.map_err(refused),
            Err(_) => Ok(()),
        }
    }

    /// Fetches nothing any more, and waits for the jobs that run. Those that have not ended within the
    /// time are told to stop, and become available for others.
    pub(in crate::jobs) async fn stop(mut self, within: Duration) {
        if timeout(within, self.run.stop()).await.is_err() {
            // Its results have been written, or wait for a database that does not answer.
            let _ = timeout(STUCK, self.run.stop_and_cancel()).await;
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}
