//! [`TxState`]: what dbop has seen of an open transaction, and whether it may still be committed.

use std::sync::Arc;

use super::hooks::Hooks;
use super::idle::Idle;
use crate::backend::{Ends, Signals};
use crate::error::{Class, Error, ErrorKind, SharedError};
use crate::isolation::Isolation;

/// The part of [`State`] that only a transaction has.
#[derive(Debug)]
pub(crate) struct TxState {
    pub(crate) isolation: Isolation,
    /// Whether any error of the database aborts the transaction or its innermost savepoint.
    pub(crate) error_aborts: bool,
    /// The number of open savepoints.
    pub(crate) depth: u32,
    /// sqlx's count of transactions and savepoints on the connection while this transaction runs:
    /// 1, or more if the transaction is a savepoint in a transaction of the caller's.
    pub(crate) sqlx_depth: usize,
    /// An error after which the database may have ended the transaction by itself. The database has
    /// to be asked before the next statement.
    pub(crate) suspect: Option<SharedError>,
    /// The error that aborted the transaction or one of its savepoints; `None` if nothing is
    /// aborted.
    pub(crate) poison: Option<Poison>,
    /// Why the transaction or some of its savepoints must roll back.
    pub(crate) rollback_only: Vec<RollbackOnly>,
    /// Whether the raw connection was handed out, or a statement was sent that may end a
    /// transaction, since the database was last asked.
    pub(crate) unseen: bool,
    /// Whether work of the body may be committed although dbop rolls back. This is so if a COMMIT
    /// of the body may have ended the transaction, or if the raw connection was handed out when the
    /// database may have ended the transaction already.
    escaped: bool,
    /// Whether the raw connection was handed out since the transaction was last found to be open.
    /// What was sent over it may have ended the transaction.
    handed_out: bool,
    /// How many transactions had ended on the connection when this one began; `None` where the
    /// connection does not report the ends of transactions.
    began_at: Option<(Arc<Signals>, Ends)>,
    /// The markers of the `once` operations whose bodies run in the transaction, the outer ones
    /// first.
    pub(crate) markers: Vec<OpenMarker>,
    pub(crate) hooks: Hooks,
    pub(crate) idle: Idle,
}

/// A marker that was set in the transaction and has no result yet.
#[derive(Debug)]
pub(crate) struct OpenMarker {
    pub(crate) depth: u32,
    pub(crate) operation: &'static str,
    pub(crate) key: String,
}

/// What has aborted a transaction.
#[derive(Clone, Debug)]
pub(crate) struct Poison {
    /// The outermost savepoint that is aborted; 0 for the whole transaction.
    pub(crate) depth: u32,
    /// The error that aborted it.
    pub(crate) echo: SharedError,
}

/// Why a transaction must roll back although its body may return `Ok`.
#[derive(Debug)]
pub(crate) struct RollbackOnly {
    /// The savepoint to roll back to; 0 for the whole transaction.
    pub(crate) depth: u32,
    /// The joined call that has failed. A body that returns `Ok` despite that gets its error.
    /// `None` if the body has asked for the rollback: the body's value is returned then.
    pub(crate) failed: Option<FailedJoin>,
}

/// A joined call that has failed.
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

impl TxState {
    pub(crate) fn new(
        isolation: Isolation,
        error_aborts: bool,
        sqlx_depth: usize,
        idle: Idle,
        began_at: Option<(Arc<Signals>, Ends)>,
    ) -> Self {
        Self {
            isolation,
            error_aborts,
            depth: 0,
            sqlx_depth,
            suspect: None,
            poison: None,
            rollback_only: Vec::new(),
            unseen: false,
            escaped: false,
            handed_out: false,
            began_at,
            markers: Vec::new(),
            hooks: Hooks::default(),
            idle,
        }
    }

    /// Whether the database can tell if the transaction is still open. Where any error aborts the
    /// transaction, a mark that was set at its begin tells, which a savepoint does not have.
    pub(crate) fn can_be_asked(&self) -> bool {
        !self.error_aborts || self.sqlx_depth == 1
    }

    /// Records that the raw connection is handed out.
    pub(crate) fn hand_out(&mut self) {
        self.handed_out = true;
        // Where any error aborts the transaction, the server refuses what comes after the error.
        // Elsewhere, statements after the end of the transaction commit by themselves.
        self.escaped |= !self.error_aborts && (self.suspect.is_some() || self.poison.is_some());
        self.unseen = true;
    }

    /// Records that a text is sent which may end the transaction. `ends` is whether the text is
    /// known to have a statement that does.
    pub(crate) fn text_may_end_it(&mut self, ends: bool) {
        self.unseen = true;
        // When the text has run, another transaction may be open, and the work of this one may be
        // committed.
        self.escaped |= ends;
    }

    /// Records that the question whether the transaction is still open was not answered.
    pub(crate) fn is_not_answered(&mut self) {
        self.escaped |= self.handed_out;
    }

    /// Records that the transaction was found to be open. What was sent unseen has not ended it.
    pub(crate) fn found_open(&mut self) {
        self.unseen = false;
        self.handed_out = false;
    }

    /// Records that the transaction was found to have ended.
    pub(crate) fn found_ended(&mut self) {
        self.escaped |= self.unseen;
    }

    /// Whether work of the body may be in the database although its transaction was rolled back.
    /// `running` is whether a statement may still be running, which may yet end a transaction.
    pub(crate) fn may_have_escaped(&self, running: bool) -> bool {
        let may_end = running && (self.escaped || self.handed_out);
        match self.ended() {
            Some(ended) => ended.commits > 0 || may_end,
            None => self.escaped || may_end,
        }
    }

    /// Returns how many transactions have ended since this one began; `None` where the connection
    /// does not report the ends of transactions.
    fn ended(&self) -> Option<Ends> {
        let (signals, before) = self.began_at.as_ref()?;
        let now = signals.ends()?;
        Some(Ends {
            commits: now.commits.wrapping_sub(before.commits),
            rollbacks: now.rollbacks.wrapping_sub(before.rollbacks),
        })
    }

    /// Whether the connection has reported that this transaction has ended, although no statement
    /// has failed with an error that may have ended it.
    pub(crate) fn has_ended_unseen(&self) -> bool {
        let ended = self.ended();
        self.suspect.is_none()
            && ended.is_some_and(|ended| ended.commits > 0 || ended.rollbacks > 0)
    }

    /// See [`State::poison`](crate::session::State::poison).
    pub(crate) fn poison(&mut self, depth: u32, echo: SharedError) {
        match &mut self.poison {
            Some(earlier) => earlier.depth = earlier.depth.min(depth),
            none => *none = Some(Poison { depth, echo }),
        }
    }

    /// Records a reason to roll back to the current depth: a joined call that has `failed`, or
    /// `None` if the body has asked for it. At each depth the first reason stays. Only a failed
    /// join replaces a wish of the body, because its error has to be reported.
    pub(crate) fn mark_rollback_only(&mut self, failed: Option<FailedJoin>) {
        let depth = self.depth;
        let here = |each: &&mut RollbackOnly| each.depth == depth;
        match self.rollback_only.iter_mut().find(here) {
            Some(earlier) if earlier.failed.is_none() => earlier.failed = failed,
            Some(_) => {}
            None => self.rollback_only.push(RollbackOnly { depth, failed }),
        }
    }

    /// Returns whether the work since `depth` was entered must be undone although its body returns
    /// `Ok`, and which error replaces that `Ok`, if any.
    pub(crate) fn must_undo(&self, depth: u32) -> Undo {
        if let Some(poison) = &self.poison {
            return Undo::WithError(aborted(&poison.echo));
        }
        // On SQLite, dbop cannot tell another open transaction from this one when it asks. So where
        // the connection does not report the ends of transactions, the text has to be believed.
        let ended_by_text = self.escaped && !self.error_aborts && self.began_at.is_none();
        if ended_by_text || self.has_ended_unseen() {
            return Undo::WithError(aborted(&ended_unseen()));
        }
        let mut reasons = self
            .rollback_only
            .iter()
            .filter(|r| r.depth >= depth)
            .peekable();
        if reasons.peek().is_none() {
            return Undo::No;
        }
        match reasons.find_map(|reason| reason.failed.as_ref()) {
            Some(join) => Undo::WithError(join.to_error()),
            None => Undo::Quietly,
        }
    }

    /// Records that the innermost savepoint was rolled back. What was wrong in that savepoint is
    /// undone, too.
    pub(crate) fn undone(&mut self) {
        let depth = self.depth;
        self.poison.take_if(|poison| poison.depth >= depth);
        self.rollback_only.retain(|reason| reason.depth < depth);
        self.markers.retain(|marker| marker.depth < depth);
    }
}

/// The answer of [`TxState::must_undo`].
#[derive(Debug)]
pub(crate) enum Undo {
    /// The work may be committed.
    No,
    /// The work must be undone because the body asked for that. The body's value stands.
    Quietly,
    /// The work must be undone, and this error replaces the body's `Ok`.
    WithError(Error),
}

/// Returns the error for a transaction that was found to have ended although no statement that dbop
/// has seen had failed.
pub(crate) fn ended_unseen() -> SharedError {
    let error = Error::programming(
        ErrorKind::TransactionAborted,
        "the transaction was ended by something other than dbop: over the raw connection, or by a \
         statement of the body such as COMMIT (or the body ran `RESET ALL` or `DISCARD ALL`, after \
         which dbop does not recognize the transaction)",
    );
    SharedError::of(&error.into())
}

/// Returns the error for a transaction of sqlx's that is open and that nobody can end any more.
pub(crate) fn left_open() -> SharedError {
    let error = Error::programming(
        ErrorKind::TransactionState,
        "a transaction that sqlx had begun on this session was forgotten (`mem::forget`), so it is \
         still open, and later statements would be part of it; commit it, roll it back, or drop it",
    );
    SharedError::of(&error.into())
}

/// Returns the error that replaces the `Ok` of a body whose transaction was aborted with `echo`.
fn aborted(echo: &SharedError) -> Error {
    Error::new(
        echo.class(),
        format!(
            "the transaction was aborted by an error that its body did not return: {}",
            echo.message()
        ),
    )
}
