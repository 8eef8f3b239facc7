//! Measures how late a task runs that wants to run every millisecond.

use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const EVERY: Duration = Duration::from_millis(1);

/// A task that measures its own lateness until it is stopped.
pub(crate) struct Ticker {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Lateness>,
}

/// The lateness of each tick, in ascending order.
#[derive(Debug)]
pub(crate) struct Lateness(Vec<Duration>);

impl Ticker {
    /// Starts a ticker on the current runtime.
    pub(crate) fn start() -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(measure(stopped));
        Self { stop, task }
    }

    /// Stops the ticker, and returns what it has measured.
    pub(crate) async fn stop(self) -> Lateness {
        // If the task has already ended, awaiting it below reports why.
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
    late.into()
}

impl From<Vec<Duration>> for Lateness {
    fn from(mut late: Vec<Duration>) -> Self {
        late.sort();
        Self(late)
    }
}

impl Lateness {
    /// Returns how often the task has run.
    pub(crate) fn ticks(&self) -> usize {
        self.0.len()
    }

    /// Returns the lateness that this share of the ticks did not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let last = self.0.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        self.0.get(at).copied().unwrap_or_default()
    }
}

/// Returns an event loop of one thread, and a usual one, with only two threads.
pub(crate) fn event_loops() -> [Runtime; 2] {
    let start = |mut builder: Builder| {
        let runtime = builder.enable_all().build();
        runtime.expect("the system has room for a runtime")
    };
    let mut two_threads = Builder::new_multi_thread();
    two_threads.worker_threads(2);
    [start(Builder::new_current_thread()), start(two_threads)]
}

/// Runs the work while a ticker measures. Returns the lateness, and how long the work took.
pub(crate) fn measured(
    runtime: &Runtime,
    work: impl Future<Output = ()> + Send + 'static,
) -> (Lateness, Duration) {
    runtime.block_on(async {
        let ticker = Ticker::start();
        let began = Instant::now();
        // The work is a task like all others, so that it shares the threads with the ticker.
        tokio::spawn(work).await.expect("the work does not panic");
        let took = began.elapsed();
        (ticker.stop().await, took)
    })
}
