//! [`Attempt`]: one run of a body, from its session to that session's end.

use super::args::Attempted;
use super::end;
use super::join::Join;
use super::on_connection::Raw;
use super::own::OwnSession;
use super::run::{Body, Ran};
use super::scoped::Rest;
use crate::backend::Backend;
use crate::error::{Error, Outcome};
use crate::policy::Defaults;
use crate::session::{Conn, FailedJoin, Tx, View};

/// One attempt of a call, with its session.
#[derive(Debug)]
pub struct Attempt<'a, DB: Backend, R> {
    pub(super) rest: &'a mut Rest<R>,
    pub(super) session: Session<'a, DB>,
}

/// Whose session it is.
#[derive(Debug)]
pub(super) enum Session<'a, DB: Backend> {
    /// Opened for this attempt, and ended with it.
    Own {
        own: Box<OwnSession<DB>>,
        defaults: &'a Defaults,
    },
    /// The caller's, under dbop.
    Joined(Join<'a, DB>),
    /// The caller's, of which dbop knows nothing.
    Raw(Raw<'a, DB>),
}

/// What becomes of an attempt.
pub(super) enum End {
    /// The call returns what the body returned.
    Keep(Outcome),
    /// The call returns this error instead.
    Replace(Error, Outcome),
    /// There is another attempt.
    Again,
}

impl<DB: Backend, R> Attempt<'_, DB, R> {
    /// What runs the body.
    #[must_use]
    pub fn body(&mut self) -> Body {
        let core = &mut self.rest.core;
        let timer = std::mem::take(&mut core.timer);
        core.body(timer)
    }

    /// The session as a `#[db_op]` body sees it.
    pub fn conn(&mut self) -> Conn<'_, DB> {
        Conn { view: self.view() }
    }

    /// The session as a `#[transactional]` body sees it.
    pub fn tx(&mut self) -> Tx<'_, DB> {
        Tx { view: self.view() }
    }

    fn view(&mut self) -> View<'_, DB> {
        match &mut self.session {
            Session::Own { own, .. } => own.view(),
            Session::Joined(join) => join.view(),
            Session::Raw(raw) => raw.view(),
        }
    }

    /// Ends the session as the body's result demands, and the call with it unless there is to be
    /// another attempt.
    pub async fn end(self, ran: Ran<R>) {
        let Rest {
            core,
            result: kept_result,
            of,
        } = self.rest;
        core.timer = ran.timer;
        let late = ran.result.is_err();
        let mut result = ran
            .result
            .unwrap_or_else(|_| (of.refused)(Error::deadline("the body to finish")));
        let kept = of.once.as_ref().and_then(|kept| (kept.encode)(&result));
        let kept = match kept.transpose() {
            Ok(json) => json,
            Err(error) => {
                result = (of.refused)(error);
                None
            }
        };
        let class = (of.failure)(&result).map(|failure| failure.class);
        let end = match self.session {
            Session::Own { own, defaults } if core.op.transaction => {
                end::end_transaction(own, core, defaults, class, late, kept).await
            }
            Session::Own { own, defaults } => {
                end::end_operation(own, core, defaults, class, late).await
            }
            Session::Joined(join) if join.is_nested() => {
                join.close(core, class.is_some(), late, kept).await
            }
            Session::Joined(join) => {
                let failed = (of.failure)(&result).map(|failure| FailedJoin {
                    operation: core.op.name,
                    class: failure.class,
                    message: failure.message.to_string(),
                });
                join.end(core, failed, late)
            }
            Session::Raw(raw) => {
                let (outcome, contradiction) = raw.end(core, class, late).await;
                let outcome = core.conclude(outcome);
                match contradiction {
                    Some(error) => End::Replace(error, outcome),
                    None => End::Keep(outcome),
                }
            }
        };
        let outcome = match end {
            End::Again => return,
            End::Keep(outcome) => outcome,
            End::Replace(error, outcome) => {
                result = (of.refused)(error);
                outcome
            }
        };
        *kept_result = Some(core.end(of, result, outcome));
    }
}

impl<DB: Backend, R> Attempted for Attempt<'_, DB, R> {
    fn is_last(&self) -> bool {
        self.rest.core.is_last()
    }
}
