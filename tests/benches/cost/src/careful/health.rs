//! The health of a database: how it has worked lately.

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
    /// How many retries an outage may still cause, and when this was computed.
    budget: Mutex<(f64, Instant)>,
    /// How many connections were lost in a row.
    failures: AtomicU32,
    /// The time until which calls are refused, in milliseconds since `since`.
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

    /// Admits a call; `false` if it must not begin.
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

    /// Adds tokens, or takes them if the number is negative. Returns `false`, and changes nothing,
    /// if there are too few.
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
