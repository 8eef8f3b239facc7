//! Tasks that make calls again and again, and the results.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::task::JoinSet;

pub type Failure = Box<dyn Error + Send + Sync>;

/// The calls that a task makes.
pub trait Work: Send + Sync + 'static {
    fn call(&self, rng: &mut Rng) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// The results of one contestant's turn.
#[derive(Clone, Debug, Default)]
pub struct Measure {
    /// How many calls succeeded.
    pub done: u64,
    /// How many of the successful calls ended within the measured time.
    counted: u64,
    /// How many calls ended with an error.
    pub failed: u64,
    /// How many bodies were begun, if the contestant counts them.
    pub attempts: u64,
    /// How many transactions others, who are not contestants, committed meanwhile.
    pub others: u64,
    /// The measured time.
    pub took: Duration,
    /// The latencies of all calls, failed ones too. They are sorted once the measure is
    /// [`finish`](Self::finish)ed.
    pub latencies: Vec<Duration>,
    pub first_failure: Option<String>,
}

impl Measure {
    /// Returns the successful calls per second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        self.counted as f64 / self.took.as_secs_f64()
    }

    /// Returns a measure of numbers that somebody else has counted.
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

/// Lets this many tasks make calls until the window has passed. A call that has begun is waited
/// for: it counts among the latencies and failures, and in the throughput only if it ended within
/// the window.
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

/// Lets this many tasks make one call each, all at the same time. The measured time ends with the
/// last of them.
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
