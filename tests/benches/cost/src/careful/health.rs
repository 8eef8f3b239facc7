//! How the database has been lately.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const FAILURES: u32 = 5;
const OPEN: Duration = Duration::from_secs(5);
const PER_CALL: f64 = 0.2;
const PER_SECOND: f64 = 10.0;
const MOST: f64 = 100.0;

/// A retry budget and a circuit breaker.
pub(super) struct Health {
    since: Instant,
    /// Retries of an outage that may go out, and when that was.
    budget: Mutex<(f64, Instant)>,
    /// Connections lost in a row.
    failures: AtomicU32,
    /// Until when calls are refused, in milliseconds.
    open_until: AtomicU64,
}

impl Health {
    pub(super) fn new() -> Self {
        let since = Instant::now();
        Self {
            since,
            budget: Mutex::new((PER_SECOND, since)),
            failures: AtomicU32::new(0),
            open_until: AtomicU64::new(0),
        }
    }

    /// A call begins; `false`: it must not.
    pub(super) fn admit(&self, now: Instant) -> bool {
        self.fill(now, PER_CALL);
        self.failures.load(Relaxed) < FAILURES || self.millis(now) >= self.open_until.load(Relaxed)
    }

    pub(super) fn may_retry(&self) -> bool {
        self.fill(Instant::now(), -1.0)
    }

    pub(super) fn worked(&self) {
        self.failures.store(0, Relaxed);
    }

    pub(super) fn lost_connection(&self) {
        if self.failures.fetch_add(1, Relaxed) + 1 >= FAILURES {
            let until = self.millis(Instant::now() + OPEN);
            self.open_until.store(until, Relaxed);
        }
    }

    /// Adds so many tokens, unless there would be less than none.
    fn fill(&self, now: Instant, tokens: f64) -> bool {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = now.saturating_duration_since(budget.1).as_secs_f64();
        budget.0 = (budget.0 + seconds * PER_SECOND).min(MOST);
        budget.1 = now;
        let enough = budget.0 + tokens >= 0.0;
        if enough {
            budget.0 += tokens;
        }
        enough
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from((at - self.since).as_millis()).unwrap_or(u64::MAX)
    }
}
