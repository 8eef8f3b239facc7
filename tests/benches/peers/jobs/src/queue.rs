//! What the contestants do: keep jobs, and work them.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use harness::bank::Fallible;
use harness::{Contestant, Measure, Promises};
use tokio::sync::Notify;

/// How soon a contestant looks for jobs again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// How many jobs run at once.
    pub(crate) at_once: usize,
    /// The time between two looks, if no notification arrives.
    pub(crate) poll_every: Duration,
    /// The shortest time between two looks.
    pub(crate) cooldown: Duration,
}

impl Pace {
    /// The defaults of dbop and of riverqueue.
    pub(crate) const fn by_default(at_once: usize) -> Self {
        Self {
            at_once,
            poll_every: Duration::from_secs(1),
            cooldown: riverqueue::FETCH_COOLDOWN_DEFAULT,
        }
    }

    /// The shortest times that riverqueue allows.
    pub(crate) const fn without_pauses(at_once: usize) -> Self {
        Self {
            at_once,
            poll_every: riverqueue::FETCH_POLL_INTERVAL_MIN,
            cooldown: riverqueue::FETCH_COOLDOWN_MIN,
        }
    }
}

/// A contestant: a queue of jobs in a database of its own. The body of a job is [`nothing`].
pub(crate) trait Queue: Send + Sync + 'static {
    /// Deletes all jobs.
    fn clear(&self) -> impl Future<Output = Fallible<()>> + Send;

    /// Enqueues a job in a transaction of its own.
    fn enqueue(&self, number: i64) -> impl Future<Output = Fallible<()>> + Send;

    /// Enqueues this many jobs in one call.
    fn enqueue_many(&self, jobs: i64) -> impl Future<Output = Fallible<()>> + Send;

    /// Lets the database know how many rows there are, as it does by itself after a while.
    fn analyze(&self) -> impl Future<Output = Fallible<()>> + Send;

    /// Returns how many jobs are completed, by the tables.
    fn completed(&self) -> impl Future<Output = Fallible<i64>> + Send;

    /// Starts workers, and stops them once the future is ready.
    fn work(
        &self,
        pace: Pace,
        until: BoxFuture<'_, Fallible<()>>,
    ) -> impl Future<Output = Fallible<()>> + Send;
}

/// The body of all jobs: it counts, so that it is known when the last body has run.
pub(crate) fn nothing() {
    let before = BODIES.ran.fetch_add(1, Ordering::Relaxed);
    if before == 0 {
        let mut first = BODIES.first.lock().unwrap_or_else(PoisonError::into_inner);
        *first = Some(Instant::now());
    }
    if before + 1 == BODIES.expected.load(Ordering::Relaxed) {
        BODIES.all_ran.notify_one();
    }
}

/// The bodies of the turn that is measured. Turns follow each other.
struct Bodies {
    expected: AtomicU64,
    ran: AtomicU64,
    first: Mutex<Option<Instant>>,
    all_ran: Notify,
}

static BODIES: Bodies = Bodies {
    expected: AtomicU64::new(0),
    ran: AtomicU64::new(0),
    first: Mutex::new(None),
    all_ran: Notify::const_new(),
};

/// How long the workers may take for all jobs of a turn.
const PATIENCE: Duration = Duration::from_secs(60);

/// Enqueues jobs, and returns how long the workers take from the first body to the last result in the
/// database. Neither the start nor the stop of the workers counts.
async fn worked(queue: &impl Queue, jobs: i64, pace: Pace) -> Fallible<Duration> {
    queue.clear().await?;
    queue.enqueue_many(jobs).await?;
    queue.analyze().await?;
    BODIES.ran.store(0, Ordering::Relaxed);
    BODIES
        .expected
        .store(jobs.unsigned_abs(), Ordering::Relaxed);
    let took = Mutex::new(Duration::ZERO);
    let until = async {
        let done = async {
            BODIES.all_ran.notified().await;
            while queue.completed().await? < jobs {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Fallible::Ok(())
        };
        if tokio::time::timeout(PATIENCE, done).await.is_err() {
            let ran = BODIES.ran.load(Ordering::Relaxed);
            let completed = queue.completed().await?;
            return Err(
                format!("{ran} of {jobs} bodies ran, {completed} jobs are completed").into(),
            );
        }
        let first = BODIES.first.lock().unwrap_or_else(PoisonError::into_inner);
        let first = first.expect("a body has run");
        *took.lock().unwrap_or_else(PoisonError::into_inner) = first.elapsed();
        Ok(())
    };
    queue.work(pace, Box::pin(until)).await?;
    let ran = BODIES.ran.load(Ordering::Relaxed);
    if ran != jobs.unsigned_abs() {
        return Err(format!("{ran} bodies ran for {jobs} jobs").into());
    }
    Ok(took.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Enqueues jobs in so many calls, and returns how long the calls take.
async fn enqueued(queue: &impl Queue, calls: i64, jobs_a_call: i64) -> Fallible<Duration> {
    queue.clear().await?;
    let began = Instant::now();
    for number in 0..calls {
        match jobs_a_call {
            1 => queue.enqueue(number).await?,
            many => queue.enqueue_many(many).await?,
        }
    }
    Ok(began.elapsed())
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// This many jobs are worked.
    Working { jobs: i64, pace: Pace },
    /// Jobs are enqueued in so many calls.
    Enqueueing { calls: i64, jobs_a_call: i64 },
}

impl Work {
    const fn jobs(self) -> i64 {
        match self {
            Self::Working { jobs, .. } => jobs,
            Self::Enqueueing { calls, jobs_a_call } => calls * jobs_a_call,
        }
    }
}

/// Returns a contestant that does this work once in each round.
pub(crate) fn contestant<Q: Queue>(name: &'static str, queue: &Arc<Q>, work: Work) -> Contestant {
    let queue = Arc::clone(queue);
    Contestant::new(name, Promises::NONE, move |_| {
        let queue = Arc::clone(&queue);
        // A task is woken sooner than the thread that waits for the whole run.
        let turn = async move {
            match work {
                Work::Working { jobs, pace } => worked(&*queue, jobs, pace).await,
                Work::Enqueueing { calls, jobs_a_call } => {
                    enqueued(&*queue, calls, jobs_a_call).await
                }
            }
        };
        Box::pin(async move {
            let took = tokio::spawn(turn).await.expect("a turn does not panic");
            let took = took.unwrap_or_else(|error| panic!("{name}: {error}"));
            let jobs = work.jobs().unsigned_abs();
            Measure::of_others(jobs, 0, jobs, took)
        })
    })
}
