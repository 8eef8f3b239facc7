//! What a call tells the circuit breaker.

use std::time::Duration;

use tokio::time::Instant;

use super::state::CallState;
use crate::error::{Class, Error, ErrorKind};
use crate::policy::Fault;
use crate::pool::Origin;
use crate::session::State;

impl CallState {
    /// No connection could be had, which was tried from `asked` on.
    pub(crate) fn report_unopened(&mut self, error: &Error, asked: Instant) {
        if let Some(monitor) = &self.monitor {
            match error.kind() {
                ErrorKind::PoolExhausted => monitor.acquire_timed_out(),
                ErrorKind::Timeout => monitor.unanswered(self.op, asked.elapsed()),
                _ => {}
            }
        }
        let Some(pass) = &mut self.pass else { return };
        match error.kind() {
            // The server has said nothing.
            ErrorKind::Timeout => pass.unanswered_for(asked.elapsed()),
            // A server that has no connection left works, for those that have one.
            ErrorKind::Connection | ErrorKind::ShuttingDown | ErrorKind::StartingUp => {
                pass.failed(Fault::Refused)
            }
            _ => {}
        }
    }

    /// A connection was lost before the first answer on it. A connection that had been idle may
    /// have been lost long ago, which says nothing about the server of today.
    pub(crate) fn report_lost_at_begin(&mut self, origin: Origin) {
        if let Some(pass) = &mut self.pass
            && origin == Origin::New
        {
            pass.failed(Fault::Refused);
        }
    }

    /// The server took this long over `BEGIN` or `COMMIT`.
    pub(crate) fn report_answer(&mut self, took: Duration) {
        if let Some(pass) = &mut self.pass {
            pass.answered_in(took);
        }
    }

    /// The server has not answered for this long.
    pub(crate) fn report_silence(&mut self, waited: Duration) {
        if let Some(pass) = &mut self.pass {
            pass.unanswered_for(waited);
        }
    }

    /// The server works.
    #[cfg(feature = "blocking")]
    pub(crate) fn report_success(&mut self) {
        if let Some(pass) = &mut self.pass {
            pass.succeeded();
        }
    }

    /// What the statements of an attempt have shown, which has `failure` as its result.
    pub(super) fn report_statements(
        &mut self,
        state: &State,
        origin: Origin,
        failure: Option<Class>,
    ) {
        if state.broken {
            // A server that has said that it ends the session is there.
            let unsaid = failure.is_some_and(|class| class.kind == ErrorKind::Connection);
            if unsaid && state.first_answer_is_missing() {
                self.report_lost_at_begin(origin);
            }
            return;
        }
        // Statements that went past dbop show only in what the body returns.
        let says_nothing = state.opaque && failure.is_some();
        if let Some(pass) = &mut self.pass
            && !state.untouched()
            && !state.mid_statement()
            && !says_nothing
        {
            pass.succeeded();
        }
    }
}
