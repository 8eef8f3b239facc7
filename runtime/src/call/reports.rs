//! What a call asks the circuit breaker, and tells it.

use std::time::Duration;

use tokio::time::Instant;

use super::state::CallCore;
use crate::error::{Class, Error, Kind, Result};
use crate::policy::{Defaults, Fault, Pass};
use crate::pool::Origin;
use crate::session::State;

impl CallCore {
    /// Asks it before each attempt.
    pub(crate) fn pass(&mut self, defaults: &Defaults) -> Result<()> {
        if let Some(circuit) = &defaults.circuit
            && self.pass.as_ref().is_none_or(Pass::is_spent)
        {
            self.pass = Some(circuit.admit()?);
        }
        Ok(())
    }

    /// Tells it that no connection could be had, which was tried from `asked` on.
    pub(crate) fn unopened(&mut self, error: &Error, asked: Instant) {
        let Some(pass) = &mut self.pass else { return };
        match error.kind() {
            // Nobody has said anything.
            Kind::Timeout => pass.unanswered_for(asked.elapsed()),
            // A server that has no connection left works, for those that have one.
            Kind::Connection | Kind::ShuttingDown | Kind::StartingUp => {
                pass.failed(Fault::Refused);
            }
            _ => {}
        }
    }

    /// Tells it that a connection was lost before the first answer on it. One that had been idle may
    /// have been lost long ago, which says nothing about the server of today.
    pub(crate) fn lost_at_begin(&mut self, origin: Origin) {
        if let Some(pass) = &mut self.pass
            && origin == Origin::New
        {
            pass.failed(Fault::Refused);
        }
    }

    /// Tells it that the server took so long over `BEGIN` or `COMMIT`.
    pub(crate) fn answered(&mut self, took: Duration) {
        if let Some(pass) = &mut self.pass {
            pass.answered_in(took);
        }
    }

    /// Tells it that the server has not answered for so long.
    pub(crate) fn unanswered(&mut self, waited: Duration) {
        if let Some(pass) = &mut self.pass {
            pass.unanswered_for(waited);
        }
    }

    /// Tells it that the server works.
    #[cfg(feature = "blocking")]
    pub(crate) fn worked(&mut self) {
        if let Some(pass) = &mut self.pass {
            pass.succeeded();
        }
    }

    /// Tells it what the statements of an attempt have shown.
    pub(crate) fn ran(&mut self, state: &State, origin: Origin, failure: Option<Class>) {
        if state.broken {
            // Where the server has said that it ends the session, it is there.
            let unsaid = failure.is_some_and(|class| class.kind == Kind::Connection);
            if unsaid && state.first_answer_is_missing() {
                self.lost_at_begin(origin);
            }
            return;
        }
        // What went past dbop shows only in what the body returns.
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
