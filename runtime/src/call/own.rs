//! [`OwnSession`]: a session that this call opened.

use super::retry::BodyRan;
use super::state::CallState;
use crate::backend::{Backend, Leftover};
use crate::error::Class;
use crate::pool::Lease;
use crate::rt::Moment;
use crate::session::{Due, Guard, Hooks, State, View};

/// A session that this call opened. When it is dropped, its transaction is rolled back, its
/// connection is given back, and its hooks run.
#[derive(Debug)]
pub(crate) struct OwnSession<DB: Backend> {
    lease: Option<Lease<DB>>,
    pub(super) state: State,
}

impl<DB: Backend> OwnSession<DB> {
    pub(super) fn new(lease: Lease<DB>, state: State) -> Self {
        Self {
            lease: Some(lease),
            state,
        }
    }

    pub(super) fn view(&mut self) -> View<'_, DB> {
        let lease = self.lease.as_mut().expect("held until its end");
        View {
            conn: lease.conn(),
            state: &mut self.state,
        }
    }

    /// Takes the connection and the hooks out, which the caller then has to see to.
    #[expect(
        clippy::boxed_local,
        reason = "out of the box, the whole session would be copied"
    )]
    pub(super) fn take(mut self: Box<Self>) -> (Lease<DB>, Hooks) {
        let hooks = self.take_hooks();
        self.tell_lease();
        let lease = self.lease.take().expect("held until its end");
        (lease, hooks)
    }

    /// Tells the connection what the statements have done to its session.
    fn tell_lease(&mut self) {
        let Some(lease) = &mut self.lease else { return };
        lease.sent(self.state.started());
        lease.traces = self.state.traces;
        lease.guarded |= self.state.guard == Guard::Set;
        if self.state.demoted {
            lease.met_standby();
        }
    }

    /// Takes the connection back from the body, which was cut off.
    pub(super) fn reclaim(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.reclaim();
        }
    }

    /// Whether the database keeps the body from writing.
    pub(super) fn only_reads(&self) -> bool {
        self.state.is_guarded()
    }

    /// Tells the circuit breaker and the pool what the statements have shown, and returns what is
    /// known of the body.
    pub(super) fn report(&mut self, call: &mut CallState, failure: Option<Class>) -> BodyRan {
        let ends = failure.is_some_and(|class| class.kind.ends_session());
        let lost = self.state.broken || (self.state.opaque && ends);
        let lease = self.lease.as_mut().expect("held until its end");
        call.report_statements(&self.state, lease.origin, failure);
        if let Some(deadlock) = self.state.deadlock.take() {
            lease.explain(deadlock, call.op);
        }
        if lost {
            self.state.broken = true;
            lease.was_lost();
        }
        // The error of a statement that was sent over the raw connection is only seen here.
        let class = failure.map(|class| DB::refine(class, !self.state.cannot_write));
        self.state.demoted |= class == Some(Class::DEMOTED);
        BodyRan {
            elsewhere: self.state.tx.is_none() && self.state.untouched(),
            unguarded: self.state.read_only && !self.state.is_guarded(),
            left_running: self.state.mid_statement(),
            past_transaction: false,
        }
    }

    fn take_hooks(&mut self) -> Hooks {
        let tx = self.state.tx.as_mut();
        tx.map(|tx| std::mem::take(&mut tx.hooks))
            .unwrap_or_default()
    }
}

impl<DB: Backend> Drop for OwnSession<DB> {
    fn drop(&mut self) {
        self.tell_lease();
        let Some(mut lease) = self.lease.take() else {
            return;
        };
        self.state.stop_idling(Moment::now());
        let State {
            opaque,
            broken,
            demoted,
            ..
        } = self.state;
        if broken {
            lease.was_lost();
        }
        // What the body sent over the raw connection may be running still.
        if self.state.tx.is_some() || opaque || demoted || self.state.mid_statement() {
            lease.left = Leftover::Unfinished;
        }
        let outcome = self.state.effect_of_rollback(true).outcome();
        let mut due = Due::new(self.take_hooks(), outcome, self.state.op);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if !due.is_empty() => drop(runtime.spawn(async move {
                lease.release().await;
                due.run().await;
            })),
            _ => drop(lease),
        }
    }
}
