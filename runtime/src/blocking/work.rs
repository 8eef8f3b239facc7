//! One attempt of a body on its connection, from `BEGIN` to the connection's return: what happens on
//! the thread of the blocking pool.
//!
//! That thread cannot be stopped. Whoever waits for it may go away, or its deadline may pass; then
//! the work is *abandoned*: its statement is interrupted where that does no harm, and it commits
//! nothing any more. The two sides agree on that by one atomic step, [`Progress::abandon`] against
//! [`Progress::may_commit`], so that a caller who is told "rolled back" can rely on it.
//!
//! | abandoned while | the connection | the database |
//! |---|---|---|
//! | it waits for a thread | given back | untouched |
//! | `BEGIN` or the body of a transaction runs | given back after `ROLLBACK` | untouched |
//! | the body of an operation runs | given back after its end | whatever the body does |
//! | `COMMIT` runs | given back | committed or rolled back; too late to abandon it |

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;
use tracing::Span;

use super::bridge;
use super::connection::{Begin, Interrupt, SyncConnection, TransactionStatus};
use super::pool::{Lease, Manager};
use crate::call::lost;
use crate::classify::Kind;
use crate::error::{Error, Outcome};
use crate::op::Op;

/// How an attempt ended.
pub(crate) enum Ended<R> {
    /// The body was not run.
    Refused(Error),
    /// The body returned this, or dbop says something else in its place; and what became of it.
    Done(Result<R, Error>, Outcome),
    Panicked(Box<dyn Any + Send>),
    /// Nobody waits for its result any more, and nothing of a transaction was committed.
    Abandoned,
}

/// What both sides know of an attempt.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    phase: AtomicU8,
    interrupt: Mutex<Option<Interrupt>>,
}

const RUNNING: u8 = 0;
const ABANDONED: u8 = 1;
const COMMITTING: u8 = 2;

impl Progress {
    fn enter(&self, phase: u8) -> bool {
        let order = Ordering::SeqCst;
        let entered = self.phase.compare_exchange(RUNNING, phase, order, order);
        entered.is_ok()
    }

    /// From now on it will not commit; `false`: it is about to, or has.
    pub(crate) fn abandon(&self) -> bool {
        let abandoned = self.enter(ABANDONED);
        if abandoned {
            let interrupt = self.interrupt.lock();
            if let Some(interrupt) = &*interrupt.unwrap_or_else(PoisonError::into_inner) {
                interrupt.stop();
            }
        }
        abandoned
    }

    /// From now on it can no longer be abandoned; `false`: it was.
    fn may_commit(&self) -> bool {
        self.enter(COMMITTING)
    }

    fn is_abandoned(&self) -> bool {
        self.phase.load(Ordering::SeqCst) == ABANDONED
    }

    fn set_interrupt(&self, interrupt: Option<Interrupt>) -> Option<Interrupt> {
        let mut held = self
            .interrupt
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut held, interrupt)
    }
}

/// One attempt before its thread has it.
pub(crate) struct Work<M: Manager> {
    pub(crate) op: &'static Op,
    pub(crate) lease: Lease<M>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) deadline: Instant,
    pub(crate) span: Span,
}

impl<M: Manager> Work<M> {
    /// Runs the body, and gives the connection back. `failed`: whether the body's result is an
    /// error.
    pub(crate) fn run<R>(
        mut self,
        body: impl FnOnce(&mut M::Connection) -> R,
        failed: &dyn Fn(&R) -> bool,
    ) -> Ended<R> {
        let span = std::mem::replace(&mut self.span, Span::none());
        let _entered = span.enter();
        if self.progress.is_abandoned() {
            return Ended::Abandoned;
        }
        // Kept only if all that follows says so: also a driver may panic.
        self.lease.keep = false;
        let (ended, keep) = self.lease.with(|conn| self.on(conn, body, failed));
        self.lease.keep = keep;
        if let Ended::Panicked(_) = &ended
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

    /// The same on the connection, and whether that may be kept.
    fn on<R>(
        &self,
        conn: &mut M::Connection,
        body: impl FnOnce(&mut M::Connection) -> R,
        failed: &dyn Fn(&R) -> bool,
    ) -> (Ended<R>, bool) {
        if let Err(error) = self.open(conn) {
            let clean =
                matches!(conn.status(), Ok(TransactionStatus::Idle)) || conn.rollback().is_ok();
            return (Ended::Refused(error), clean && self.close(conn));
        }
        let result = self.interruptibly(conn, body);
        let (ended, clean) = if self.op.transaction {
            self.end_transaction(conn, result, failed)
        } else {
            self.end_operation(conn, result, failed)
        };
        (ended, clean && self.close(conn))
    }

    /// Makes the connection what the operation asks for.
    fn open(&self, conn: &mut M::Connection) -> Result<(), Error> {
        if self.op.read_only {
            conn.set_read_only(true)?;
        }
        if self.op.transaction {
            conn.begin(&Begin {
                isolation: self.op.isolation,
                read_only: self.op.read_only,
                deferrable: self.op.deferrable,
                time_left: self.deadline.saturating_duration_since(Instant::now()),
            })?;
        }
        Ok(())
    }

    /// Undoes what `open` has set, apart from the transaction; `false` if that failed.
    fn close(&self, conn: &mut M::Connection) -> bool {
        !self.op.read_only || conn.set_read_only(false).is_ok()
    }

    fn interruptibly<R>(
        &self,
        conn: &mut M::Connection,
        body: impl FnOnce(&mut M::Connection) -> R,
    ) -> std::thread::Result<R> {
        // An operation that writes is left to its end: stopped half-way, it would have done half.
        if self.op.transaction || self.op.read_only {
            self.progress.set_interrupt(conn.interrupt());
        }
        catch_unwind(AssertUnwindSafe(|| bridge::waiting_allowed(|| body(conn))))
    }

    /// What comes next on the connection is not to be interrupted; `false`: an interrupt was sent,
    /// and may still come.
    fn disarm(&self) -> bool {
        let interrupt = self.progress.set_interrupt(None);
        !(self.progress.is_abandoned() && interrupt.is_some_and(|interrupt| interrupt.spoils))
    }

    fn end_transaction<R>(
        &self,
        conn: &mut M::Connection,
        result: std::thread::Result<R>,
        failed: &dyn Fn(&R) -> bool,
    ) -> (Ended<R>, bool) {
        let quiet = self.disarm();
        let result = match result {
            Ok(result) if !failed(&result) && self.progress.may_commit() => {
                return match conn.status() {
                    Ok(TransactionStatus::InTransaction) => Self::commit(conn, result),
                    Ok(TransactionStatus::Failed) => {
                        let clean = conn.rollback().is_ok();
                        (Ended::Done(Err(swallowed()), Outcome::RolledBack), clean)
                    }
                    Ok(TransactionStatus::Idle) => {
                        (Ended::Done(Err(ended_by_body()), Outcome::Unknown), true)
                    }
                    // The question failed, so the connection is closed, which rolls back.
                    Err(error) => (Ended::Done(Err(error), Outcome::RolledBack), false),
                };
            }
            other => other,
        };
        let (outcome, clean) = match conn.status() {
            // It was ended past dbop, and that may have been a COMMIT.
            Ok(TransactionStatus::Idle) => (Outcome::Unknown, true),
            Ok(_) => (Outcome::RolledBack, conn.rollback().is_ok()),
            Err(_) => (Outcome::RolledBack, false),
        };
        let ended = match result {
            Err(panic) => Ended::Panicked(panic),
            Ok(result) if failed(&result) => Ended::Done(Ok(result), outcome),
            Ok(_) => Ended::Abandoned,
        };
        (ended, clean && quiet)
    }

    fn commit<R>(conn: &mut M::Connection, result: R) -> (Ended<R>, bool) {
        let Err(error) = conn.commit() else {
            return (Ended::Done(Ok(result), Outcome::Committed), true);
        };
        let outcome = M::Connection::outcome_of_failed_commit(error.class());
        let clean = match conn.status() {
            Ok(TransactionStatus::Idle) => true,
            Ok(_) => conn.rollback().is_ok(),
            Err(_) => false,
        };
        let error = match outcome {
            Outcome::Unknown => lost(error),
            _ => error,
        };
        (Ended::Done(Err(error), outcome), clean)
    }

    fn end_operation<R>(
        &self,
        conn: &mut M::Connection,
        result: std::thread::Result<R>,
        failed: &dyn Fn(&R) -> bool,
    ) -> (Ended<R>, bool) {
        let quiet = self.disarm();
        let (left_open, clean) = match conn.status() {
            Ok(TransactionStatus::Idle) => (false, true),
            Ok(_) => (true, conn.rollback().is_ok()),
            Err(_) => (false, false),
        };
        let failure = if self.op.read_only {
            Outcome::RolledBack
        } else {
            Outcome::Unknown
        };
        let ended = match result {
            Err(panic) => Ended::Panicked(panic),
            Ok(result) if failed(&result) => Ended::Done(Ok(result), failure),
            Ok(_) if left_open => Ended::Done(Err(left_open_by_body()), failure),
            Ok(result) => Ended::Done(Ok(result), Outcome::Committed),
        };
        (ended, clean && quiet)
    }
}

/// COMMIT would be answered with ROLLBACK, and the driver would say `Ok`.
fn swallowed() -> Error {
    Error::programming(
        Kind::TransactionAborted,
        "an error that the body let pass has aborted the transaction, and nothing of it was \
         committed; return that error, or run the statement that may fail in a savepoint",
    )
}

fn ended_by_body() -> Error {
    Error::programming(
        Kind::TransactionState,
        "the transaction was ended before the body was, by a statement of its own or by the \
         database, and what came after was not part of it; commit and roll back nothing in the \
         body of a `#[transactional]`",
    )
}

fn left_open_by_body() -> Error {
    Error::programming(
        Kind::TransactionState,
        "the body began a transaction and left it open; it was rolled back. Let `#[transactional]` \
         begin and commit it",
    )
}
