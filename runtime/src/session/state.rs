//! [`State`]: what has been seen on the connection of a running call, apart from the connection
//! itself, so that both can be lent on to joined calls side by side.

use sqlx::SqlStr;
use tokio::time::Instant;

use super::sql_text::{self, Facts};
use super::tx_state::{FailedJoin, RollbackOnly, TxState, ended_unseen};
use crate::backend::{Backend, Leftover, Liveness, Traces};
use crate::error::{Category, Class, Effect, Error, Kind, Retry, SharedError};
use crate::op::Op;
use crate::rt::Millis;

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
        if self.state.guard == Guard::Pending {
            // What is sent past us from here on may write.
            self.state.guard = Guard::TooLate;
        }
        self.state.traces = self.state.traces.max(Traces::Unseen);
        if let Some(tx) = &mut self.state.tx {
            tx.hand_out();
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
    /// Outside a transaction: a statement was let go before its end, and it goes on to that end.
    unread: Option<Unread>,
    /// Outside a transaction: a statement that was let go has failed, or what it did is not known.
    let_go: Option<SharedError>,
    /// Something went past us, through the raw connection, or by a statement that may begin or end
    /// a transaction.
    pub(crate) opaque: bool,
    /// What is left in the session when its call has ended.
    pub(crate) traces: Traces,
    /// The connection is of no more use.
    pub(crate) broken: bool,
    /// Nothing may be written here.
    pub(crate) read_only: bool,
    /// The whole session is that of a `read_only` call, and not only that of one that has joined it.
    pub(crate) cannot_write: bool,
    /// A statement may have lifted what keeps the session from writing.
    guard_lifted: bool,
    /// What keeps the session from writing, where that is set only when it is needed.
    pub(crate) guard: Guard,
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
            unread: None,
            let_go: None,
            opaque: false,
            traces: Traces::None,
            broken: false,
            read_only: op.read_only,
            cannot_write: op.read_only,
            guard_lifted: false,
            guard: Guard::NotNeeded,
            tx,
        }
    }

    /// What the transaction may have been ended by, if that has to be found out before the next
    /// statement.
    pub(crate) fn suspicion(&self) -> Option<SharedError> {
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
    pub(crate) fn left(&self) -> Leftover {
        if self.broken || self.running {
            Leftover::Unfinished
        } else if self.opaque {
            Leftover::Transaction
        } else {
            Leftover::Nothing
        }
    }

    /// The error that aborted the transaction, if one did.
    pub(crate) fn aborted_by(&self) -> Option<&SharedError> {
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
            Liveness::Ended => tx.found_ended(),
            Liveness::Failed(error) => {
                let echo = SharedError::of(&error);
                match echo.class().kind {
                    Kind::TransactionState => tx.found_ended(),
                    // It has failed, and so it had not been committed.
                    Kind::TransactionAborted => {}
                    _ => tx.is_not_answered(),
                }
                tx.poison = None;
                tx.poison(0, echo);
                self.broken |= ends_session(&error);
            }
        }
    }

    /// The error with which any further statement is refused now, if any.
    pub(crate) fn refusal(&self, now: Instant) -> Option<sqlx::Error> {
        if let Some(echo) = self.aborted_by().or(self.let_go.as_ref()) {
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
        self.started += 1;
        self.asking(now);
        self.note(facts);
        if facts.may_end_transaction {
            self.opaque = true;
            if let Some(tx) = &mut self.tx {
                tx.text_may_end_it(facts.ends_transaction);
            }
        }
        (self.started == 1 && self.tx.is_none()).then(|| text.clone())
    }

    /// What a text leaves in its session, whether it is run or only prepared.
    pub(crate) fn note(&mut self, facts: Facts) {
        self.traces = self.traces.max(facts.traces);
        self.guard_lifted |= facts.may_lift_guard;
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

    /// What was sent last has failed; `first`: it was the first statement of a session without a
    /// transaction, with this text.
    pub(crate) fn failed<DB: Backend>(&mut self, error: &sqlx::Error, first: Option<&SqlStr>) {
        use sqlx::Error as E;
        self.completed();
        let echo = || SharedError::of(error);
        let class = echo().class();
        if self.started == 1
            && let Some(first) = first
            && (never_arrived(error, class)
                || (DB::has_answered(error) && refuses_all_of::<DB>(first, class)))
        {
            self.first_not_applied = Some(class);
        }
        match error {
            E::Database(_) if !DB::ends_session(error) => {
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
                self.broken = true;
                self.poison(0, echo());
            }
            // Seen before anything was sent, or after all was received.
            _ => {}
        }
    }

    /// Aborts the transaction (or its savepoints from `depth` on) with this error, unless an
    /// earlier one already has at least as much.
    pub(crate) fn poison(&mut self, depth: u32, echo: SharedError) {
        if let Some(tx) = &mut self.tx {
            tx.poison(depth, echo);
        }
    }

    /// Aborts the whole transaction with this error, which says more than an earlier one.
    pub(crate) fn abort(&mut self, echo: SharedError) {
        if let Some(tx) = &mut self.tx {
            tx.poison = None;
            tx.poison(0, echo);
        }
    }

    /// A statement was let go before its end; `first` as in [`failed`](Self::failed). `answered`: the
    /// database has begun to answer it. Before that, the driver may not have sent all of it.
    pub(crate) fn let_go<DB: Backend>(
        &mut self,
        facts: Facts,
        first: Option<SqlStr>,
        answered: bool,
    ) {
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

    /// Whether the session is to be kept from writing before a statement like this.
    pub(crate) fn needs_guard(&self, facts: Facts) -> bool {
        self.guard == Guard::Pending && !facts.provably_reads()
    }

    /// Whether a statement whose rows are let go goes on to its end, which matters.
    pub(crate) fn finishes_unread<DB: Backend>(&self) -> bool {
        DB::FINISHES_UNREAD && self.tx.is_none() && !self.cannot_write
    }

    /// Whether a statement was let go and has yet to be seen to its end.
    pub(crate) fn is_unread(&self) -> bool {
        self.unread.is_some()
    }

    /// The statement that was let go is now to be seen to its end. Until that is done, what it did is
    /// not known.
    pub(crate) fn begin_drain(&mut self) -> Option<Unread> {
        let unread = self.unread.take()?;
        self.abandon_unread();
        Some(unread)
    }

    /// What a statement did whose rows were let go is not known.
    pub(crate) fn abandon_unread(&mut self) {
        self.abandon(
            "the rows of a statement were let go before their end, and the statement has not ended \
             soon after, so whether it was applied is not known; read the rows to their end or \
             `LIMIT` them, and declare an operation that writes nothing `read_only`",
        );
    }

    /// The statement that was let go has ended well.
    pub(crate) fn drained(&mut self) {
        self.let_go = None;
        self.completed();
    }

    /// The statement that was let go has failed, although nobody saw that.
    pub(crate) fn failed_unread<DB: Backend>(&mut self, error: &sqlx::Error, unread: &Unread) {
        // A session that has ended since says nothing about a statement that had been answered.
        let answer = unread.first.as_ref().filter(|_| DB::has_answered(error));
        self.failed::<DB>(error, answer);
        self.let_go_of_failure(error);
    }

    /// A statement has failed when its rows had been let go.
    pub(crate) fn let_go_of_failure(&mut self, error: &sqlx::Error) {
        self.let_go = Some(SharedError::of(error));
    }

    /// What a statement did that was cut off half-way is not known.
    pub(crate) fn abandon(&mut self, message: &'static str) {
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
            message,
        );
        let echo = SharedError::of(&error.into());
        match self.tx {
            Some(_) => self.poison(self.depth(), echo),
            None => self.let_go = Some(echo),
        }
    }

    /// Outside a transaction: what makes an `Ok` of the body wrong.
    pub(crate) fn contradiction(&self) -> Option<Error> {
        let echo = self.let_go.as_ref()?;
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
        if self.is_guarded() || self.untouched() || (refused && !self.opaque) {
            Effect::None
        } else {
            Effect::Possible
        }
    }

    /// The only statement so far was not answered, and no transaction had begun before.
    pub(crate) fn first_answer_is_missing(&self) -> bool {
        self.started <= 1 && self.tx.is_none()
    }

    /// Whether nothing can have been written: the call only reads, and the database sees to that.
    pub(crate) fn is_guarded(&self) -> bool {
        self.read_only && self.guard != Guard::TooLate && !self.guard_lifted
    }

    /// No statement was begun on it.
    pub(crate) fn untouched(&self) -> bool {
        self.started == 0 && !self.opaque
    }
}

/// The guard of a `read_only` call on a connection whose session was not opened read-only. Where the
/// text of every statement is seen, those that provably read go without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Something else keeps the session from writing, or it may write.
    NotNeeded,
    /// Not set: only statements that provably read were sent.
    Pending,
    /// Set, and to be lifted before the connection is given back.
    Set,
    /// Not set, and the raw connection was handed out.
    TooLate,
}

/// A statement of a session without a transaction whose rows were let go before their end.
#[derive(Debug)]
pub(crate) struct Unread {
    /// Its text, if it was the first.
    first: Option<SqlStr>,
}

/// Whether an error proves that the statement was not even read by the server: the connection had
/// been closed for writing, so that the end of the message was never sent; or the server says that it
/// has ended the session for being idle (57P05), which a session is not once it has read something.
fn never_arrived(error: &sqlx::Error, class: Class) -> bool {
    match error {
        sqlx::Error::Io(io) => io.kind() == std::io::ErrorKind::BrokenPipe,
        sqlx::Error::Database(_) => class.ended_while_idle(),
        _ => false,
    }
}

/// Whether an error proves that nothing of this text was applied.
fn refuses_all_of<DB: Backend>(text: &SqlStr, class: Class) -> bool {
    is_certain(class) && sql_text::failure_proves_nothing_applied(text.as_str(), DB::COMMENTS)
}

/// An error that only a statement which was undone can have: not one where the server itself does
/// not know, or where what it had done may not have been undone.
fn is_certain(class: Class) -> bool {
    !matches!(class.category, Category::Ambiguous | Category::Internal)
        && !matches!(class.kind, Kind::Io | Kind::Corrupt)
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use std::io::{Error as Io, ErrorKind};

    use sqlx::{Postgres, SqlSafeStr};

    use super::*;

    static OP: Op = Op::operation("plain", "here", 1);

    /// Whether a session may have had an effect whose first statement has failed like this.
    fn effect_after(error: ErrorKind) -> Effect {
        let now = Instant::now();
        let mut state = State::new(&OP, now, Millis::MAX, None);
        let text = "INSERT INTO t VALUES (1)".into_sql_str();
        let facts = Facts::of(
            text.as_str(),
            <Postgres as crate::backend::Dialect>::COMMENTS,
        );
        let first = state.sending(&text, facts, now);
        let error = sqlx::Error::Io(Io::from(error));
        state.failed::<Postgres>(&error, first.as_ref());
        state.effect(SharedError::of(&error).class())
    }

    #[test]
    fn a_first_statement_that_could_not_be_sent_has_had_no_effect() {
        assert_eq!(effect_after(ErrorKind::BrokenPipe), Effect::None);
        for received in [ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof] {
            assert_eq!(effect_after(received), Effect::Possible, "{received}");
        }
    }
}
