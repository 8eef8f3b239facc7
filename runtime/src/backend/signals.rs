//! [`Signals`]: what dbop tells a connection of SQLite, and hears from it, while a statement runs.
//!
//! A call may be given a pool of ours itself, as `db.pool()`. Handlers of that call's own would take
//! the place of those that the connection has, for good. So the signals of our pools are kept where
//! such a call finds them.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// Shared by a connection's handlers and the calls that use the connection.
#[derive(Debug, Default)]
pub struct Signals {
    /// The statement that runs is to stop.
    stop: AtomicBool,
    /// The connection also reports its commits and rollbacks.
    reports_ends: AtomicBool,
    commits: AtomicU32,
    rollbacks: AtomicU32,
}

/// How many transactions had ended on a connection at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) commits: u32,
    pub(crate) rollbacks: u32,
}

impl Signals {
    /// The statement that runs is to stop; the connection takes the order back when it has obeyed.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// Nothing runs any more that was to stop.
    pub(crate) fn clear_stop(&self) {
        self.stop.store(false, Relaxed);
    }

    /// The transactions that have ended so far; `None` where the connection does not report them.
    pub(crate) fn ends(&self) -> Option<Ends> {
        self.reports_ends.load(Relaxed).then(|| Ends {
            commits: self.commits.load(Relaxed),
            rollbacks: self.rollbacks.load(Relaxed),
        })
    }
}

/// The side of the connection.
#[cfg(feature = "sqlite")]
impl Signals {
    /// Whether to stop. Only once, so that what runs next, the rollback, is not stopped as well.
    pub(crate) fn take_stop(&self) -> bool {
        self.stop.swap(false, Relaxed)
    }

    /// From now on the connection reports every end of a transaction.
    pub(crate) fn will_report_ends(&self) {
        self.reports_ends.store(true, Relaxed);
    }

    /// A transaction was committed.
    pub(crate) fn committed(&self) {
        self.commits.fetch_add(1, Relaxed);
    }

    /// A transaction was rolled back.
    pub(crate) fn rolled_back(&self) {
        self.rollbacks.fetch_add(1, Relaxed);
    }
}
