//! How late a task runs that wants to run every millisecond.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const EVERY: Duration = Duration::from_millis(1);

/// A task that measures until it is stopped.
pub(crate) struct Ticker {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Lateness>,
}

/// By how much each tick was late, the least first.
#[derive(Debug)]
pub(crate) struct Lateness(Vec<Duration>);

impl Ticker {
    /// Starts one on the current runtime.
    pub(crate) fn start() -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(measure(stopped));
        Self { stop, task }
    }

    /// What it has measured.
    pub(crate) async fn stop(self) -> Lateness {
        // If it has gone already, that is told by its task.
        let _ = self.stop.send(());
        self.task.await.expect("the ticker does not panic")
    }
}

async fn measure(mut stopped: oneshot::Receiver<()>) -> Lateness {
    let mut late = Vec::new();
    while stopped.try_recv().is_err() {
        let asleep = Instant::now();
        tokio::time::sleep(EVERY).await;
        late.push(asleep.elapsed().saturating_sub(EVERY));
    }
    late.sort();
    Lateness(late)
}

impl Lateness {
    /// How often the task has run.
    pub(crate) fn ticks(&self) -> usize {
        self.0.len()
    }

    /// The lateness that this share of the ticks did not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let last = self.0.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        self.0.get(at).copied().unwrap_or_default()
    }
}
