//! Tasks that call again and again, and what came of it.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::task::JoinSet;

pub type Failure = Box<dyn Error + Send + Sync>;

/// What a task calls.
pub trait Work: Send + Sync + 'static {
    fn call(&self, rng: &mut Rng) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// What came of one contestant's turn.
#[derive(Clone, Debug, Default)]
pub struct Measure {
    /// Calls that ended well.
    pub done: u64,
    /// Of these, the ones within the time that is measured.
    counted: u64,
    /// Calls that ended with an error.
    pub failed: u64,
    /// How often a body was begun, where the contestant counts that.
    pub attempts: u64,
    /// What others, who are no contestants, committed meanwhile.
    pub others: u64,
    /// The time that is measured.
    pub took: Duration,
    /// Of all calls, failed ones too; in order once [`finish`](Self::finish)ed.
    pub latencies: Vec<Duration>,
    pub first_failure: Option<String>,
}

impl Measure {
    /// Successful calls a second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        self.counted as f64 / self.took.as_secs_f64()
    }

    /// From numbers that somebody else has counted.
    #[must_use]
    pub fn of_others(done: u64, failed: u64, attempts: u64, took: Duration) -> Self {
        Self {
            done,
            counted: done,
            failed,
            attempts,
            took,
            ..Self::default()
        }
    }

    fn add(&mut self, result: Result<(), Failure>, latency: Duration, in_time: bool) {
        self.latencies.push(latency);
        match result {
            Ok(()) => {
                self.done += 1;
                self.counted += u64::from(in_time);
            }
            Err(error) => {
                self.failed += 1;
                self.first_failure.get_or_insert_with(|| error.to_string());
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.done += other.done;
        self.counted += other.counted;
        self.failed += other.failed;
        self.latencies.extend(other.latencies);
        self.first_failure = self.first_failure.take().or(other.first_failure);
    }
}

/// So many tasks call until the window has passed. A call that has begun is waited for: it counts
/// among the latencies and failures, and for the throughput only if it ended within the window.
pub async fn during<W: Work>(work: &Arc<W>, tasks: usize, window: Duration, seed: u64) -> Measure {
    let until = Instant::now() + window;
    let mut set = JoinSet::new();
    for task in 0..tasks {
        let work = Arc::clone(work);
        let mut rng = Rng::with_seed(seed.wrapping_mul(1_000_003) + task as u64);
        set.spawn(async move {
            let mut own = Measure::default();
            let mut now = Instant::now();
            while now < until {
                let result = work.call(&mut rng).await;
                let end = Instant::now();
                own.add(result, end - now, end <= until);
                now = end;
            }
            own
        });
    }
    let mut all = Measure::default();
    while let Some(own) = set.join_next().await {
        all.merge(own.expect("a task does not panic"));
    }
    all.took = window;
    all
}

/// So many tasks call once, all at the same time; what is measured ends with the last of them.
pub async fn once_each<W: Work>(work: &Arc<W>, tasks: usize, seed: u64) -> Measure {
    let began = Instant::now();
    let mut set = JoinSet::new();
    for task in 0..tasks {
        let work = Arc::clone(work);
        let mut rng = Rng::with_seed(seed.wrapping_mul(1_000_003) + task as u64);
        set.spawn(async move {
            let began = Instant::now();
            let result = work.call(&mut rng).await;
            (result, began.elapsed())
        });
    }
    let mut all = Measure::default();
    while let Some(ended) = set.join_next().await {
        let (result, latency) = ended.expect("a task does not panic");
        all.add(result, latency, true);
    }
    all.took = began.elapsed();
    all
}
