//! [`State`]: what has been seen on the connection of a running call, apart from the connection
//! itself, so that both can be lent on to joined calls side by side.

use tokio::time::Instant;

use crate::classify::{Class, Kind};
use crate::echo::Echo;
use crate::error::Error;
use crate::hooks::Hooks;
use crate::isolation::Isolation;
use crate::op::Op;
use crate::retry::Effect;
use crate::sql;

/// A connection and what has been seen on it, lent for a while.
pub struct View<'a, DB: sqlx::Database> {
    pub(crate) conn: &'a mut DB::Connection,
    pub(crate) state: &'a mut State,
}

impl<DB: sqlx::Database> View<'_, DB> {
    pub(crate) fn reborrow(&mut self) -> View<'_, DB> {
        View {
            conn: self.conn,
            state: self.state,
        }
    }
}

impl<DB: sqlx::Database> std::fmt::Debug for View<'_, DB> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.state.fmt(f)
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct State {
    /// The operation whose body runs, the innermost of joined ones.
    pub(crate) op: &'static Op,
    /// When that body has to be done.
    pub(crate) deadline: Instant,
    /// Statements begun.
    pub(crate) started: u32,
    /// Statements of which the end was seen, good or bad.
    pub(crate) ended: u32,
    /// Of the first statement: it failed with this class of error, and that proves that it was
    /// not applied.
    pub(crate) first_not_applied: Option<Class>,
    /// Something went past us, through the raw connection.
    pub(crate) opaque: bool,
    /// The connection is of no more use.
    pub(crate) broken: bool,
    /// Nothing may be written here.
    pub(crate) read_only: bool,
    /// The transaction, if there is one.
    pub(crate) tx: Option<TxState>,
}

/// The part of [`State`] that only a transaction has.
#[derive(Debug)]
pub(crate) struct TxState {
    pub(crate) isolation: Isolation,
    /// Any error of the database aborts the transaction or its innermost savepoint.
    pub(crate) error_aborts: bool,
    /// Savepoints open; 0 is the transaction itself.
    pub(crate) depth: u32,
    /// An error after which the database may have ended the transaction by itself: ask before
    /// the next statement.
    pub(crate) suspect: Option<Echo>,
    /// The error that aborted the transaction, or its savepoint `depth`.
    pub(crate) poison: Option<Poison>,
    /// What was done since its depth was entered may not be committed.
    pub(crate) rollback_only: Option<RollbackOnly>,
    pub(crate) hooks: Hooks,
}

#[derive(Clone, Debug)]
pub(crate) struct Poison {
    pub(crate) depth: u32,
    pub(crate) echo: Echo,
}

/// Why, and from which depth on, a transaction must roll back although its body may say `Ok`.
#[derive(Debug)]
pub(crate) struct RollbackOnly {
    pub(crate) depth: u32,
    /// `None`: the body asked for it, and its value is returned. `Some`: a joined call failed, and
    /// a body that says `Ok` all the same gets this error.
    pub(crate) failed: Option<FailedJoin>,
}

#[derive(Debug)]
pub(crate) struct FailedJoin {
    pub(crate) operation: &'static str,
    pub(crate) class: Class,
    pub(crate) message: String,
}

impl FailedJoin {
    fn to_error(&self) -> Error {
        let Self {
            operation, message, ..
        } = self;
        Error::new(
            self.class,
            format!(
                "`{operation}` failed inside this transaction ({message}) and its error was \
                 dropped, so the transaction was rolled back; return the error, or make \
                 `{operation}` `nested` if the transaction may go on without it"
            ),
        )
    }
}

impl State {
    pub(crate) fn new(op: &'static Op, deadline: Instant, tx: Option<TxState>) -> Self {
        Self {
            op,
            deadline,
            started: 0,
            ended: 0,
            first_not_applied: None,
            opaque: false,
            broken: false,
            read_only: op.read_only,
            tx,
        }
    }

    /// An error has been seen that may have ended the transaction.
    pub(crate) fn is_suspect(&self) -> bool {
        self.tx.as_ref().is_some_and(|tx| tx.suspect.is_some())
    }

    /// The savepoint depth; 0 outside one.
    pub(crate) fn depth(&self) -> u32 {
        self.tx.as_ref().map_or(0, |tx| tx.depth)
    }

    /// A statement is still running, or its connection was left in the middle of one.
    pub(crate) fn mid_statement(&self) -> bool {
        self.started != self.ended
    }

    /// The error with which any further statement is refused, if any.
    pub(crate) fn refusal(&self) -> Option<sqlx::Error> {
        if let Some(poison) = self.tx.as_ref().and_then(|tx| tx.poison.as_ref()) {
            return Some(poison.echo.to_sqlx());
        }
        if Instant::now() >= self.deadline {
            return Some(Error::deadline("the next statement").into());
        }
        None
    }

    /// A statement is about to be sent.
    pub(crate) fn begun(&mut self) {
        self.started += 1;
    }

    /// The last statement begun has come to its end without an error.
    pub(crate) fn completed(&mut self) {
        self.ended = self.started;
    }

    /// The last statement begun has failed.
    pub(crate) fn failed(&mut self, error: &sqlx::Error, proves_nothing_applied: bool) {
        use sqlx::Error as E;
        self.ended = self.started;
        let echo = || Echo::of(error);
        match error {
            E::Database(_) => {
                let class = echo().class();
                let gone = class.kind.ends_session();
                self.broken |= gone;
                if self.started == 1 && !self.opaque && proves_nothing_applied && !gone {
                    self.first_not_applied = Some(class);
                }
                match &mut self.tx {
                    Some(tx) if !gone && !tx.error_aborts => tx.suspect = Some(echo()),
                    // After a serialization failure the snapshot is stale, savepoint or not.
                    Some(_) if gone || class.kind == Kind::Serialization => self.poison(0, echo()),
                    Some(tx) => {
                        let depth = tx.depth;
                        self.poison(depth, echo());
                    }
                    None => {}
                }
            }
            // Nobody is there any more, or the two sides disagree about where they are.
            E::Io(_) | E::Tls(_) | E::Protocol(_) | E::WorkerCrashed => {
                self.broken = true;
                self.poison(0, echo());
            }
            // Seen before anything was sent, or after all was received.
            _ => {}
        }
    }

    /// Aborts the transaction (or its savepoints from `depth` on) with this error, unless an
    /// earlier one already has at least as much.
    pub(crate) fn poison(&mut self, depth: u32, echo: Echo) {
        let Some(tx) = &mut self.tx else { return };
        match &mut tx.poison {
            Some(earlier) => earlier.depth = earlier.depth.min(depth),
            none => *none = Some(Poison { depth, echo }),
        }
    }

    /// A write was cut off half-way: what it did is not known.
    pub(crate) fn abandon_write(&mut self) {
        let error = Error::programming(
            Kind::TransactionAborted,
            "a statement that writes was dropped before its end, so whether it was applied is \
             not known; read its rows to the end",
        );
        self.poison(self.depth(), Echo::of(&error.into()));
    }

    /// A joined call failed or was dropped: what it did must not be committed.
    pub(crate) fn fail_join(&mut self, join: FailedJoin) {
        let Some(tx) = &mut self.tx else { return };
        let depth = tx.depth;
        tx.mark_rollback_only(RollbackOnly {
            depth,
            failed: Some(join),
        });
    }

    /// Whether the statements of a session without a transaction can have changed anything, given
    /// the class of error its body returned.
    pub(crate) fn effect(&self, returned: Class) -> Effect {
        let refused = self.started == 1 && self.first_not_applied == Some(returned);
        if self.read_only || self.untouched() || (refused && !self.opaque) {
            Effect::None
        } else {
            Effect::Possible
        }
    }

    /// No statement was begun on it.
    pub(crate) fn untouched(&self) -> bool {
        self.started == 0 && !self.opaque
    }
}

impl TxState {
    /// The first reason stays; only a failed join replaces a wish of the body at the same depth,
    /// because that one has to be told. A reason at a lower depth covers those above it.
    pub(crate) fn mark_rollback_only(&mut self, reason: RollbackOnly) {
        let replaces = self
            .rollback_only
            .as_ref()
            .is_none_or(|earlier| earlier.failed.is_none() && earlier.depth == reason.depth);
        if replaces {
            self.rollback_only = Some(reason);
        }
    }

    /// Whether what was done since `depth` was entered must be undone although its body says
    /// `Ok`, and the error that takes the place of that `Ok`, if any.
    pub(crate) fn must_undo(&self, depth: u32) -> Undo {
        if let Some(poison) = &self.poison {
            return Undo::WithError(aborted(&poison.echo));
        }
        match &self.rollback_only {
            Some(reason) if reason.depth >= depth => match &reason.failed {
                Some(join) => Undo::WithError(join.to_error()),
                None => Undo::Quietly,
            },
            _ => Undo::No,
        }
    }

    /// The savepoint at `depth` has been rolled back, and what was wrong in it went with it.
    pub(crate) fn undone(&mut self, depth: u32) {
        self.poison.take_if(|poison| poison.depth >= depth);
        self.rollback_only.take_if(|reason| reason.depth >= depth);
    }
}

/// The answer of [`TxState::must_undo`].
#[derive(Debug)]
pub(crate) enum Undo {
    No,
    /// The body asked for it; its value stands.
    Quietly,
    WithError(Error),
}

fn aborted(echo: &Echo) -> Error {
    Error::new(
        echo.class(),
        format!(
            "the transaction was aborted by an error that its body did not return: {}",
            echo.message()
        ),
    )
}

/// Text facts of a statement, read before it moves to the driver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) writes: bool,
    pub(crate) failure_proves_nothing_applied: bool,
}

impl Facts {
    /// The second question is only asked where its answer can matter: for the first statement of
    /// a session without a transaction.
    pub(crate) fn of(text: &str, state: &State) -> Self {
        let first = state.started == 0 && state.tx.is_none();
        Self {
            writes: sql::writes(text),
            failure_proves_nothing_applied: first && sql::failure_proves_nothing_applied(text),
        }
    }
}
