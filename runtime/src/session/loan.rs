//! Loans: the session is lent to sqlx, which opens a transaction of its own in it. This is
//! [`Tx::with_sqlx`](crate::Tx::with_sqlx), and what makes `&mut Conn` and `&mut Tx` a
//! `sqlx::Acquire`.
//!
//! Inside a transaction, sqlx's own transaction is a savepoint. dbop encloses that in a savepoint
//! of its own, [`SET`], which is released before dbop sends the next statement. If the release
//! succeeds, the transaction is the one that dbop began, and nothing that it had done before the
//! loan is undone. Without it, work could disappear in silence: sqlx does not release a savepoint
//! to which it has rolled back, and all of its savepoints at one depth have one name. So a `commit`
//! that is dropped after its `RELEASE` was sent would roll back to an earlier savepoint.
//!
//! The transaction, and its outcome, after a future was dropped or something has failed:
//!
//! | what was dropped or has failed | the transaction |
//! |---|---|
//! | the wait before `begin` sends anything | goes on |
//! | `begin`, at [`SET`] or at sqlx's own statement | rolled back by sqlx; refused from then on; `RolledBack` |
//! | sqlx's transaction, dropped by the body | goes on; sqlx undoes its own work at the next use of the connection |
//! | sqlx's transaction, forgotten by the body | refused from then on; `RolledBack` |
//! | sqlx's `commit`, dropped by the body | goes on with or without that work; if sqlx rolls back a savepoint that it has released (Postgres), refused from then on; `RolledBack` |
//! | sqlx's `rollback`, dropped by the body | goes on |
//! | `with_sqlx`: the closure, the end of its savepoint | refused from then on; `RolledBack` |
//! | the release of [`SET`] | refused from then on; `RolledBack` if the savepoint is still there, else `Unknown` |
//!
//! Outside a transaction, sqlx's own is a real one, and what it commits is committed:
//!
//! | what was dropped or has failed | the session |
//! |---|---|
//! | `begin` | refused from then on, because a transaction may be open in which later statements would be lost; the outcome is that of the statements before |
//! | sqlx's transaction, dropped by the body | goes on; sqlx rolls back at the next use of the connection |
//! | sqlx's transaction, forgotten by the body | refused from then on; its work is undone when the connection is given back |
//!
//! `with_sqlx` and the release wait for the server until the deadline of the call, as every
//! statement does.

use std::ops::{Deref, DerefMut};

use futures_core::future::BoxFuture;
use sqlx::{Acquire, Connection, SqlSafeStr, Transaction};
use sqlx_core::transaction::TransactionManager;

use super::conn::Conn;
use super::executor;
use super::state::{Loan, State};
use super::tx::Tx;
use super::tx_state::{ended_unseen, left_open};
use super::view::View;
use crate::backend::Backend;
use crate::error::{Error, ErrorKind, SharedError};
use crate::op::DbError;
use crate::rt::Moment;

const SET: &str = "SAVEPOINT dbop_loan";
const RELEASE: &str = "RELEASE SAVEPOINT dbop_loan";
const ROLL_BACK_TO: &str = "ROLLBACK TO SAVEPOINT dbop_loan";

/// Lends the raw connection, unless the session refuses every further statement.
async fn acquire<DB: Backend>(mut view: View<'_, DB>) -> sqlx::Result<&mut DB::Connection> {
    let View { conn, state } = view.reborrow();
    executor::before_unseen::<DB>(conn, state).await?;
    Ok(view.into_raw())
}

/// Begins a transaction of sqlx's, which is a savepoint if one is open already.
async fn begin<'a, DB: Backend>(
    conn: &'a mut DB::Connection,
    state: &mut State,
) -> sqlx::Result<Transaction<'a, DB>> {
    executor::before_unseen::<DB>(conn, state).await?;
    let earlier = state.suspend(
        "a `begin` of sqlx's was dropped before its end, which ends the transaction around it, or \
         leaves one open that nobody can end; await `begin` to its end",
    );
    state.asking(Moment::now());
    if state.tx.is_some()
        && let Err(error) = DB::run_again(conn, SET.into_sql_str()).await
    {
        state.resume(earlier);
        state.failed::<DB>(&error, None);
        return Err(error);
    }
    let begun = conn.begin().await;
    state.resume(earlier);
    match begun {
        Ok(transaction) => {
            let depth = DB::TransactionManager::get_transaction_depth(&transaction);
            let depth = depth.saturating_sub(1);
            state.lend(Loan { depth });
            Ok(transaction)
        }
        Err(error) => {
            state.failed::<DB>(&error, None);
            // sqlx has rolled back the transaction around the savepoint.
            state.give_up(SharedError::of(&error));
            Err(error)
        }
    }
}

/// Runs `f` with a savepoint of sqlx's.
pub(super) async fn with_sqlx<DB, T, E, F>(view: View<'_, DB>, f: F) -> Result<T, E>
where
    DB: Backend,
    F: for<'t, 'd> AsyncFnOnce(&'t mut Transaction<'d, DB>) -> Result<T, E>,
    E: DbError,
{
    let View { conn, state } = view;
    let mut transaction = begin::<DB>(conn, state).await.map_err(Error::from)?;
    let earlier =
        state.suspend("`with_sqlx` was dropped before its end, so the transaction was rolled back");
    let result = f(&mut transaction).await;
    let kept = match &result {
        Ok(_) => transaction.commit().await.map_err(not_kept),
        Err(_) => {
            drop(transaction);
            Ok(())
        }
    };
    state.resume(earlier);
    if let Err(error) = &result {
        let class = error.class();
        // After a serialization failure the snapshot is stale, savepoint or not.
        if class.kind == ErrorKind::Serialization {
            let echo = Error::new(class, error.to_string());
            state.poison(0, SharedError::of(&echo.into()));
        }
    }
    let settled = settle::<DB>(conn, state).await;
    let value = result?;
    settled.map_err(Error::from)?;
    kept?;
    Ok(value)
}

/// Returns the error of a closure that returned `Ok`, and whose work was undone nevertheless.
fn not_kept(error: sqlx::Error) -> Error {
    let error = Error::from(error);
    Error::new(
        error.class(),
        format!(
            "the work of `with_sqlx` was undone, although its closure returned `Ok`: {}; if a \
             statement of the closure has failed, return its error",
            error.message()
        ),
    )
}

/// Takes the session back once sqlx's transaction has ended. Does nothing if the session is not
/// lent. Returns an error if no further statement may be sent.
pub(super) async fn settle<DB: Backend>(
    conn: &mut DB::Connection,
    state: &mut State,
) -> sqlx::Result<()> {
    let Some(Loan { depth }) = state.loan else {
        return Ok(());
    };
    match state.tx {
        Some(_) => release::<DB>(conn, state).await?,
        None => wait_for_end::<DB>(conn, state).await?,
    }
    state.loan = None;
    let left = match DB::TransactionManager::get_transaction_depth(conn) {
        left if left == depth => return Ok(()),
        left if left < depth => ended_unseen(),
        _ => left_open(),
    };
    state.give_up(left.clone());
    Err(left.to_sqlx())
}

/// Waits until sqlx has ended its transaction outside one of dbop's.
async fn wait_for_end<DB: Backend>(
    conn: &mut DB::Connection,
    state: &mut State,
) -> sqlx::Result<()> {
    state.asking(Moment::now());
    let ended = conn.ping().await;
    match &ended {
        Ok(()) => state.completed(),
        Err(error) => state.failed::<DB>(error, None),
    }
    ended
}

/// Releases the savepoint around a savepoint of sqlx's. If that fails, the transaction is refused
/// from then on, because it is not known which part of it stands.
async fn release<DB: Backend>(conn: &mut DB::Connection, state: &mut State) -> sqlx::Result<()> {
    state.loan = None;
    let earlier = state.suspend(
        "a statement was dropped while it waited for the end of a transaction that sqlx had begun \
         inside this one, so the transaction was rolled back",
    );
    state.asking(Moment::now());
    let released = DB::run_again(conn, RELEASE.into_sql_str()).await.map(drop);
    // This is possible also after an error that has aborted the transaction.
    let is_there = match &released {
        Err(error) if DB::has_answered(error) => {
            let answer = DB::run_again(conn, ROLL_BACK_TO.into_sql_str()).await;
            Some(answer.is_ok())
        }
        Err(_) => None,
        Ok(()) => Some(true),
    };
    state.resume(earlier);
    let was_aborted = state.aborted_by().is_some();
    match &released {
        Ok(()) => state.completed(),
        Err(error) => state.failed::<DB>(error, None),
    }
    if let Some(tx) = &mut state.tx {
        match is_there {
            Some(true) => tx.found_open(),
            Some(false) => tx.found_ended(),
            None => tx.is_not_answered(),
        }
    }
    let Err(error) = released else {
        return Ok(());
    };
    if !was_aborted {
        state.abort(did_not_end_well(&error));
    }
    Err(state.aborted_by().map_or(error, SharedError::to_sqlx))
}

fn did_not_end_well(error: &sqlx::Error) -> SharedError {
    let echo = SharedError::of(error);
    let error = Error::new(
        echo.class(),
        format!(
            "a transaction that sqlx had begun inside this one did not end well, so this one was \
             rolled back: {}; await its `commit` or `rollback` to the end, and do not end this \
             transaction inside it",
            echo.message()
        ),
    );
    SharedError::of(&error.into())
}

/// The driver's connection, lent by [`Acquire::acquire`] of a session. A type of its own, because a body
/// that was written for a pool's connection binds what it gets as `mut`.
#[derive(Debug)]
pub struct Acquired<'t, DB: Backend>(&'t mut DB::Connection);

impl<DB: Backend> Deref for Acquired<'_, DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        self.0
    }
}

impl<DB: Backend> DerefMut for Acquired<'_, DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        self.0
    }
}

/// Implements sqlx's `Acquire` for `&mut $lent`, a lent session.
macro_rules! acquire {
    ($($lent:ident)*) => {
        $(
            /// Lends the session to a function that takes an `impl Acquire`.
            ///
            /// `acquire` lends the driver's connection, as
            #[doc = concat!("[`", stringify!($lent), "::conn`] does.")]
            /// `begin` begins a transaction of sqlx's own, which is a savepoint if the session is a
            /// transaction. dbop sees neither the statements in it nor its end. A transaction of
            /// sqlx's that is dropped is rolled back before the next statement is sent.
            ///
            /// Await `begin` to its end: where it is dropped before, sqlx rolls back the transaction
            /// around it. dbop then refuses every further statement, and the call fails.
            ///
            /// ```
            /// use dbop::{Tx, transactional};
            /// use sqlx::{Acquire, Sqlite};
            ///
            /// async fn import(db: impl Acquire<'_, Database = Sqlite>, name: &str) -> sqlx::Result<()> {
            ///     let mut own = db.begin().await?;
            ///     sqlx::query("INSERT INTO users (name) VALUES (?)").bind(name).execute(&mut *own).await?;
            ///     own.commit().await
            /// }
            ///
            /// #[transactional]
            /// async fn set_up(tx: &mut Tx<'_, Sqlite>) -> Result<(), dbop::Error> {
            ///     Ok(import(&mut *tx, "ada").await?)
            /// }
            /// ```
            impl<'t, DB: Backend> Acquire<'t> for &'t mut $lent<'_, DB> {
                type Database = DB;
                type Connection = Acquired<'t, DB>;

                fn acquire(self) -> BoxFuture<'t, sqlx::Result<Self::Connection>> {
                    let acquiring = acquire::<DB>(self.view.reborrow());
                    Box::pin(async { acquiring.await.map(Acquired) })
                }

                fn begin(self) -> BoxFuture<'t, sqlx::Result<Transaction<'t, DB>>> {
                    let View { conn, state } = self.view.reborrow();
                    Box::pin(begin::<DB>(conn, state))
                }
            }
        )*
    };
}

acquire!(Conn Tx);
