//! What operations have counted since the process was started.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::operation::Op;
use crate::error::Outcome;

/// The counts of one annotated function, over all its calls in this process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperationMetrics {
    /// The function's name, or the value of its option `name`.
    pub name: &'static str,
    /// The file the function is in.
    pub file: &'static str,
    /// The line of the function's name, also inside a `macro_rules!`.
    pub line: u32,
    /// The number of calls that have ended. Joined calls are not included.
    pub calls: u64,
    /// The number of calls that joined a transaction or session of their caller.
    pub joined: u64,
    /// The number of attempts of all calls. A call that was refused before its first attempt counts
    /// as one attempt.
    pub attempts: u64,
    /// The number of attempts after the first attempt of a call: `attempts - calls`.
    pub retries: u64,
    /// The number of calls whose effect is in the database.
    pub committed: u64,
    /// The number of calls that left nothing in the database.
    pub rolled_back: u64,
    /// The number of calls whose effect is not known.
    pub unknown: u64,
    /// The time that all calls took together, waiting included. Joined calls are not included.
    pub total_time: Duration,
}

/// Returns the counts of every operation that was called at least once, sorted by name.
///
/// ```
/// for operation in dbop::metrics() {
///     println!("{} {} calls", operation.name, operation.calls);
/// }
/// ```
#[must_use]
pub fn metrics() -> Vec<OperationMetrics> {
    let called = CALLED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut all: Vec<_> = called.iter().map(|op| op.counters.read(op)).collect();
    all.sort_by_key(|op| (op.name, op.file, op.line));
    all
}

/// The operations that were called. They register on their first call, so that nobody has to keep a
/// list of them.
static CALLED: Mutex<Vec<&'static Op>> = Mutex::new(Vec::new());

#[derive(Debug)]
pub(crate) struct Counters {
    registered: AtomicBool,
    calls: AtomicU64,
    joined: AtomicU64,
    attempts: AtomicU64,
    committed: AtomicU64,
    rolled_back: AtomicU64,
    unknown: AtomicU64,
    nanos: AtomicU64,
}

impl Counters {
    pub(crate) const fn new() -> Self {
        Self {
            registered: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            joined: AtomicU64::new(0),
            attempts: AtomicU64::new(0),
            committed: AtomicU64::new(0),
            rolled_back: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
        }
    }

    fn read(&self, op: &'static Op) -> OperationMetrics {
        let calls = self.calls.load(Relaxed);
        let attempts = self.attempts.load(Relaxed);
        OperationMetrics {
            name: op.name,
            file: op.file,
            line: op.line,
            calls,
            joined: self.joined.load(Relaxed),
            attempts,
            retries: attempts.saturating_sub(calls),
            committed: self.committed.load(Relaxed),
            rolled_back: self.rolled_back.load(Relaxed),
            unknown: self.unknown.load(Relaxed),
            total_time: Duration::from_nanos(self.nanos.load(Relaxed)),
        }
    }
}

impl Op {
    pub(crate) fn count_joined(&'static self) {
        self.register();
        self.counters.joined.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_call(&'static self, attempts: u32, outcome: Outcome, took: Duration) {
        self.register();
        let counters = &self.counters;
        counters.calls.fetch_add(1, Relaxed);
        counters
            .attempts
            .fetch_add(u64::from(attempts.max(1)), Relaxed);
        let by_outcome = match outcome {
            Outcome::Committed => &counters.committed,
            Outcome::RolledBack => &counters.rolled_back,
            Outcome::Unknown => &counters.unknown,
        };
        by_outcome.fetch_add(1, Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        counters.nanos.fetch_add(nanos, Relaxed);
    }

    fn register(&'static self) {
        if !self.counters.registered.load(Relaxed) && !self.counters.registered.swap(true, Relaxed)
        {
            CALLED
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(self);
        }
    }
}
