//! [`Attempt`]: one run of a body, from its session to that session's end.

use super::body::{Body, Late};
use super::core::CallCore;
use super::join::Join;
use super::own::{self, Own};
use super::result::ResultOf;
use crate::backend::Backend;
use crate::conn::Conn;
use crate::db::Defaults;
use crate::error::{Error, Outcome};
use crate::replay::Attempted;
use crate::state::{State, View};
use crate::tx::Tx;
use crate::tx_state::FailedJoin;

/// One attempt of a call, with its session.
#[derive(Debug)]
pub struct Attempt<'a, DB: Backend, R> {
    pub(super) core: &'a mut CallCore,
    pub(super) result: &'a mut Option<R>,
    pub(super) of: &'a ResultOf<R>,
    pub(super) session: Session<'a, DB>,
}

/// Whose session it is.
#[derive(Debug)]
pub(super) enum Session<'a, DB: Backend> {
    /// Opened for this attempt, and ended with it.
    Own {
        own: Box<Own<DB>>,
        defaults: &'a Defaults,
    },
    /// The caller's, under dbop.
    Joined(Join<'a, DB>),
    /// The caller's, of which dbop knows nothing.
    Raw {
        conn: &'a mut DB::Connection,
        state: State,
    },
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
    pub fn body(&self) -> Body {
        self.core.body()
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
            Session::Raw { conn, state } => View { conn, state },
        }
    }

    /// Ends the session as the body's result demands, and the call with it unless there is to be
    /// another attempt.
    pub async fn end(self, result: Result<R, Late>) {
        let of = self.of;
        let late = result.is_err();
        let mut result =
            result.unwrap_or_else(|Late| (of.refused)(Error::deadline("the body to finish")));
        let core = self.core;
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
                own::end_transaction(own, core, defaults, class, late, kept).await
            }
            Session::Own { own, defaults } => {
                own::end_operation(own, core, defaults, class, late).await
            }
            Session::Joined(join) => {
                // Made here, because a reference to the error must not be held over an await.
                let failed = (of.failure)(&result).map(|failure| FailedJoin {
                    operation: core.op.name,
                    class: failure.class,
                    message: failure.message.to_string(),
                });
                join.end(core, failed, late, kept).await
            }
            Session::Raw { conn, mut state } => {
                let view = View::<DB> {
                    conn,
                    state: &mut state,
                };
                let outcome = match class {
                    None => Outcome::Committed,
                    Some(class) => own::effect_of_statements(view, class, core.deadline)
                        .await
                        .outcome(),
                };
                End::Keep(core.conclude(outcome))
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
        *self.result = Some(core.end(of, result, outcome));
    }
}

impl<DB: Backend, R> Attempted for Attempt<'_, DB, R> {
    fn is_last(&self) -> bool {
        self.core.is_last()
    }
}
