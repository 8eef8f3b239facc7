//! [`State`]: what dbop has seen on the connection of a running call. It is kept apart from the
//! connection, so that both can be lent on to joined calls side by side.

mod proof;
mod unread;

use std::sync::Arc;

use sqlx::SqlStr;
use tokio::time::Instant;

use self::proof::{never_arrived, refuses_all_of};
use self::unread::Unread;
use super::repeats::Repeats;
use super::sql_text::Facts;
use super::tx_state::{FailedJoin, Poison, TxState, ended_unseen};
use super::usage::Usage;
use crate::backend::{Backend, Deadlock, Leftover, Liveness, Traces};
use crate::classify;
use crate::error::{Class, Effect, Error, ErrorKind, SharedError};
use crate::monitor::{Progress, SessionState, text_hash};
use crate::op::{Op, Overrides};
use crate::rt::{Millis, Moment};

/// What dbop has seen on the connection of a running call.
#[derive(Debug)]
pub(crate) struct State {
    /// The operation whose body runs: the innermost of the joined ones.
    pub(crate) op: &'static Op,
    /// The deadline of that body.
    pub(crate) deadline: Instant,
    /// What the environment says about single operations, for the calls that join this one.
    pub(crate) overrides: Overrides,
    /// The longest poll of a body that is not reported as blocking its thread.
    pub(crate) longest_poll: Millis,
    /// What the statements of that operation have used.
    usage: Usage,
    /// How many statements the body has begun.
    started: u32,
    /// Whether a statement was sent whose end has not been seen.
    running: bool,
    /// Whether the statement sent last is known to write nothing.
    last_reads: bool,
    /// The class of the error with which the first statement failed, if that error proves that the
    /// statement was not applied.
    first_not_applied: Option<Class>,
    /// Outside a transaction: a statement that was dropped before its end, and that the database
    /// still runs to its end.
    unread: Option<Unread>,
    /// Outside a transaction: the error of a dropped statement that has failed, or whose effect is
    /// not known.
    let_go: Option<SharedError>,
    /// Whether the raw connection was handed out, or a statement was sent that may begin or end a
    /// transaction.
    pub(crate) opaque: bool,
    /// The transaction of sqlx's that was begun on the session and may be open still.
    pub(crate) loan: Option<Loan>,
    /// What is left in the session when its call has ended.
    pub(crate) traces: Traces,
    /// Whether the connection can no longer be used.
    pub(crate) broken: bool,
    /// Whether the server has refused to write for a call that may write, and so has become a
    /// standby.
    pub(crate) demoted: bool,
    /// Whether the body that runs, or a call that it has joined, is `read_only`.
    pub(crate) read_only: bool,
    /// Whether the session is that of a `read_only` call. False if only a joined call is
    /// `read_only`, and on a connection of the caller's.
    pub(crate) cannot_write: bool,
    /// Whether a statement may have lifted what keeps the session from writing.
    guard_lifted: bool,
    /// The guard that keeps the session from writing, where it is set only when it is needed.
    pub(crate) guard: Guard,
    /// Where others read what the call does with its connection. `None` if nobody lists the
    /// connection.
    pub(crate) progress: Option<Arc<Progress>>,
    /// The statements that were sent again and again. `None` if the session belongs to the caller.
    pub(crate) repeats: Option<Repeats>,
    /// What the server has said about a deadlock.
    pub(crate) deadlock: Option<Deadlock>,
    /// The transaction; `None` if each statement commits by itself.
    pub(crate) tx: Option<TxState>,
}

impl State {
    // Inlined, because a state is large and would be copied when it is returned.
    #[inline]
    pub(crate) fn new(
        op: &'static Op,
        deadline: Instant,
        longest_poll: Millis,
        tx: Option<TxState>,
    ) -> Self {
        Self {
            op,
            deadline,
            overrides: Overrides::NONE,
            longest_poll,
            usage: Usage::new(op),
            started: 0,
            running: false,
            last_reads: false,
            first_not_applied: None,
            unread: None,
            let_go: None,
            opaque: false,
            loan: None,
            traces: Traces::None,
            broken: false,
            demoted: false,
            read_only: op.read_only,
            cannot_write: op.read_only,
            guard_lifted: false,
            guard: Guard::NotNeeded,
            progress: None,
            repeats: None,
            deadlock: None,
            tx,
        }
    }

    /// From now on the body of this operation runs.
    pub(crate) fn runs(&mut self, op: &'static Op) {
        self.op = op;
        self.usage.switch(op);
    }

    /// Returns the error that may have ended the transaction, if the database has to be asked about
    /// that before the next statement.
    pub(crate) fn suspicion(&self) -> Option<SharedError> {
        let tx = self.tx.as_ref()?;
        // Where any error aborts the transaction, the server itself refuses the next statement.
        // Elsewhere the transaction may be gone, and the next statement would commit by itself.
        let unseen = tx.unseen && !tx.error_aborts;
        tx.suspect.clone().or(unseen.then(ended_unseen))
    }

    /// The number of statements that the body has begun.
    pub(crate) fn started(&self) -> u32 {
        self.started
    }

    /// Returns the number of open savepoints.
    pub(crate) fn depth(&self) -> u32 {
        self.tx.as_ref().map_or(0, |tx| tx.depth)
    }

    /// Whether what runs on the connection is known to write nothing.
    pub(crate) fn only_reads(&self) -> bool {
        self.last_reads && !self.opaque
    }

    /// Whether a statement is still running, or was dropped before its end.
    pub(crate) fn mid_statement(&self) -> bool {
        self.running
    }

    /// Returns what is left on the connection when its call has ended, and the call's transaction
    /// if it had one.
    pub(crate) fn left(&self) -> Leftover {
        if self.broken || self.running || self.demoted {
            Leftover::Unfinished
        } else if self.opaque {
            Leftover::Transaction
        } else {
            Leftover::Nothing
        }
    }

    /// Returns the error that aborted the transaction; `None` if it is not aborted.
    pub(crate) fn aborted_by(&self) -> Option<&SharedError> {
        let poison = self.tx.as_ref()?.poison.as_ref()?;
        Some(&poison.echo)
    }

    /// Records that the raw connection is handed out.
    pub(super) fn hand_out(&mut self) {
        self.opaque = true;
        self.show(SessionState::HandedOut, Moment::now());
        if self.guard == Guard::Pending {
            // Statements that dbop does not see may write from here on.
            self.guard = Guard::TooLate;
        }
        self.traces = self.traces.max(Traces::Unseen);
        if let Some(tx) = &mut self.tx {
            tx.hand_out();
        }
    }

    /// Records that sqlx has begun a transaction of its own on the session. The session is not
    /// idle until that has ended.
    pub(super) fn lend(&mut self, loan: Loan) {
        self.running = false;
        self.loan = Some(loan);
        self.hand_out();
    }

    /// Takes in the answer to the question whether the transaction is still open. The transaction
    /// counts as aborted until it is known to be open.
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
                tx.found_open();
            }
            Liveness::Ended => tx.found_ended(),
            Liveness::Failed(error) => {
                let echo = SharedError::of(&error);
                match echo.class().kind {
                    ErrorKind::TransactionState => tx.found_ended(),
                    // The server has aborted the transaction, so it was not committed.
                    ErrorKind::TransactionAborted => {}
                    _ => tx.is_not_answered(),
                }
                tx.poison = None;
                tx.poison(0, echo);
                self.broken |= ends_session(&error);
            }
        }
    }

    /// Returns the error with which every further statement is refused; `None` if the next
    /// statement may be sent.
    pub(crate) fn refusal(&self, now: Instant) -> Option<sqlx::Error> {
        if let Some(echo) = self.aborted_by().or(self.let_go.as_ref()) {
            return Some(echo.to_sqlx());
        }
        if now >= self.deadline {
            return Some(Error::deadline("the next statement").into());
        }
        None
    }

    /// Records that a statement of the body is about to be sent. Returns its text if the text
    /// matters in case the statement fails: for the first statement of a session without a
    /// transaction.
    pub(crate) fn sending(&mut self, text: &SqlStr, facts: Facts, now: Instant) -> Option<SqlStr> {
        self.started += 1;
        self.usage.is_of_body();
        if let Some(repeats) = &mut self.repeats {
            let hash = text_hash(text.as_str());
            repeats.sends(self.op, text.as_str(), hash);
            if let Some(progress) = &self.progress {
                progress.sends(hash);
            }
        }
        self.asking(Moment::of(now));
        self.last_reads = facts.provably_reads();
        self.note(facts);
        if facts.may_end_transaction {
            self.opaque = true;
            if let Some(tx) = &mut self.tx {
                tx.text_may_end_it(facts.ends_transaction);
            }
        }
        (self.started == 1 && self.tx.is_none()).then(|| text.clone())
    }

    /// Records what a text leaves in its session, whether the text is run or only prepared.
    pub(crate) fn note(&mut self, facts: Facts) {
        self.traces = self.traces.max(facts.traces);
        self.guard_lifted |= facts.may_lift_guard;
    }

    /// Records that a statement is about to be sent, which may be one of dbop's own.
    pub(crate) fn asking(&mut self, now: Moment) {
        self.running = true;
        self.usage.sends(now);
        self.stop_idling(now);
        self.show(SessionState::InStatement, now);
    }

    /// Records that the statement sent last has ended.
    pub(crate) fn completed(&mut self) {
        self.running = false;
        let now = Moment::now();
        self.usage.ends(now);
        if let Some(tx) = &mut self.tx {
            tx.idle.begins(now);
        }
        self.show_pause(now);
    }

    /// Notes for others what the call does with its connection while no statement runs.
    pub(crate) fn show_pause(&self, now: Moment) {
        self.show(
            match &self.tx {
                _ if self.opaque => SessionState::HandedOut,
                Some(_) => SessionState::IdleInTransaction,
                None => SessionState::Idle,
            },
            now,
        );
    }

    fn show(&self, state: SessionState, now: Moment) {
        if let Some(progress) = &self.progress {
            progress.note(state, now);
        }
    }

    /// Ends the pause in which the transaction was idle, because it is used again or ends.
    pub(crate) fn stop_idling(&mut self, now: Moment) {
        if let Some(tx) = &mut self.tx {
            tx.idle.ends(now);
        }
    }

    /// Records that the statement sent last has returned or changed these rows.
    pub(crate) fn saw_rows(&mut self, rows: u64) {
        self.usage.rows(rows);
    }

    /// Records that the statement sent last has failed. `first` is its text if it was the first
    /// statement of a session without a transaction.
    pub(crate) fn failed<DB: Backend>(&mut self, error: &sqlx::Error, first: Option<&SqlStr>) {
        use sqlx::Error as E;
        self.completed();
        let echo = || SharedError::of(error);
        let class = classify::sqlx(error);
        if class.kind == ErrorKind::Deadlock {
            self.deadlock = DB::deadlock(error);
        }
        let answered = DB::has_answered(error);
        self.demoted |= DB::refine(class, !self.cannot_write) == Class::DEMOTED;
        if self.started == 1
            && let Some(first) = first
            && (never_arrived(error, class) || (answered && refuses_all_of::<DB>(first, class)))
        {
            self.first_not_applied = Some(class);
        }
        match error {
            _ if answered => match &mut self.tx {
                Some(tx) if !tx.error_aborts => tx.suspect = Some(echo()),
                // After a serialization failure the snapshot is stale, savepoint or not.
                Some(_) if class.kind == ErrorKind::Serialization => self.poison(0, echo()),
                Some(_) => self.poison(self.depth(), echo()),
                None => {}
            },
            // The server is gone, or the two sides disagree about the state of the protocol.
            E::Database(_) | E::Io(_) | E::Tls(_) | E::Protocol(_) | E::WorkerCrashed => {
                self.broken = true;
                self.poison(0, echo());
            }
            // The error arose before anything was sent, or after everything was received.
            _ => {}
        }
    }

    /// Whether a transaction that is rolled back may have left something behind all the same.
    /// `cut_off`: what the body sent over the raw connection may be running still.
    pub(crate) fn effect_of_rollback(&self, cut_off: bool) -> Effect {
        let running = self.mid_statement() || (cut_off && self.opaque);
        match &self.tx {
            Some(tx) if tx.may_have_escaped(running) => Effect::Possible,
            _ => Effect::None,
        }
    }

    /// Aborts the transaction, or its savepoints from `depth` on, with this error. If an earlier
    /// error has aborted the transaction, that error stays, and the lower depth counts.
    pub(crate) fn poison(&mut self, depth: u32, echo: SharedError) {
        if let Some(tx) = &mut self.tx {
            tx.poison(depth, echo);
        }
    }

    /// Aborts the whole transaction with this error. It replaces an earlier error, which says less.
    pub(crate) fn abort(&mut self, echo: SharedError) {
        if let Some(tx) = &mut self.tx {
            tx.poison = None;
            tx.poison(0, echo);
        }
    }

    /// Whether the guard has to be set before a statement with these facts.
    pub(crate) fn needs_guard(&self, facts: Facts) -> bool {
        self.guard == Guard::Pending && !facts.provably_reads()
    }

    /// Records that the effect of a statement that was cut off is not known. In a transaction this
    /// aborts the innermost savepoint, or the transaction if there is none.
    pub(crate) fn abandon(&mut self, message: &'static str) {
        self.abandon_from(self.depth(), message);
    }

    /// Refuses every further statement until [`resume`](Self::resume) is called with what this
    /// returns. So the session stays refused if the future that was to call that is dropped.
    pub(super) fn suspend(&mut self, message: &'static str) -> Option<Poison> {
        let earlier = self.tx.as_ref().and_then(|tx| tx.poison.clone());
        self.abandon_from(0, message);
        earlier
    }

    /// See [`suspend`](Self::suspend).
    pub(super) fn resume(&mut self, earlier: Option<Poison>) {
        match &mut self.tx {
            Some(tx) => tx.poison = earlier,
            None => self.let_go = None,
        }
    }

    fn abandon_from(&mut self, depth: u32, message: &'static str) {
        if self.tx.is_some() {
            let error = Error::programming(ErrorKind::TransactionAborted, message);
            self.poison(depth, SharedError::of(&error.into()));
        } else {
            let error = Error::new(Class::OUTCOME_UNKNOWN, message);
            self.let_go = Some(SharedError::of(&error.into()));
        }
    }

    /// Refuses every further statement with this error.
    pub(super) fn give_up(&mut self, echo: SharedError) {
        match &mut self.tx {
            Some(tx) => tx.poison(0, echo),
            None => self.let_go = Some(echo),
        }
    }

    /// Returns the error that replaces an `Ok` of the body outside a transaction, because a dropped
    /// statement has failed or its effect is not known.
    pub(crate) fn contradiction(&self) -> Option<Error> {
        let echo = self.let_go.as_ref()?;
        Some(Error::new(echo.class(), echo.message().to_owned()))
    }

    /// Records that a joined call failed or was dropped, so that its work must not be committed.
    pub(crate) fn fail_join(&mut self, join: FailedJoin) {
        if let Some(tx) = &mut self.tx {
            tx.mark_rollback_only(Some(join));
        }
    }

    /// Returns whether the statements of a session without a transaction can have changed anything,
    /// given the class of the error that its body returned.
    pub(crate) fn effect(&self, returned: Class) -> Effect {
        let refused = self.started == 1 && self.first_not_applied == Some(returned);
        if self.is_guarded() || self.untouched() || (refused && !self.opaque) {
            Effect::None
        } else {
            Effect::Possible
        }
    }

    /// Whether at most one statement was sent, and that outside a transaction. If its answer is
    /// missing, the session has never answered.
    pub(crate) fn first_answer_is_missing(&self) -> bool {
        self.started <= 1 && self.tx.is_none()
    }

    /// Whether nothing can have been written, because the call is `read_only` and the database
    /// refuses its writes.
    pub(crate) fn is_guarded(&self) -> bool {
        self.read_only && self.guard != Guard::TooLate && !self.guard_lifted
    }

    /// Whether no statement was begun, and the raw connection was not handed out.
    pub(crate) fn untouched(&self) -> bool {
        self.started == 0 && !self.opaque
    }
}

/// A transaction of sqlx's that was begun on the session, and may have ended since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loan {
    /// How many transactions and savepoints of sqlx's are open when this one has ended.
    pub(super) depth: usize,
}

/// The guard that makes the session of a `read_only` call read-only, where the session was not
/// opened as such. Statements that provably read, by their text, need no guard, so it is set before
/// the first other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Something else keeps the session from writing, or the session may write.
    NotNeeded,
    /// The guard is not set yet: only statements that provably read were sent.
    Pending,
    /// The guard is set, and has to be lifted before the connection is given back.
    Set,
    /// The guard was not set before the raw connection was handed out.
    TooLate,
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use std::io::{Error as Io, ErrorKind as IoErrorKind};

    use sqlx::{Postgres, SqlSafeStr};

    use super::*;

    static OP: Op = Op::operation("plain", "here", 1);

    /// Returns the effect of a session whose first statement has failed with this I/O error.
    fn effect_after(error: IoErrorKind) -> Effect {
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
        assert_eq!(effect_after(IoErrorKind::BrokenPipe), Effect::None);
        for received in [IoErrorKind::ConnectionReset, IoErrorKind::UnexpectedEof] {
            assert_eq!(effect_after(received), Effect::Possible, "{received}");
        }
    }
}
