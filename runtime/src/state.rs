//! [`State`]: what has been seen on the connection of a running call, apart from the connection
//! itself, so that both can be lent on to joined calls side by side.

use sqlx::SqlStr;
use tokio::time::Instant;

use crate::backend::Liveness;
use crate::classify::{Category, Class, Kind, Retry};
use crate::echo::Echo;
use crate::error::Error;
use crate::lease::Left;
use crate::op::Op;
use crate::retry::Effect;
use crate::settings::Millis;
use crate::sql;
use crate::tx_state::{FailedJoin, RollbackOnly, TxState};

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

    /// The connection, to be used past us.
    pub(crate) fn raw(&mut self) -> &mut DB::Connection {
        self.state.opaque = true;
        if let Some(tx) = &mut self.state.tx {
            tx.escape();
        }
        self.conn
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
    /// A poll of a body on it that takes longer is reported.
    pub(crate) longest_poll: Millis,
    /// Statements begun.
    started: u32,
    /// One was sent, and its end has not been seen.
    running: bool,
    /// Of the first statement: it failed with this class of error, and that proves that it was
    /// not applied.
    first_not_applied: Option<Class>,
    /// Outside a transaction: a statement that writes was let go before its end.
    abandoned_write: Option<Echo>,
    /// Something went past us, through the raw connection, or by a statement that may begin or end
    /// a transaction.
    pub(crate) opaque: bool,
    /// The connection is of no more use.
    pub(crate) broken: bool,
    /// Nothing may be written here.
    pub(crate) read_only: bool,
    /// The transaction, if there is one.
    pub(crate) tx: Option<TxState>,
}

impl State {
    pub(crate) fn new(
        op: &'static Op,
        deadline: Instant,
        longest_poll: Millis,
        tx: Option<TxState>,
    ) -> Self {
        Self {
            op,
            deadline,
            longest_poll,
            started: 0,
            running: false,
            first_not_applied: None,
            abandoned_write: None,
            opaque: false,
            broken: false,
            read_only: op.read_only,
            tx,
        }
    }

    /// What the transaction may have been ended by, if that has to be found out before the next
    /// statement.
    pub(crate) fn suspicion(&self) -> Option<Echo> {
        let tx = self.tx.as_ref()?;
        // Where any error aborts, the server refuses the statement; elsewhere it would commit by
        // itself.
        let unseen = tx.unseen && !tx.error_aborts;
        tx.suspect.clone().or(unseen.then(ended_unseen))
    }

    /// The savepoint depth; 0 outside one.
    pub(crate) fn depth(&self) -> u32 {
        self.tx.as_ref().map_or(0, |tx| tx.depth)
    }

    /// A statement is still running, or was left before its end.
    pub(crate) fn mid_statement(&self) -> bool {
        self.running
    }

    /// What is left on the connection when its call, and a transaction of that call, have ended.
    pub(crate) fn left(&self) -> Left {
        if self.broken || self.running {
            Left::Unfinished
        } else if self.opaque {
            Left::Transaction
        } else {
            Left::Nothing
        }
    }

    /// The error that aborted the transaction, if one did.
    pub(crate) fn aborted_by(&self) -> Option<&Echo> {
        let poison = self.tx.as_ref()?.poison.as_ref()?;
        Some(&poison.echo)
    }

    /// The answer to the question whether the transaction is still open, which is aborted so far.
    pub(crate) fn learn(
        &mut self,
        liveness: Liveness,
        ends_session: impl Fn(&sqlx::Error) -> bool,
    ) {
        let Some(tx) = &mut self.tx else { return };
        match liveness {
            Liveness::Open => {
                tx.poison = None;
                tx.suspect = None;
                tx.unseen = false;
            }
            Liveness::Ended => tx.escaped |= tx.unseen,
            Liveness::Failed(error) => {
                let echo = Echo::of(&error);
                tx.escaped |= tx.unseen && echo.class().kind == Kind::TransactionState;
                tx.poison = None;
                tx.poison(0, echo);
                self.broken |= ends_session(&error);
            }
        }
    }

    /// The error with which any further statement is refused now, if any.
    pub(crate) fn refusal(&self, now: Instant) -> Option<sqlx::Error> {
        if let Some(echo) = self.aborted_by().or(self.abandoned_write.as_ref()) {
            return Some(echo.to_sqlx());
        }
        if now >= self.deadline {
            return Some(Error::deadline("the next statement").into());
        }
        None
    }

    /// A statement of the body is about to be sent. Returns its text where that can matter when it
    /// fails: for the first statement of a session without a transaction.
    pub(crate) fn sending(&mut self, text: &SqlStr, facts: Facts, now: Instant) -> Option<SqlStr> {
        self.begun(facts, now);
        (self.started == 1 && self.tx.is_none()).then(|| text.clone())
    }

    fn begun(&mut self, facts: Facts, now: Instant) {
        self.started += 1;
        self.asking(now);
        if facts.may_end_transaction {
            self.opaque = true;
            if let Some(tx) = &mut self.tx {
                tx.unseen = true;
            }
        }
    }

    /// A statement is about to be sent, perhaps one of dbop's own.
    pub(crate) fn asking(&mut self, now: Instant) {
        self.running = true;
        self.stop_idling(now);
    }

    /// What was sent last has come to its end.
    pub(crate) fn completed(&mut self) {
        self.running = false;
        if let Some(tx) = &mut self.tx {
            tx.idle.begins();
        }
    }

    /// The transaction is used again, or ends.
    pub(crate) fn stop_idling(&mut self, now: Instant) {
        if let Some(tx) = &mut self.tx {
            tx.idle.ends(now);
        }
    }

    /// What was sent last has failed; `gone`: and its session with it.
    pub(crate) fn failed(&mut self, error: &sqlx::Error, first: Option<&SqlStr>, gone: bool) {
        use sqlx::Error as E;
        self.completed();
        let echo = || Echo::of(error);
        match error {
            E::Database(_) if !gone => {
                let class = echo().class();
                let proves = |first: &SqlStr| sql::failure_proves_nothing_applied(first.as_str());
                if self.started == 1 && first.is_some_and(proves) && is_certain(class) {
                    self.first_not_applied = Some(class);
                }
                match &mut self.tx {
                    Some(tx) if !tx.error_aborts => tx.suspect = Some(echo()),
                    // After a serialization failure the snapshot is stale, savepoint or not.
                    Some(_) if class.kind == Kind::Serialization => self.poison(0, echo()),
                    Some(_) => self.poison(self.depth(), echo()),
                    None => {}
                }
            }
            // Nobody is there any more, or the two sides disagree about where they are.
            E::Database(_) | E::Io(_) | E::Tls(_) | E::Protocol(_) | E::WorkerCrashed => {
                let unread = Some(echo().class()).filter(|class| class.ended_while_idle());
                self.first_not_applied = first.and(unread);
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
        if let Some(tx) = &mut self.tx {
            tx.poison(depth, echo);
        }
    }

    /// Aborts the whole transaction with this error, which says more than an earlier one.
    pub(crate) fn abort(&mut self, echo: Echo) {
        if let Some(tx) = &mut self.tx {
            tx.poison = None;
            tx.poison(0, echo);
        }
    }

    /// A write was cut off half-way: what it did is not known.
    pub(crate) fn abandon_write(&mut self) {
        let (category, kind, retry) = match self.tx {
            Some(_) => (
                Category::Programming,
                Kind::TransactionAborted,
                Retry::Never,
            ),
            None => (
                Category::Ambiguous,
                Kind::CompletionUnknown,
                Retry::IfIdempotent,
            ),
        };
        let error = Error::new(
            Class {
                category,
                kind,
                retry,
            },
            "a statement that writes was dropped before its end, so whether it was applied is \
             not known; read its rows to the end",
        );
        let echo = Echo::of(&error.into());
        match self.tx {
            Some(_) => self.poison(self.depth(), echo),
            None => self.abandoned_write = Some(echo),
        }
    }

    /// Outside a transaction: what makes an `Ok` of the body wrong.
    pub(crate) fn contradiction(&self) -> Option<Error> {
        let echo = self.abandoned_write.as_ref()?;
        Some(Error::new(echo.class(), echo.message().to_owned()))
    }

    /// A joined call failed or was dropped: what it did must not be committed.
    pub(crate) fn fail_join(&mut self, join: FailedJoin) {
        if let Some(tx) = &mut self.tx {
            let depth = tx.depth;
            tx.mark_rollback_only(RollbackOnly {
                depth,
                failed: Some(join),
            });
        }
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

/// The error for a transaction that was found ended although no statement of ours had failed.
pub(crate) fn ended_unseen() -> Echo {
    let error = Error::programming(
        Kind::TransactionAborted,
        "the transaction was ended past dbop, through its raw connection or by a statement of its \
         own",
    );
    Echo::of(&error.into())
}

/// An error that only a statement which was undone can have: not one where the server itself does
/// not know, or where what it had done may not have been undone.
fn is_certain(class: Class) -> bool {
    !matches!(class.category, Category::Ambiguous | Category::Internal)
        && !matches!(class.kind, Kind::Io | Kind::Corrupt)
}

/// Text facts of a statement, read before it moves to the driver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) writes: bool,
    pub(crate) may_end_transaction: bool,
}

impl Facts {
    /// Of dbop's own statements.
    pub(crate) const NONE: Self = Self {
        writes: false,
        may_end_transaction: false,
    };

    pub(crate) fn of(text: &str) -> Self {
        let seen = sql::see(text);
        Self {
            writes: seen.writes,
            may_end_transaction: !seen.one_atomic,
        }
    }
}
