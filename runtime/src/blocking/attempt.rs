//! One attempt of a body on its connection, from `BEGIN` to the connection's return: what happens
//! on the thread of the blocking pool.
//!
//! The thread cannot be stopped. When the caller goes away or the deadline passes, the attempt is
//! *abandoned*: from then on it commits nothing. The caller and the thread agree on that in
//! [`Progress`], so a caller who is told "rolled back" can rely on that.
//!
//! | abandoned while | the connection | the database |
//! |---|---|---|
//! | the attempt waits for a thread | given back | untouched |
//! | the guard changes, or `BEGIN` is under way | given back after `ROLLBACK`; the body does not run | untouched |
//! | the body of a transaction runs | its statements are interrupted; given back after `ROLLBACK`, or closed where an interrupt may still come | untouched, unless the body itself has committed |
//! | the body of a `read_only` operation runs | its statements are interrupted; given back, or closed where an interrupt may still come | untouched |
//! | the body of another operation runs | given back after its end | whatever the body does |
//! | the body has returned an error, and `ROLLBACK` runs | given back | untouched |
//! | `COMMIT` runs | given back | committed or rolled back; the attempt can no longer be abandoned |
//!
//! | ends badly | the connection | the database |
//! |---|---|---|
//! | the body panics | given back after `ROLLBACK` | a transaction: untouched; an operation: whatever the body did |
//! | the driver panics, or does not know whether a transaction is open | closed | rolled back; in `COMMIT`, not known |
//! | the guard of a `read_only` operation cannot be set or taken off | closed | untouched; the body does not run |
//! | `ROLLBACK` fails | closed | rolled back |
//! | the body ends the transaction itself, or the database does in answer to an error | given back | not known: the end may have been a `COMMIT` |
//! | the runtime is shut down before a thread has it | given back | untouched |

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::time::Instant;
use tracing::Span;

use super::bridge;
use super::connection::{Begin, SyncConnection, TransactionStatus};
use super::handshake::Progress;
use super::manager::Slot;
use super::pool::Checkout;
use crate::call::{CommitAnswer, Permit};
use crate::error::{Class, Error, ErrorKind, Outcome};
use crate::op::Op;
use crate::policy::{Identity, RunningThread};

/// How an attempt ended.
pub(crate) enum AttemptEnd<R, B> {
    /// The body was not run, and is given back.
    Refused(Error, B),
    /// The body returned this result, or dbop returns an error in its place; and the outcome.
    Done(Result<R, Error>, Outcome),
    Panicked(Box<dyn Any + Send>),
    /// Nobody waits for the result any more, and nothing of a transaction was committed.
    Abandoned,
}

/// An attempt that a thread has yet to take on.
pub(crate) struct Work<C: SyncConnection> {
    pub(crate) op: &'static Op,
    pub(crate) checkout: Checkout<C>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) deadline: Instant,
    pub(crate) span: Span,
    /// The permit of `max_concurrency`, held for as long as the body can run.
    pub(crate) _permit: Option<Permit>,
    /// Keeps a shutdown waiting for the body.
    pub(crate) thread: Option<RunningThread>,
}

impl<C: SyncConnection> Work<C> {
    /// Runs the body, and gives the connection back. `failure`: the class of the body's error;
    /// `None` if the result is none.
    pub(crate) fn run<R, B: FnOnce(&mut C) -> R>(
        mut self,
        body: B,
        failure: &dyn Fn(&R) -> Option<Class>,
    ) -> AttemptEnd<R, B> {
        let span = std::mem::replace(&mut self.span, Span::none());
        let _entered = span.enter();
        if self.progress.is_abandoned() {
            return AttemptEnd::Abandoned;
        }
        // The connection is kept only if all that follows says so, because a driver may panic.
        self.checkout.keep = false;
        let (ended, keep) = self.checkout.with(|slot| self.on(slot, body, failure));
        self.checkout.keep = keep;
        if let AttemptEnd::Panicked(_) = &ended
            && self.progress.is_abandoned()
        {
            tracing::error!(
                db.operation.name = self.op.name,
                code.file.path = self.op.file,
                code.line.number = self.op.line,
                "an operation panicked after its caller had gone away"
            );
        }
        ended
    }

    /// Runs the body on the connection. Also returns whether the connection may be kept.
    fn on<R, B: FnOnce(&mut C) -> R>(
        &self,
        slot: &mut Slot<C>,
        body: B,
        failure: &dyn Fn(&R) -> Option<Class>,
    ) -> (AttemptEnd<R, B>, bool) {
        if let Err(error) = self.guard(slot) {
            return (AttemptEnd::Refused(error, body), false);
        }
        let conn = &mut slot.conn;
        if let Err(error) = self.begin(conn) {
            let (_, clean) = undo(conn);
            return (AttemptEnd::Refused(error, body), clean);
        }
        // An operation that writes is not interrupted: it would have done half of its work.
        if self.op.transaction || self.op.read_only {
            self.progress.arm(conn.interrupt());
        }
        if !self.progress.may_run() {
            self.progress.disarm();
            let (_, clean) = undo(conn);
            return (AttemptEnd::Abandoned, clean);
        }
        let identity = self.thread.as_ref().map(|thread| thread.identity);
        let body = AssertUnwindSafe(|| {
            let _inside = identity.map(Identity::enter);
            bridge::waiting_allowed(|| body(conn))
        });
        let result = catch_unwind(body);
        // From here on an interrupt would hit dbop's own statements.
        let quiet = self.progress.disarm();
        let (ended, clean) = if self.op.transaction {
            self.end_transaction(conn, result, failure)
        } else {
            self.end_operation(conn, result, failure)
        };
        let class = match &ended {
            AttemptEnd::Done(Ok(result), _) => failure(result),
            AttemptEnd::Done(Err(error), _) => Some(error.class()),
            _ => None,
        };
        let demoted = class.is_some_and(|class| refine::<C>(class, self.op) == Class::DEMOTED);
        (ended, clean && quiet && !demoted)
    }

    /// Makes the connection read-only for an operation that only reads, and lets it write again for
    /// an operation that may write. The guard is not taken off after each operation that reads,
    /// which would cost two more statements each time.
    fn guard(&self, slot: &mut Slot<C>) -> Result<(), Error> {
        let guards = C::GUARDS_TRANSACTIONS || !self.op.transaction;
        let change = match self.op.read_only {
            true => guards && !slot.read_only,
            false => slot.read_only,
        };
        if change {
            slot.conn.set_read_only(self.op.read_only)?;
            slot.read_only = self.op.read_only;
        }
        Ok(())
    }

    fn begin(&self, conn: &mut C) -> Result<(), Error> {
        if self.op.transaction {
            let begin = Begin {
                isolation: self.op.isolation,
                read_only: self.op.read_only,
                deferrable: self.op.deferrable,
                time_left: self.deadline.saturating_duration_since(Instant::now()),
            };
            self.timed(|| conn.begin(&begin))?;
        }
        Ok(())
    }

    /// Notes how long the database takes. Where one connection writes at a time, a slow answer
    /// means that somebody else holds the lock, and says nothing about the database.
    fn timed(&self, ask: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        self.progress.ask();
        let answer = ask();
        let timely = C::ONE_WRITER;
        self.progress.answered(answer.is_ok(), timely);
        answer
    }

    fn end_transaction<R, B>(
        &self,
        conn: &mut C,
        result: std::thread::Result<R>,
        failure: &dyn Fn(&R) -> Option<Class>,
    ) -> (AttemptEnd<R, B>, bool) {
        let result = match result {
            Ok(result) if failure(&result).is_none() && self.progress.may_commit() => {
                return match conn.status() {
                    Ok(TransactionStatus::InTransaction) => self.commit(conn, result),
                    Ok(TransactionStatus::Failed) => {
                        let clean = conn.rollback().is_ok();
                        (
                            AttemptEnd::Done(Err(swallowed()), Outcome::RolledBack),
                            clean,
                        )
                    }
                    Ok(TransactionStatus::Idle) => (
                        AttemptEnd::Done(Err(ended_by_body()), Outcome::Unknown),
                        true,
                    ),
                    // The question has failed. The connection is closed, which rolls back.
                    Err(error) => (AttemptEnd::Done(Err(error), Outcome::RolledBack), false),
                };
            }
            other => other,
        };
        let (left, clean) = undo(conn);
        let outcome = match left {
            // The body has ended the transaction, perhaps with a COMMIT.
            Some(TransactionStatus::Idle) => Outcome::Unknown,
            _ => Outcome::RolledBack,
        };
        let ended = match result {
            Err(panic) => AttemptEnd::Panicked(panic),
            Ok(result) if failure(&result).is_some() => AttemptEnd::Done(Ok(result), outcome),
            Ok(_) => AttemptEnd::Abandoned,
        };
        (ended, clean)
    }

    fn commit<R, B>(&self, conn: &mut C, result: R) -> (AttemptEnd<R, B>, bool) {
        let answer = Ok(self.timed(|| conn.commit()));
        let outcome_of = |error: &Error| C::outcome_of_failed_commit(error.class());
        let Some((error, outcome)) = CommitAnswer::judge(answer, outcome_of).failure(true) else {
            return (AttemptEnd::Done(Ok(result), Outcome::Committed), true);
        };
        let (_, clean) = undo(conn);
        (AttemptEnd::Done(Err(error), outcome), clean)
    }

    fn end_operation<R, B>(
        &self,
        conn: &mut C,
        result: std::thread::Result<R>,
        failure: &dyn Fn(&R) -> Option<Class>,
    ) -> (AttemptEnd<R, B>, bool) {
        let (left, clean) = undo(conn);
        let left_open = left.is_some_and(|left| left != TransactionStatus::Idle);
        let outcome = if self.op.read_only {
            Outcome::RolledBack
        } else {
            Outcome::Unknown
        };
        let ended = match result {
            Err(panic) => AttemptEnd::Panicked(panic),
            Ok(result) if failure(&result).is_some() => AttemptEnd::Done(Ok(result), outcome),
            Ok(_) if left_open => AttemptEnd::Done(Err(left_open_by_body()), outcome),
            Ok(result) => AttemptEnd::Done(Ok(result), Outcome::Committed),
        };
        (ended, clean)
    }
}

/// Returns the class of a failure of this operation: where a call that may write is told that the
/// database only reads, the server has become a standby. SQLite has no servers.
pub(super) fn refine<C: SyncConnection>(class: Class, op: &Op) -> Class {
    let writes = !op.read_only && !C::ONE_WRITER;
    match writes && class.kind == ErrorKind::ReadOnly {
        true => Class::DEMOTED,
        false => class,
    }
}

/// Rolls back what is open. Returns the status before, if that could be found out, and whether
/// others can use the connection.
fn undo<C: SyncConnection>(conn: &mut C) -> (Option<TransactionStatus>, bool) {
    match conn.status() {
        Ok(TransactionStatus::Idle) => (Some(TransactionStatus::Idle), true),
        Ok(open) => (Some(open), conn.rollback().is_ok()),
        Err(_) => (None, false),
    }
}

/// The error for a body that returned `Ok` in an aborted transaction. The server would answer
/// COMMIT with ROLLBACK, and the driver would say `Ok`.
fn swallowed() -> Error {
    Error::programming(
        ErrorKind::TransactionAborted,
        "an error that the body let pass has aborted the transaction, and nothing of it was \
         committed; return that error, or run the statement that may fail in a savepoint",
    )
}

fn ended_by_body() -> Error {
    Error::programming(
        ErrorKind::TransactionState,
        "the transaction was ended before the body was, by a statement of its own or by the \
         database, and what came after was not part of it; commit and roll back nothing in the \
         body of a `#[transactional]`",
    )
}

fn left_open_by_body() -> Error {
    Error::programming(
        ErrorKind::TransactionState,
        "the body began a transaction and left it open; it was rolled back. Let `#[transactional]` \
         begin and commit it",
    )
}
