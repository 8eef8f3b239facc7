//! [`TxState`]: what has been seen of an open transaction, and whether it may still be committed.

use std::sync::Arc;

use super::hooks::Hooks;
use super::idle::Idle;
use crate::backend::{Ends, Signals};
use crate::error::{Class, Error, Kind, SharedError};
use crate::isolation::Isolation;

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
    pub(crate) suspect: Option<SharedError>,
    /// The error that aborted the transaction, or its savepoint `depth`.
    pub(crate) poison: Option<Poison>,
    /// What was done since each one's depth was entered may not be committed.
    pub(crate) rollback_only: Vec<RollbackOnly>,
    /// The raw connection was handed out, or a statement was sent that may end a transaction, since
    /// the database was last asked.
    pub(crate) unseen: bool,
    /// The raw connection was handed out when the database may have ended the transaction already,
    /// or it was found ended past us: by a COMMIT, for all we know, and what came after may stand.
    escaped: bool,
    /// The raw connection was handed out: what went through it may have ended the transaction.
    handed_out: bool,
    /// Where the connection reports the ends of transactions: how many there had been when this one
    /// began.
    began_at: Option<(Arc<Signals>, Ends)>,
    /// Of the `once` operations whose bodies run in it, the outer ones first.
    pub(crate) markers: Vec<OpenMarker>,
    pub(crate) hooks: Hooks,
    pub(crate) idle: Idle,
}

/// A marker that was set in the transaction, and has no answer yet.
#[derive(Debug)]
pub(crate) struct OpenMarker {
    pub(crate) depth: u32,
    pub(crate) operation: &'static str,
    pub(crate) key: String,
}

#[derive(Debug)]
pub(crate) struct Poison {
    pub(crate) depth: u32,
    pub(crate) echo: SharedError,
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

impl TxState {
    pub(crate) fn new(
        isolation: Isolation,
        error_aborts: bool,
        idle: Idle,
        began_at: Option<(Arc<Signals>, Ends)>,
    ) -> Self {
        Self {
            isolation,
            error_aborts,
            depth: 0,
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

    /// The raw connection is handed out.
    pub(crate) fn hand_out(&mut self) {
        self.handed_out = true;
        // Where any error aborts, the server refuses what comes after it. Elsewhere what comes
        // after the end of the transaction commits by itself.
        self.escaped |= !self.error_aborts && (self.suspect.is_some() || self.poison.is_some());
        self.unseen = true;
    }

    /// A text is sent that may end the transaction, as far as it can be read; `ends`: it can, and
    /// does.
    pub(crate) fn text_may_end_it(&mut self, ends: bool) {
        self.unseen = true;
        // Another transaction may be open when the text has run, and what came before is in the
        // database.
        self.escaped |= ends;
    }

    /// Nobody has answered whether the transaction is still open.
    pub(crate) fn is_not_answered(&mut self) {
        self.escaped |= self.handed_out;
    }

    /// The transaction was found ended past dbop.
    pub(crate) fn found_ended(&mut self) {
        self.escaped |= self.unseen;
    }

    /// Whether something of the body may be in the database although its transaction was rolled
    /// back; `running`: a statement may run on, and what it ends is not known yet.
    pub(crate) fn may_have_escaped(&self, running: bool) -> bool {
        let may_end = running && (self.escaped || self.handed_out);
        match self.ended() {
            Some(ended) => ended.commits > 0 || may_end,
            None => self.escaped || may_end,
        }
    }

    /// What has ended since the transaction began; `None` where the connection does not report that.
    fn ended(&self) -> Option<Ends> {
        let (signals, before) = self.began_at.as_ref()?;
        let now = signals.ends()?;
        Some(Ends {
            commits: now.commits.wrapping_sub(before.commits),
            rollbacks: now.rollbacks.wrapping_sub(before.rollbacks),
        })
    }

    /// Whether the connection has reported that this transaction has ended, and no error of a
    /// statement is known that may have ended it.
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

    /// At each depth the first reason stays; only a failed join replaces a wish of the body,
    /// because that one has to be told.
    pub(crate) fn mark_rollback_only(&mut self, reason: RollbackOnly) {
        let here = |each: &&mut RollbackOnly| each.depth == reason.depth;
        match self.rollback_only.iter_mut().find(here) {
            Some(earlier) if earlier.failed.is_none() => *earlier = reason,
            Some(_) => {}
            None => self.rollback_only.push(reason),
        }
    }

    /// Whether what was done since `depth` was entered must be undone although its body says
    /// `Ok`, and the error that takes the place of that `Ok`, if any.
    pub(crate) fn must_undo(&self, depth: u32) -> Undo {
        if let Some(poison) = &self.poison {
            return Undo::WithError(aborted(&poison.echo));
        }
        // Where nobody reports that, and any open transaction answers for this one, the text has to be
        // believed.
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

    /// The savepoint at `depth` has been rolled back, and what was wrong in it went with it.
    pub(crate) fn undone(&mut self, depth: u32) {
        self.poison.take_if(|poison| poison.depth >= depth);
        self.rollback_only.retain(|reason| reason.depth < depth);
        self.markers.retain(|marker| marker.depth < depth);
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

/// The error for a transaction that was found ended although no statement of ours had failed.
pub(crate) fn ended_unseen() -> SharedError {
    let error = Error::programming(
        Kind::TransactionAborted,
        "the transaction was ended past dbop, through its raw connection or by a statement of its \
         own (or the statement was `RESET ALL` or `DISCARD ALL`, after which dbop does not know the \
         transaction again)",
    );
    SharedError::of(&error.into())
}

fn aborted(echo: &SharedError) -> Error {
    Error::new(
        echo.class(),
        format!(
            "the transaction was aborted by an error that its body did not return: {}",
            echo.message()
        ),
    )
}
