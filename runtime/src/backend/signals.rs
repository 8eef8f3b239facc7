//! [`Signals`]: what dbop and a connection of SQLite tell each other while a statement runs.
//!
//! A call may be given one of dbop's own pools directly, as `db.pool()`. If that call set handlers
//! of its own, they would replace those that the connection already has, for good. So the signals
//! of dbop's pools are kept where such a call finds them.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// State shared by a connection's handlers and the calls that use the connection.
#[derive(Debug, Default)]
pub struct Signals {
    /// Whether the running statement is to stop.
    stop: AtomicBool,
    /// Whether the connection also reports its commits and rollbacks.
    reports_ends: AtomicBool,
    commits: AtomicU32,
    rollbacks: AtomicU32,
}

/// How many transactions had ended on a connection at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) commits: u32,
    pub(crate) rollbacks: u32,
}

impl Signals {
    /// Orders the running statement to stop. The connection takes the order back once it has
    /// obeyed.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// Takes back the order to stop, because no statement runs any more.
    pub(crate) fn clear_stop(&self) {
        self.stop.store(false, Relaxed);
    }

    /// Returns how many transactions have ended so far. `None` if the connection does not report
    /// that.
    pub(crate) fn ends(&self) -> Option<Ends> {
        self.reports_ends.load(Relaxed).then(|| Ends {
            commits: self.commits.load(Relaxed),
            rollbacks: self.rollbacks.load(Relaxed),
        })
    }
}

/// What the connection's handlers call.
#[cfg(feature = "sqlite")]
impl Signals {
    /// Whether to stop. Takes the order back, so that the rollback that follows is not stopped too.
    pub(crate) fn take_stop(&self) -> bool {
        self.stop.swap(false, Relaxed)
    }

    /// Notes that the connection reports every end of a transaction from now on.
    pub(crate) fn will_report_ends(&self) {
        self.reports_ends.store(true, Relaxed);
    }

    /// Counts a committed transaction.
    pub(crate) fn committed(&self) {
        self.commits.fetch_add(1, Relaxed);
    }

    /// Counts a transaction that was rolled back.
    pub(crate) fn rolled_back(&self) {
        self.rollbacks.fetch_add(1, Relaxed);
    }
}
