//! [`Tx`]: a transaction, lent to the body of a `#[transactional]`.

use std::fmt;
use std::future::Future;

use super::executor::executor;
use super::hooks::HookResult;
use super::loan;
use super::savepoint::Savepoint;
use super::tx_state::TxState;
use super::view::View;
use crate::backend::Backend;
use crate::error::Outcome;
use crate::op::DbError;

/// An open transaction. It commits when the body returns `Ok`, and rolls back when the body returns
/// `Err`, panics or is dropped.
///
/// `&mut Tx` is a sqlx `Executor`: pass `&mut *tx` where sqlx wants one. Pass `&mut *tx` also to
/// another operation, which then joins this transaction:
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
    /// Returns the driver's connection, for helpers that take one. Helpers that take an `impl
    /// Acquire` can be called with `&mut *tx` itself, and helpers that take a
    /// [`sqlx::Transaction`] inside [`with_sqlx`](Self::with_sqlx).
    ///
    /// dbop does not see what is sent over this connection, so it asks the server for the state of
    /// the transaction before the commit. What may be left in the session is undone as after
    /// [`Conn::conn`](crate::Conn::conn).
    ///
    /// Do not begin, commit or roll back over this connection. If that has ended the transaction,
    /// dbop notices at the end of the body, and the call fails with [`Outcome::Unknown`]. There is
    /// one case on Postgres in which dbop cannot notice: another transaction was begun over the
    /// connection and has failed since. The call then reports [`Outcome::RolledBack`], although the
    /// work of the first transaction may be in the database.
    pub fn conn(&mut self) -> &mut DB::Connection {
        self.view.raw()
    }

    /// Runs `f` in a savepoint. If `f` returns `Err`, only the work of `f` is undone, and the
    /// transaction goes on.
    ///
    /// Write out the closure's return type, because nothing else fixes the type of its error:
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
    /// transaction is replayed, whatever the body does with the closure's error
    /// (<https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html>).
    ///
    /// # Errors
    ///
    /// Returns the closure's error. Returns an error made from [`dbop::Error`](crate::Error) if the
    /// savepoint could not be set or released, or if its work had to be undone although the closure
    /// returned `Ok`.
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

    /// Runs `f` in a savepoint that is a [`sqlx::Transaction`], for helpers and libraries that take
    /// one. The savepoint is kept if `f` returns `Ok`. If `f` returns `Err`, only the work of `f` is
    /// undone, and the transaction goes on.
    ///
    /// Write out the closure's return type, because nothing else fixes the type of its error:
    ///
    /// ```
    /// # use dbop::{Tx, transactional};
    /// # use sqlx::{Sqlite, Transaction};
    /// /// A helper of a library.
    /// async fn enqueue(tx: &mut Transaction<'_, Sqlite>, job: &str) -> sqlx::Result<()> {
    ///     sqlx::query("INSERT INTO jobs (name) VALUES (?)").bind(job).execute(&mut **tx).await?;
    ///     Ok(())
    /// }
    ///
    /// #[transactional]
    /// async fn order(tx: &mut Tx<'_, Sqlite>, id: i64) -> Result<(), dbop::Error> {
    ///     sqlx::query("INSERT INTO orders (id) VALUES (?)").bind(id).execute(&mut *tx).await?;
    ///     tx.with_sqlx(async |t: &mut Transaction<'_, Sqlite>| -> Result<(), dbop::Error> {
    ///         Ok(enqueue(&mut *t, "send the receipt").await?)
    ///     })
    ///     .await
    /// }
    /// ```
    ///
    /// dbop does not see what `f` sends, so what [`conn`](Self::conn) says of the raw connection
    /// holds here: do not end the transaction by the text of a statement, and expect
    /// [`Outcome::Unknown`] if the deadline passes inside `f`. Hooks are not touched.
    ///
    /// A savepoint is never the unit of retry: if `f` returns a serialization failure, the whole
    /// transaction is replayed, whatever the body does with that error. If this future is dropped
    /// before its end, the whole transaction is rolled back.
    ///
    /// # Errors
    ///
    /// Returns the closure's error. Returns an error made from [`dbop::Error`](crate::Error) if the
    /// savepoint could not be set or released, or if its work was undone although the closure
    /// returned `Ok`, for example because the closure did not return the error of a statement.
    pub async fn with_sqlx<T, E, F>(&mut self, f: F) -> Result<T, E>
    where
        F: for<'t, 'd> AsyncFnOnce(&'t mut sqlx::Transaction<'d, DB>) -> Result<T, E>,
        E: DbError,
    {
        loan::with_sqlx::<DB, _, _, _>(self.view.reborrow(), f).await
    }

    /// Runs `hook` after this transaction has committed and given its connection back.
    ///
    /// Hooks run in order of registration, in the call that commits. A hook that fails is reported
    /// as a `tracing` event; it does not turn the commit into an error and does not stop the next
    /// hook. Hooks that were registered in an attempt or a savepoint that was rolled back are
    /// dropped.
    pub fn after_commit<F>(&mut self, hook: F)
    where
        F: Future<Output: HookResult> + Send + 'static,
    {
        self.tx().hooks.add(Outcome::Committed, hook);
    }

    /// Runs `hook` after the call has ended with this transaction rolled back. The hook does not
    /// run after an attempt that is followed by another one.
    ///
    /// Order, failures and savepoints are treated as for [`after_commit`](Self::after_commit).
    pub fn after_rollback<F>(&mut self, hook: F)
    where
        F: Future<Output: HookResult> + Send + 'static,
    {
        self.tx().hooks.add(Outcome::RolledBack, hook);
    }

    /// Runs `hook` after the call has ended without knowing whether this transaction was committed,
    /// for example because the answer to COMMIT was lost. The hooks of
    /// [`after_commit`](Self::after_commit) and [`after_rollback`](Self::after_rollback) do not run
    /// then.
    ///
    /// Order, failures and savepoints are treated as for [`after_commit`](Self::after_commit).
    pub fn on_unknown<F>(&mut self, hook: F)
    where
        F: Future<Output: HookResult> + Send + 'static,
    {
        self.tx().hooks.add(Outcome::Unknown, hook);
    }

    /// Makes the transaction roll back, whatever the body returns. The caller still gets the body's
    /// `Ok` value. In a savepoint, only the work of the savepoint is undone.
    pub fn set_rollback_only(&mut self) {
        self.tx().mark_rollback_only(None);
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
