//! [`Totals`]: what a handle has counted since it was opened.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use crate::rt::micros;

/// What a handle has counted since it was opened, from [`Db::totals`](crate::Db::totals). The
/// difference of two readings tells about the time between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// How long the handle has been open.
    pub open_for: Duration,
    /// The number of calls that have ended. Joined calls are not included.
    pub calls: u64,
    /// The number of those calls that have returned an error.
    pub failed: u64,
    /// How long those calls took together, waiting included.
    pub call_time: Duration,
    /// The number of statements that bodies have sent. Statements on the driver's own connection are
    /// not seen.
    pub statements: u64,
    /// How long calls have waited for a connection together, also those that got none.
    pub waiting_time: Duration,
    /// How long connections were held together. Divided by `open_for`, this is how many were held on
    /// average. Connections that are held now are included.
    pub held_time: Duration,
    /// How often a call has failed because no connection became free in time.
    pub acquire_timeouts: u64,
    /// How often a call has held a connection for longer than
    /// [`leak_threshold`](crate::DbBuilder::leak_threshold).
    pub leaks: u64,
}

#[derive(Debug)]
pub(super) struct Counts {
    opened: Instant,
    calls: AtomicU64,
    failed: AtomicU64,
    call_micros: AtomicU64,
    waiting_micros: AtomicU64,
    held_micros: AtomicU64,
    statements: AtomicU64,
    acquire_timeouts: AtomicU64,
}

impl Counts {
    pub(super) fn new() -> Self {
        Self {
            opened: Instant::now(),
            calls: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            call_micros: AtomicU64::new(0),
            waiting_micros: AtomicU64::new(0),
            held_micros: AtomicU64::new(0),
            statements: AtomicU64::new(0),
            acquire_timeouts: AtomicU64::new(0),
        }
    }

    pub(super) fn call(&self, took: Duration) {
        self.calls.fetch_add(1, Relaxed);
        self.call_micros.fetch_add(micros(took), Relaxed);
    }

    pub(super) fn waited(&self, time: Duration) {
        self.waiting_micros.fetch_add(micros(time), Relaxed);
    }

    pub(super) fn held(&self, time: Duration) {
        self.held_micros.fetch_add(micros(time), Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Relaxed);
    }

    pub(super) fn statements(&self, statements: u64) {
        self.statements.fetch_add(statements, Relaxed);
    }

    pub(super) fn acquire_timeout(&self) {
        self.acquire_timeouts.fetch_add(1, Relaxed);
    }

    pub(super) fn read(&self, held_so_far: Duration, leaks: u64) -> Totals {
        let time = |micros: &AtomicU64| Duration::from_micros(micros.load(Relaxed));
        Totals {
            open_for: self.opened.elapsed(),
            calls: self.calls.load(Relaxed),
            failed: self.failed.load(Relaxed),
            call_time: time(&self.call_micros),
            statements: self.statements.load(Relaxed),
            waiting_time: time(&self.waiting_micros),
            held_time: time(&self.held_micros) + held_so_far,
            acquire_timeouts: self.acquire_timeouts.load(Relaxed),
            leaks,
        }
    }
}
