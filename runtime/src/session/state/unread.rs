//! [`Unread`]: statements that are dropped before their end.

use sqlx::SqlStr;

use super::State;
use crate::backend::Backend;
use crate::error::SharedError;
use crate::rt::Moment;
use crate::session::sql_text::Facts;

/// A statement outside a transaction whose rows were dropped before their end.
#[derive(Debug)]
pub(crate) struct Unread {
    /// The text of the statement if it was the first of its session; otherwise `None`.
    first: Option<SqlStr>,
}

impl State {
    /// Records that a statement was dropped before its end. `first` is as in
    /// [`failed`](Self::failed). `answered` is whether the database has begun to answer the
    /// statement: before that, the driver may not have sent all of it.
    pub(crate) fn let_go<DB: Backend>(
        &mut self,
        facts: Facts,
        first: Option<SqlStr>,
        answered: bool,
    ) {
        self.usage.ends(Moment::now());
        let has_an_end = answered || !facts.writes;
        if DB::FINISHES_UNREAD && self.tx.is_none() && (self.cannot_write || has_an_end) {
            let unread = Unread { first };
            self.unread = (!self.cannot_write).then_some(unread);
        } else if facts.writes {
            self.abandon(
                "a statement that writes was dropped before its end, so whether it was applied is \
                 not known; read its rows to the end",
            );
        }
    }

    /// Whether a statement whose rows are dropped runs on to its end and may write.
    pub(crate) fn finishes_unread<DB: Backend>(&self) -> bool {
        DB::FINISHES_UNREAD && self.tx.is_none() && !self.cannot_write
    }

    /// Whether a statement was dropped and its end has yet to be seen.
    pub(crate) fn is_unread(&self) -> bool {
        self.unread.is_some()
    }

    /// Takes the dropped statement whose end is now to be seen; `None` if there is none. Until its
    /// end was seen, its effect counts as unknown.
    pub(crate) fn begin_drain(&mut self) -> Option<Unread> {
        let unread = self.unread.take()?;
        self.abandon_unread();
        Some(unread)
    }

    /// Records that the effect of a statement whose rows were dropped is not known.
    pub(crate) fn abandon_unread(&mut self) {
        self.abandon(
            "the rows of a statement were dropped before their end, and the statement has not \
             ended soon after, so whether it was applied is not known; read the rows to their end \
             or `LIMIT` them, and declare an operation that writes nothing `read_only`",
        );
    }

    /// Records that the dropped statement has succeeded.
    pub(crate) fn drained(&mut self) {
        self.let_go = None;
        self.completed();
    }

    /// Records that the dropped statement has failed, which the body has not seen.
    pub(crate) fn failed_unread<DB: Backend>(&mut self, error: &sqlx::Error, unread: &Unread) {
        // If the session has ended since, its error says nothing about the statement, which had
        // been answered before.
        let answer = unread.first.as_ref().filter(|_| DB::has_answered(error));
        self.failed::<DB>(error, answer);
        self.let_go_of_failure(error);
    }

    /// Records that a statement has failed after its rows were dropped.
    pub(crate) fn let_go_of_failure(&mut self, error: &sqlx::Error) {
        self.let_go = Some(SharedError::of(error));
    }
}
