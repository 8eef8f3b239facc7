//! [`Working`]: the handle of workers that run, and the task that keeps them running.
//!
//! What the end of the task leaves: if its runtime ends, the jobs that run are rescued by other processes.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, join, select};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::database::JobDatabase;
use super::engine::client::Engine;
use super::liveness::{self, Pulse};
use super::schedule::{self, Scheduled};
use super::shared::Shared;
use crate::error::Result;
use crate::policy::RunningCall;
use crate::rt::here_or_background;

/// The handle of workers that run. They end when the handle is dropped, as after
/// [`stop`](Self::stop) without time, and when their database is [shut down](crate::Db::shutdown).
#[must_use = "the workers end when the handle is dropped"]
pub struct Working<DB: JobDatabase> {
    shared: Arc<Shared<DB>>,
    /// Says how long the jobs that run may go on. If this is dropped, they may not.
    stop: oneshot::Sender<Duration>,
    keeper: JoinHandle<()>,
}

impl<DB: JobDatabase> Working<DB> {
    /// Keeps an engine running. It is `None` if there are no jobs.
    pub(super) fn begin(
        shared: Arc<Shared<DB>>,
        engine: Option<Engine>,
        pulse: Pulse,
        scheduled: Vec<Scheduled>,
    ) -> Result<Self> {
        // A shutdown of the database waits until the jobs have been given back.
        let running = shared.db.running().begin("dbop.jobs.workers")?;
        let (stop, stopped) = oneshot::channel();
        let kept = Arc::clone(&shared);
        let keeper = here_or_background()
            .spawn(async move { keep(&kept, engine, pulse, &scheduled, stopped, running).await });
        Ok(Self {
            shared,
            stop,
            keeper,
        })
    }

    /// The name of this process in [`JobInfo::worker`](super::JobInfo::worker).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// Fetches no more jobs, and waits until those that run have ended. After this time, those that are
    /// left are told to stop, and are dropped five seconds later. They become available for other
    /// processes, and their attempt does not count.
    ///
    /// If the future is dropped, the workers stop all the same.
    pub async fn stop(self, within: Duration) {
        // The keeper may have ended already, with its database.
        let _ = self.stop.send(within);
        let _ = self.keeper.await;
    }
}

/// Sends heartbeats and enqueues what is scheduled until the workers are to stop, and gives back what runs
/// then.
async fn keep<DB: JobDatabase>(
    shared: &Arc<Shared<DB>>,
    engine: Option<Engine>,
    pulse: Pulse,
    scheduled: &[Scheduled],
    stopped: oneshot::Receiver<Duration>,
    running: RunningCall,
) {
    let alive = liveness::run(Arc::clone(shared), pulse);
    let mut works = pin!(join(alive, schedule::run(&shared.db, scheduled)));
    let shutdown = shared.db.running().shutdown();
    let within = {
        let ends = pin!(shutdown.cancelled());
        match select(&mut works, select(stopped, ends)).await {
            Either::Right((Either::Left((within, _)), _)) => within.unwrap_or_default(),
            // Nothing that a job does can begin any more.
            Either::Right((Either::Right(_), _)) | Either::Left(_) => Duration::ZERO,
        }
    };
    if let Some(engine) = engine {
        // The heartbeats go on for as long as jobs run.
        select(pin!(engine.stop(within)), works).await;
    }
    drop(running);
    if !shutdown.is_cancelled() {
        liveness::leave(shared).await;
    }
}

impl<DB: JobDatabase> fmt::Debug for Working<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Working")
            .field("id", &self.shared.id)
            .field("has_ended", &self.keeper.is_finished())
            .finish_non_exhaustive()
    }
}
