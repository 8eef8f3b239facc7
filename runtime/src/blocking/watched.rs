//! What a [`BlockingDb`] knows about its calls: who holds its connections, and what has failed.

use super::manager::Manager;
use super::pool::BlockingDb;
use crate::monitor::{AlertReceiver, FailedCall, SessionInfo, Totals};

impl<M: Manager> BlockingDb<M> {
    /// Returns the connections that calls hold at this moment, those first that are held for longest.
    /// What a plain function does with its connection is not seen, so the state of each is
    /// [`HandedOut`](crate::SessionState::HandedOut).
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionInfo> {
        let mut sessions = self.held().sessions();
        sessions.sort_by_key(|session| std::cmp::Reverse(session.held_for));
        sessions
    }

    /// Returns the calls that have failed last, the latest first, as
    /// [`Db::last_errors`](crate::Db::last_errors) does.
    #[must_use]
    pub fn last_errors(&self) -> Vec<FailedCall> {
        self.defaults().monitor.last_errors()
    }

    /// Returns what was counted since the handle was made. Statements of plain functions are not seen.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.defaults().monitor.totals(self.held().held_so_far())
    }

    /// Returns why calls may have to wait or are refused: a sentence for each reason, as in
    /// [`Health::problems`](crate::health::Health::problems).
    pub(super) fn problems(&self) -> Vec<String> {
        let breaker = self.defaults().circuit.as_ref();
        let breaker = match breaker.map(|circuit| circuit.state()) {
            Some("open") => {
                Some("The circuit breaker of the plain half is open: calls are refused.")
            }
            Some("half_open") => {
                Some("The circuit breaker of the plain half lets a few calls through.")
            }
            _ => None,
        };
        let full = self.is_full().then(|| {
            let size = self.size();
            format!("All {size} connections of the plain half are in use.")
        });
        full.into_iter().chain(breaker.map(str::to_owned)).collect()
    }

    /// Returns what receives the [alerts](crate::AlertKind) of this handle from now on.
    #[must_use]
    pub fn alerts(&self) -> AlertReceiver {
        self.defaults().monitor.alerts()
    }
}
