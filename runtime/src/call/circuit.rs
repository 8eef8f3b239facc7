//! What a call asks the circuit breaker, and tells it.

use std::time::Duration;

use tokio::time::Instant;

use super::core::CallCore;
use crate::breaker::{Failure, Pass};
use crate::classify::{Class, Kind};
use crate::db::Defaults;
use crate::error::{Error, Result};
use crate::state::State;

impl CallCore {
    /// Asks it before each attempt.
    pub(super) fn pass(&mut self, defaults: &Defaults) -> Result<()> {
        if let Some(circuit) = &defaults.circuit
            && self.pass.as_ref().is_none_or(Pass::is_spent)
        {
            self.pass = Some(circuit.admit()?);
        }
        Ok(())
    }

    /// Tells it that no session could be opened, which was tried from `asked` on
    /// and at most until `until`.
    pub(super) fn unopened(&mut self, error: &Error, asked: Instant, until: Instant) {
        let Some(pass) = &mut self.pass else { return };
        match error.kind() {
            // Nobody has said anything.
            Kind::Connection if Instant::now() >= until => pass.unanswered_for(asked.elapsed()),
            // A server that has no connection left works, for those that have one.
            Kind::Connection | Kind::ShuttingDown | Kind::StartingUp => {
                pass.failed(Failure::Refused);
            }
            _ => {}
        }
    }

    /// Tells it that the server took so long over `BEGIN` or `COMMIT`.
    pub(super) fn answered(&mut self, took: Duration) {
        if let Some(pass) = &mut self.pass {
            pass.answered_in(took);
        }
    }

    /// Tells it that the server has not answered for so long.
    pub(super) fn unanswered(&mut self, waited: Duration) {
        if let Some(pass) = &mut self.pass {
            pass.unanswered_for(waited);
        }
    }

    /// Tells it that the server went away.
    pub(super) fn lost_connection(&mut self) {
        if let Some(pass) = &mut self.pass {
            pass.failed(Failure::Other);
        }
    }

    /// Tells it that the server works.
    #[cfg(feature = "blocking")]
    pub(super) fn worked(&mut self) {
        if let Some(pass) = &mut self.pass {
            pass.succeeded();
        }
    }

    /// Tells it what the statements of an attempt have shown.
    pub(super) fn ran(&mut self, state: &State, failure: Option<Class>) {
        let Some(pass) = &mut self.pass else { return };
        // The server ends a session that idles in a transaction; that is the body's doing.
        let idled = failure.is_some_and(|class| class.kind == Kind::SessionTimeout);
        // What went past dbop shows only in what the body returns.
        let ends = failure.is_some_and(|class| class.kind.ends_session());
        let lost = state.broken || (state.opaque && ends);
        let says_nothing = state.opaque && failure.is_some();
        if lost && !idled {
            self.lost_connection();
        } else if !state.untouched() && !state.mid_statement() && !says_nothing {
            pass.succeeded();
        }
    }
}
