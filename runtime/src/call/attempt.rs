//! [`Attempt`]: one run of a body, from its session to that session's end.

use super::args::Attempted;
use super::call_loop::{CallLoop, Following};
use super::end;
use super::join::Join;
use super::on_connection::CallersSession;
use super::on_transaction::CallersTransaction;
use super::own::OwnSession;
use super::run::{Body, Ran};
use super::stream::LastItem;
use super::stream_body::StreamBody;
use crate::backend::Backend;
use crate::policy::Defaults;
use crate::session::{Conn, FailedJoin, Tx, View};

/// One attempt of a call, with its session.
#[derive(Debug)]
pub struct Attempt<'a, DB: Backend, R> {
    pub(super) call: &'a mut CallLoop<R>,
    pub(super) session: AttemptSession<'a, DB>,
}

/// The session of an attempt, by who has opened the session.
#[derive(Debug)]
pub(super) enum AttemptSession<'a, DB: Backend> {
    /// The call has opened the session for this attempt, and ends it.
    Own {
        own: Box<OwnSession<DB>>,
        defaults: &'a Defaults,
    },
    /// The caller has lent a session of dbop's.
    Joined(Join<'a, DB>),
    /// The caller has lent a connection of which dbop knows nothing.
    Callers(CallersSession<'a, DB>),
    /// The call has begun a transaction on such a connection, or a savepoint.
    CallersTx(CallersTransaction<'a, DB>),
}

impl<DB: Backend> AttemptSession<'_, DB> {
    fn view(&mut self) -> View<'_, DB> {
        match self {
            Self::Own { own, .. } => own.view(),
            Self::Joined(join) => join.view(),
            Self::Callers(session) => session.view(),
            Self::CallersTx(transaction) => transaction.view(),
        }
    }
}

impl<DB: Backend, R> Attempt<'_, DB, LastItem<R>> {
    /// Returns what runs a body that returns a stream, and lends the session to that body.
    pub fn stream(&mut self) -> (StreamBody<'_, R>, Conn<'_, DB>) {
        if let AttemptSession::Joined(join) = &mut self.session {
            join.may_be_left();
        }
        let conn = Conn {
            view: self.session.view(),
        };
        (StreamBody::new(self.call), conn)
    }
}

impl<DB: Backend, R> Attempt<'_, DB, R> {
    /// Returns what runs the body.
    #[must_use]
    pub fn body(&mut self) -> Body {
        let call = &mut self.call.state;
        let timer = std::mem::take(&mut call.timer);
        call.body(timer)
    }

    /// Lends the session to the body of a `#[db_op]`.
    pub fn conn(&mut self) -> Conn<'_, DB> {
        Conn { view: self.view() }
    }

    /// Lends the session to the body of a `#[transactional]`.
    pub fn tx(&mut self) -> Tx<'_, DB> {
        Tx { view: self.view() }
    }

    fn view(&mut self) -> View<'_, DB> {
        self.session.view()
    }

    /// Ends the session as the body's result demands. Ends the call as well, unless there is
    /// another attempt.
    pub async fn end(self, ran: Ran<R>) {
        let Self { call, mut session } = self;
        call.state.timer = ran.timer;
        let late = ran.result.is_err();
        let reclaimed = late && call.state.is_reclaimed();
        let mut result = ran
            .result
            .unwrap_or_else(|_| (call.of.refused)(call.state.too_late()));
        let encoded = call
            .of
            .once
            .as_ref()
            .and_then(|kept| (kept.encode)(&result));
        let kept = match encoded.transpose() {
            Ok(json) => json,
            Err(error) => {
                result = (call.of.refused)(error);
                None
            }
        };
        let state = &mut call.state;
        let failure = (call.of.failure)(&result).map(|failure| {
            state.saw(failure.error);
            failure.class
        });
        if let AttemptSession::Own { own, .. } = &mut session
            && reclaimed
        {
            own.reclaim();
        }
        let following = match session {
            AttemptSession::Own { own, defaults } if state.op.transaction => {
                end::end_transaction(own, state, defaults, failure, late, kept).await
            }
            AttemptSession::Own { own, defaults } => {
                end::end_operation(own, state, defaults, failure, late).await
            }
            AttemptSession::Joined(join) if join.is_nested() => {
                join.close(state, failure.is_some(), late, kept).await
            }
            AttemptSession::Joined(join) => {
                let failed = (call.of.failure)(&result).map(|failure| FailedJoin {
                    operation: state.op.name,
                    class: failure.class,
                    message: failure.error.to_string(),
                });
                join.end(state, failed, late)
            }
            AttemptSession::Callers(session) => session.end(state, failure, late).await,
            AttemptSession::CallersTx(transaction) => {
                Box::pin(transaction.end(state, failure, late)).await
            }
        };
        match following {
            Following::Attempt => {}
            Following::Return(outcome) => call.end(result, outcome),
            Following::Replace(error, outcome) => {
                let result = (call.of.refused)(error);
                call.end(result, outcome);
            }
        }
    }
}

impl<DB: Backend, R> Attempted for Attempt<'_, DB, R> {
    fn is_last(&self) -> bool {
        self.call.state.is_last_attempt()
    }
}
