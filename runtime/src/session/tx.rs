//! [`Tx`]: a transaction, lent to the body of a `#[transactional]`.

use std::fmt;
use std::future::Future;

use super::executor::executor;
use super::hooks::HookResult;
use super::savepoint::Savepoint;
use super::state::View;
use super::tx_state::{RollbackOnly, TxState};
use crate::backend::Backend;
use crate::error::Outcome;
use crate::op::DbError;

/// An open transaction. It commits when the body returns `Ok`, and rolls back when it returns
/// `Err`, panics or is dropped.
///
/// `&mut Tx` is a sqlx `Executor`, and what an operation called from the body takes to join this
/// transaction:
///
/// ```
/// use dbop::{Tx, transactional};
/// use sqlx::Sqlite;
///
/// #[transactional]
/// async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64, name: &str) -> Result<(), dbop::Error> {
///     let update = sqlx::query("UPDATE users SET name = ? WHERE id = ?");
///     update.bind(name).bind(id).execute(&mut *tx).await?;
///     Ok(())
/// }
///
/// #[transactional]
/// async fn swap(tx: &mut Tx<'_, Sqlite>, a: i64, b: i64) -> Result<(), dbop::Error> {
///     rename(&mut *tx, a, "b").await?;
///     rename(&mut *tx, b, "a").await
/// }
/// ```
pub struct Tx<'c, DB: Backend> {
    pub(crate) view: View<'c, DB>,
}

impl<DB: Backend> Tx<'_, DB> {
    /// The driver's connection, for helpers that take one.
    ///
    /// dbop does not see what goes through it, so the transaction asks the server for its state
    /// before it commits, and what may be left in the session is undone as after
    /// [`Conn::conn`](crate::Conn::conn).
    ///
    /// Do not begin, commit or roll back through it. A transaction that was ended so is noticed at the
    /// end of the body, and the call fails with [`Outcome::Unknown`]. On Postgres that is not possible
    /// if another transaction was begun through the connection and has failed since: the call then
    /// says [`Outcome::RolledBack`], although the first may be in the database.
    pub fn conn(&mut self) -> &mut DB::Connection {
        self.view.raw()
    }

    /// Runs `f` in a savepoint: if it returns `Err`, its work alone is undone and the transaction
    /// goes on.
    ///
    /// Write the closure's return type, because nothing else fixes its error:
    ///
    /// ```
    /// # use dbop::{Tx, transactional};
    /// # use sqlx::Sqlite;
    /// #[transactional]
    /// async fn order(tx: &mut Tx<'_, Sqlite>, id: i64, coupon: &str) -> Result<bool, dbop::Error> {
    ///     sqlx::query("INSERT INTO orders (id) VALUES (?)").bind(id).execute(&mut *tx).await?;
    ///     let redeem = async |sp: &mut Tx<'_, Sqlite>| -> Result<(), dbop::Error> {
    ///         sqlx::query("INSERT INTO redeemed (coupon) VALUES (?)").bind(coupon).execute(&mut *sp).await?;
    ///         Ok(())
    ///     };
    ///     Ok(tx.savepoint(redeem).await.is_ok()) // a coupon that is used up leaves the order
    /// }
    /// ```
    ///
    /// A savepoint is never the unit of retry: after a serialization failure the whole
    /// transaction is replayed, whatever the closure's caller does with the error
    /// (<https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html>).
    ///
    /// # Errors
    ///
    /// The closure's error; or one made from [`dbop::Error`](crate::Error) if the savepoint could
    /// not be set or released.
    pub async fn savepoint<T, E, F>(&mut self, f: F) -> Result<T, E>
    where
        F: for<'t, 'd> AsyncFnOnce(&'t mut Tx<'d, DB>) -> Result<T, E>,
        E: DbError,
    {
        let mut savepoint = Savepoint::new(self.view.reborrow());
        savepoint.set().await?;
        let result = f(&mut Tx {
            view: savepoint.view(),
        })
        .await;
        savepoint.close(result.is_ok()).await?;
        result
    }

    /// Runs `hook` after this transaction has committed and given its connection back.
    ///
    /// Hooks run in order of registration, in the call that commits. A hook that fails is reported
    /// as a `tracing` event; it does not turn the commit into an error and does not stop the next.
    /// Hooks of attempts and savepoints that were rolled back are dropped.
    pub fn after_commit<F>(&mut self, hook: F)
    where
        F: Future<Output: HookResult> + Send + 'static,
    {
        self.tx().hooks.add(Outcome::Committed, hook);
    }

    /// Runs `hook` after the call has ended with this transaction rolled back for good: not after
    /// an attempt that is followed by another.
    pub fn after_rollback<F>(&mut self, hook: F)
    where
        F: Future<Output: HookResult> + Send + 'static,
    {
        self.tx().hooks.add(Outcome::RolledBack, hook);
    }

    /// Runs `hook` if the answer to COMMIT was lost, so that neither of the others can run.
    pub fn on_unknown<F>(&mut self, hook: F)
    where
        F: Future<Output: HookResult> + Send + 'static,
    {
        self.tx().hooks.add(Outcome::Unknown, hook);
    }

    /// Whatever the body returns, nothing is committed; an `Ok` value is still returned. In a
    /// savepoint, this means the savepoint.
    pub fn set_rollback_only(&mut self) {
        let tx = self.tx();
        let depth = tx.depth;
        tx.mark_rollback_only(RollbackOnly {
            depth,
            failed: None,
        });
    }

    fn tx(&mut self) -> &mut TxState {
        let tx = self.view.state.tx.as_mut();
        tx.expect("a `Tx` is only made of a session with a transaction")
    }
}

impl<DB: Backend> fmt::Debug for Tx<'_, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx")
            .field("operation", &self.view.state.op.name)
            .finish_non_exhaustive()
    }
}

executor!(Tx);
