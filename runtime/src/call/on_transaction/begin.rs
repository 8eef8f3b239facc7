//! How a transaction begins on a connection of the caller's.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use sqlx_core::transaction::TransactionManager;
use tokio::time::Instant;

use super::CallersTransaction;
use crate::backend::{Backend, BeginOptions};
use crate::call::call_loop::{NotOpened, Opening};
use crate::call::on_connection::{Borrowed, limit_statements};
use crate::call::state::CallState;
use crate::error::{Error, ErrorKind};
use crate::isolation::Isolation;
use crate::policy::Defaults;
use crate::rt::{Late, Moment};
use crate::session::{Idle, State, TxState};

/// How a transaction begins on the caller's connection.
pub(in crate::call) struct OnConnection<'a, DB: Backend> {
    /// Taken by the one attempt.
    conn: Option<Borrowed<'a, DB>>,
    defaults: &'a Defaults,
}

impl<'a, DB: Backend> OnConnection<'a, DB> {
    pub(in crate::call) fn new(conn: Borrowed<'a, DB>, defaults: &'a Defaults) -> Self {
        Self {
            conn: Some(conn),
            defaults,
        }
    }
}

impl<'a, DB: Backend> Opening for OnConnection<'a, DB> {
    type Session = CallersTransaction<'a, DB>;

    async fn open(&mut self, call: &mut CallState) -> Result<Self::Session, NotOpened> {
        call.attempts.on_lent = true;
        if call.once.is_some() {
            return Err(no_once().into());
        }
        let conn = self.conn.take();
        let mut conn = conn.expect("there is one attempt, and no replacement of its connection");
        let outer = DB::TransactionManager::get_transaction_depth(conn.conn());
        let (isolation, limit) = match outer {
            0 => {
                // A transaction of Postgres has its limit in its `BEGIN`.
                let limit = match DB::HAS_SIGNALS {
                    true => limit_statements::<DB>(conn.conn(), call).await?,
                    false => None,
                };
                begin(&mut conn, call).await?;
                let least = DB::DEFAULT_ISOLATION;
                let isolation = call.op.isolation.map_or(least, |asked| asked.max(least));
                (isolation, limit)
            }
            _ => {
                let isolation = join::<DB>(conn.conn(), outer, call).await?;
                set_savepoint::<DB>(conn.conn(), outer, call).await?;
                (isolation, None)
            }
        };
        let idle = Idle::new(call.op, self.defaults.limits.idle, Moment::now());
        let tx = TxState::new(isolation, DB::ERROR_ABORTS, outer + 1, idle, None);
        let mut state = State::new(call.op, call.deadline(), call.longest_poll, Some(tx));
        // Whoever owns the connection did not ask for a guard.
        state.cannot_write = false;
        let mut transaction = CallersTransaction {
            conn,
            state: Box::new(state),
            limit,
            outer,
            open: true,
            ends: false,
        };
        if outer > 0 {
            // A rollback to the savepoint takes the limit back.
            let conn = transaction.conn.conn();
            transaction.limit = limit_statements::<DB>(conn, call).await?;
        }
        Ok(transaction)
    }
}

/// Begins a transaction on a connection that has none.
async fn begin<DB: Backend>(
    conn: &mut Borrowed<'_, DB>,
    call: &mut CallState,
) -> Result<(), Error> {
    let (op, deadline) = (call.op, call.deadline());
    let asking = DB::begun_by_text(conn.conn());
    match call.timer.until(deadline, asking).await {
        Ok(Ok(false)) => {}
        Ok(Ok(true)) => return Err(unknown_to_sqlx()),
        Ok(Err(error)) => return Err(error.into()),
        Err(Late) => return Err(Error::deadline("an answer on the caller's connection")),
    }
    let left = call.watched_deadline();
    let left = left.map(|until| until.saturating_duration_since(Instant::now()));
    let begin = BeginOptions {
        isolation: op.isolation,
        read_only: op.read_only,
        deferrable: op.deferrable,
        foreign: true,
        statement_timeout: left,
        transaction_timeout: left,
        idle_timeout: None,
    };
    let sql = Some(DB::begin_sql(conn.conn(), &begin));
    let mut unfinished = Unfinished::<DB> {
        conn: conn.conn(),
        over: false,
    };
    let begin = DB::TransactionManager::begin(unfinished.conn, sql);
    let begun = call.timer.until(deadline, begin).await;
    unfinished.over = begun.is_ok();
    match begun {
        Ok(begun) => Ok(begun?),
        Err(Late) => Err(Error::deadline("the transaction to begin")),
    }
}

/// A connection on which a `BEGIN` may be under way.
struct Unfinished<'a, DB: Backend> {
    conn: &'a mut DB::Connection,
    over: bool,
}

impl<DB: Backend> Drop for Unfinished<'_, DB> {
    fn drop(&mut self) {
        if !self.over {
            DB::undo_dropped_begin(self.conn);
        }
    }
}

/// Prepares the caller's transaction for a savepoint, and returns its isolation. Fails if the
/// operation asks for more, or if the transaction is aborted.
async fn join<DB: Backend>(
    conn: &mut DB::Connection,
    outer: usize,
    call: &mut CallState,
) -> Result<Isolation, Error> {
    let deadline = call.deadline();
    let laying = Box::pin(DB::lay_floor(conn, outer));
    let found = call.timer.until(deadline, laying).await;
    let found = found.map_err(|_| Error::deadline("an answer in the caller's transaction"))??;
    let Some(asked) = call.op.isolation.filter(|asked| *asked > found) else {
        return Ok(found);
    };
    DB::remove_floor(conn, outer);
    Err(Error::programming(
        ErrorKind::Isolation,
        format!(
            "it asks for {asked}, but the caller's transaction runs at {found}; begin that \
             transaction at {asked}, because an open transaction cannot change it"
        ),
    ))
}

/// Sets a savepoint in the caller's transaction.
///
/// On Postgres, a `SAVEPOINT` of the driver's that fails or is dropped orders the rollback of what
/// is around it, and sqlx counts one transaction less from then on. Later statements of the caller's
/// would commit by themselves. So a `SAVEPOINT` that is cut off is forgotten instead of dropped, and
/// leaves a savepoint that nobody uses. After one that fails, the session is ended.
async fn set_savepoint<DB: Backend>(
    conn: &mut DB::Connection,
    outer: usize,
    call: &mut CallState,
) -> Result<(), Error> {
    let deadline = call.deadline();
    let setting = DB::TransactionManager::begin(conn, None);
    let set = match DB::UNDOES_DROPPED_BEGIN {
        true => call.timer.until(deadline, setting).await,
        false => call.timer.until(deadline, Forgotten::new(setting)).await,
    };
    match set {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            if DB::TransactionManager::get_transaction_depth(conn) < outer {
                DB::end_session(conn, outer).await;
            }
            Err(error.into())
        }
        Err(Late) => Err(Error::deadline("the savepoint to be set")),
    }
}

/// A future that is forgotten if it is dropped before its end.
struct Forgotten<F>(Option<Pin<Box<F>>>);

impl<F: Future> Forgotten<F> {
    fn new(future: F) -> Self {
        Self(Some(Box::pin(future)))
    }
}

impl<F: Future> Future for Forgotten<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Some(future) = &mut self.0 else {
            return Poll::Pending;
        };
        let polled = future.as_mut().poll(cx);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<F> Drop for Forgotten<F> {
    fn drop(&mut self) {
        std::mem::forget(self.0.take());
    }
}

fn unknown_to_sqlx() -> Error {
    Error::programming(
        ErrorKind::TransactionState,
        "a transaction is open on the caller's connection that was begun by the text of a statement; \
         begin it with sqlx's `begin`, so that this call can join it",
    )
}

fn no_once() -> Error {
    Error::programming(
        ErrorKind::Configuration,
        "a `once` operation has to see its own transaction committed, which a call on a connection \
         of the caller's does not; pass `&db`, `&pool` or the `&mut *tx` of a `#[transactional]`",
    )
}
