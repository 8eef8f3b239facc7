//! What a handle knows about its calls: who holds its connections and for how long, which calls have
//! failed last, totals, and alerts.

mod alert;
mod alerts;
mod borrower;
mod failures;
mod leak_watch;
mod leaks;
mod progress;
mod registry;
mod session_info;
mod totals;
mod waiting;

pub use alert::{Alert, AlertKind, AlertReceiver, OnAlert};
pub(crate) use borrower::Borrower;
pub use failures::FailedCall;
pub(crate) use failures::Failing;
pub(crate) use progress::{Progress, text_hash};
pub(crate) use registry::{Holding, Registry, Rival};
pub(crate) use session_info::held_by;
pub use session_info::{SessionInfo, SessionState};
pub use totals::Totals;
pub(crate) use waiting::Waiting;

use std::sync::Arc;
use std::time::Duration;

use alerts::Alerts;
use failures::Failures;
use leaks::Leaks;
use totals::Counts;

use crate::error::Outcome;
use crate::op::Op;
use crate::telemetry::Calls;

/// What all pools and calls of a handle report to.
#[derive(Debug)]
pub(crate) struct Monitor {
    leaks: Leaks,
    failures: Failures,
    counts: Counts,
    alerts: Alerts,
    pub(crate) reports: Calls,
}

impl Monitor {
    pub(crate) fn new(leak_threshold: Duration) -> Self {
        Self {
            leaks: Leaks::new(leak_threshold),
            failures: Failures::default(),
            counts: Counts::new(),
            alerts: Alerts::new(),
            reports: Calls::new(),
        }
    }

    /// Tells each of these about alerts.
    pub(crate) fn tell(&self, each: Vec<Arc<dyn OnAlert>>) {
        if !each.is_empty() {
            self.alerts.receiver().pass_on(each);
        }
    }

    /// Returns what receives alerts from now on.
    pub(crate) fn alerts(&self) -> AlertReceiver {
        self.alerts.receiver()
    }

    /// A call of `op` has held a connection for too long.
    fn leaked(&self, op: &'static Op, session: &SessionInfo) {
        self.leaks.report(session);
        self.alerts.leaks(op, || self.leaks.now());
    }

    /// A connection is back that was held for too long.
    fn leak_is_back(&self, op: &'static Op) {
        self.alerts.leaks(op, || self.leaks.now());
    }

    /// An outermost call has ended, after so long.
    pub(crate) fn call_ended(&self, op: &'static Op, outcome: Outcome, took: Duration) {
        self.counts.call(took);
        if outcome == Outcome::Committed {
            self.alerts.succeeded(op);
        }
    }

    /// An outermost call returns an error.
    #[cold]
    pub(crate) fn call_failed(&self, failing: &Failing<'_>) {
        self.counts.failed();
        self.failures.add(failing);
        self.alerts
            .failed(failing.op, failing.class, failing.outcome);
    }

    /// Bodies have sent statements.
    pub(crate) fn sent(&self, statements: u64) {
        self.counts.statements(statements);
    }

    /// A call could not have a connection in time.
    pub(crate) fn acquire_timed_out(&self) {
        self.counts.acquire_timeout();
    }

    /// No connection was opened for a call of `op` that has waited for one for so long.
    pub(crate) fn unanswered(&self, op: &'static Op, waited: Duration) {
        self.alerts.unanswered(op, waited);
    }

    /// Returns the calls that have failed last, the latest first.
    pub(crate) fn last_errors(&self) -> Vec<FailedCall> {
        self.failures.latest()
    }

    /// A call has held a connection for so long.
    fn held(&self, time: Duration) {
        self.counts.held(time);
    }

    /// A call has waited so long for a connection.
    fn waited(&self, time: Duration) {
        self.counts.waited(time);
    }

    /// Returns what was counted. `held_so_far` is how long the connections together have been held
    /// that are held now.
    pub(crate) fn totals(&self, held_so_far: Duration) -> Totals {
        self.counts.read(held_so_far, self.leaks.count())
    }
}
