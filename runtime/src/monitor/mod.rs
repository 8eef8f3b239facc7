//! What a handle knows about its calls while they run: who holds connections, and for how long.

mod failures;
mod leaks;
mod progress;
mod registry;
mod session_info;
mod totals;

pub use failures::FailedCall;
pub(crate) use failures::Failing;
pub(crate) use progress::Progress;
pub(crate) use registry::{Borrower, Holding, Registry};
pub(crate) use session_info::held_by;
pub use session_info::{SessionInfo, SessionState};
pub use totals::Totals;

use std::time::Duration;

use failures::Failures;
use leaks::Leaks;
use totals::Counts;

use crate::policy::Limits;

/// What all pools and calls of a handle report to.
#[derive(Debug)]
pub(crate) struct Monitor {
    leaks: Leaks,
    failures: Failures,
    counts: Counts,
}

impl Monitor {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            leaks: Leaks::after(limits.held),
            failures: Failures::default(),
            counts: Counts::new(),
        }
    }

    /// An outermost call has ended, after so long.
    pub(crate) fn call_ended(&self, took: Duration) {
        self.counts.call(took);
    }

    /// An outermost call returns an error.
    #[cold]
    pub(crate) fn call_failed(&self, failing: &Failing<'_>) {
        self.counts.failed();
        self.failures.add(failing);
    }

    /// Bodies have sent statements.
    pub(crate) fn sent(&self, statements: u64) {
        self.counts.statements(statements);
    }

    /// A call could not have a connection in time.
    pub(crate) fn acquire_timed_out(&self) {
        self.counts.acquire_timeout();
    }

    /// Returns the calls that have failed last, the latest first.
    pub(crate) fn last_errors(&self) -> Vec<FailedCall> {
        self.failures.latest()
    }

    /// Returns what was counted. `held_time` is how long connections were held together.
    pub(crate) fn totals(&self, held_time: Duration) -> Totals {
        self.counts.read(held_time, self.leaks.count())
    }
}
