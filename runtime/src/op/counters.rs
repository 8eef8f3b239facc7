//! [`Counters`]: what one operation counts while it is called.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::latency::{Latencies, Latency};
use super::metrics::{OperationMetrics, register};
use super::operation::Op;
use crate::error::{Category, ErrorKind, Outcome};

#[derive(Debug)]
pub(crate) struct Counters {
    calls: AtomicU64,
    joined: AtomicU64,
    attempts: AtomicU64,
    committed: AtomicU64,
    rolled_back: AtomicU64,
    unknown: AtomicU64,
    nanos: AtomicU64,
    nanos_waiting: AtomicU64,
    nanos_in_statements: AtomicU64,
    statements: AtomicU64,
    rows: AtomicU64,
    /// What takes much room. Made at the first call, so that an operation that is never called takes
    /// none.
    details: OnceLock<Box<Details>>,
}

#[derive(Debug)]
struct Details {
    latencies: Latencies,
    repeating: AtomicU64,
    retries: [AtomicU64; ErrorKind::ALL.len()],
    failures: [AtomicU64; Category::ALL.len()],
}

/// What statements have used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StatementCounts {
    pub(crate) statements: u64,
    pub(crate) rows: u64,
    /// The time for which they have run, in nanoseconds.
    pub(crate) nanos: u64,
}

const fn zero() -> AtomicU64 {
    AtomicU64::new(0)
}

impl Counters {
    pub(crate) const fn new() -> Self {
        Self {
            calls: zero(),
            joined: zero(),
            attempts: zero(),
            committed: zero(),
            rolled_back: zero(),
            unknown: zero(),
            nanos: zero(),
            nanos_waiting: zero(),
            nanos_in_statements: zero(),
            statements: zero(),
            rows: zero(),
            details: OnceLock::new(),
        }
    }

    pub(super) fn read(&self, op: &'static Op) -> OperationMetrics {
        let calls = self.calls.load(Relaxed);
        let attempts = self.attempts.load(Relaxed);
        let nanos = |count: &AtomicU64| Duration::from_nanos(count.load(Relaxed));
        let details = self.details.get();
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
            total_time: nanos(&self.nanos),
            latency: details.map_or(Latency::default(), |details| details.latencies.read()),
            waiting_time: nanos(&self.nanos_waiting),
            statement_time: nanos(&self.nanos_in_statements),
            statements: self.statements.load(Relaxed),
            rows: self.rows.load(Relaxed),
            repeating_calls: details.map_or(0, |details| details.repeating.load(Relaxed)),
            retries_by_kind: details.map_or(Vec::new(), |details| {
                named(&details.retries, ErrorKind::ALL)
            }),
            failures: details.map_or(Vec::new(), |details| {
                named(&details.failures, Category::ALL)
            }),
        }
    }
}

#[cfg(feature = "http")]
impl Counters {
    /// Returns the histogram of how long calls took, in microseconds. `None` before the first call.
    pub(super) fn histogram(&self) -> Option<histogram::Histogram> {
        Some(self.details.get()?.latencies.load())
    }
}

/// Pairs counts with their names, and leaves out those that are zero.
fn named<N: Copy>(counts: &[AtomicU64], names: &[N]) -> Vec<(N, u64)> {
    let counts = counts.iter().map(|count| count.load(Relaxed));
    let all = names.iter().copied().zip(counts);
    all.filter(|(_, count)| *count > 0).collect()
}

fn add_time(count: &AtomicU64, time: Duration) {
    if !time.is_zero() {
        count.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }
}

impl Op {
    pub(crate) fn count_joined(&'static self) {
        self.details();
        self.counters.joined.fetch_add(1, Relaxed);
    }

    #[inline]
    pub(crate) fn count_call(&'static self, attempts: u32, outcome: Outcome, took: Duration) {
        let details = self.details();
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
        add_time(&counters.nanos, took);
        details.latencies.add(took);
    }

    /// Counts how long a call has waited for a connection.
    pub(crate) fn count_waiting(&'static self, time: Duration) {
        add_time(&self.counters.nanos_waiting, time);
    }

    pub(crate) fn count_statements(&'static self, counts: StatementCounts) {
        let counters = &self.counters;
        counters.statements.fetch_add(counts.statements, Relaxed);
        counters.rows.fetch_add(counts.rows, Relaxed);
        counters
            .nanos_in_statements
            .fetch_add(counts.nanos, Relaxed);
    }

    /// Counts a call that sends one statement again and again. Returns whether it is the first such
    /// call of the operation.
    pub(crate) fn count_repeating(&'static self) -> bool {
        self.details().repeating.fetch_add(1, Relaxed) == 0
    }

    /// Counts an attempt that has failed in this way and is followed by another.
    #[cold]
    pub(crate) fn count_retry(&'static self, kind: ErrorKind) {
        self.details().retries[kind as usize].fetch_add(1, Relaxed);
    }

    /// Counts a call that returns an error of this category.
    #[cold]
    pub(crate) fn count_failure(&'static self, category: Category) {
        self.details().failures[category as usize].fetch_add(1, Relaxed);
    }

    #[inline]
    fn details(&'static self) -> &'static Details {
        match self.counters.details.get() {
            Some(details) => details,
            None => self.first_details(),
        }
    }

    #[cold]
    fn first_details(&'static self) -> &'static Details {
        self.counters.details.get_or_init(|| {
            register(self);
            Box::new(Details {
                latencies: Latencies::new(),
                repeating: zero(),
                retries: [const { zero() }; ErrorKind::ALL.len()],
                failures: [const { zero() }; Category::ALL.len()],
            })
        })
    }
}
