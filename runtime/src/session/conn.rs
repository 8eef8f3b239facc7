//! [`Conn`]: one session, lent to the body of a `#[db_op]`.

use std::fmt;

use super::executor::executor;
use super::view::View;
use crate::backend::Backend;

/// A connection on which each statement commits by itself, or the transaction of the caller if
/// the operation was called with one.
///
/// `&mut Conn` is a sqlx `Executor`: pass `&mut *conn` where sqlx wants one. Every statement is
/// counted on its way, which is how dbop knows whether a failed body may run again.
///
/// ```
/// use dbop::{Conn, db_op};
/// use sqlx::Sqlite;
///
/// #[db_op(read_only)]
/// async fn balance(conn: &mut Conn<'_, Sqlite>, id: i64) -> Result<i64, dbop::Error> {
///     let cents = sqlx::query_scalar("SELECT cents FROM accounts WHERE id = ?");
///     Ok(cents.bind(id).fetch_one(&mut *conn).await?)
/// }
/// ```
pub struct Conn<'c, DB: Backend> {
    pub(crate) view: View<'c, DB>,
}

impl<DB: Backend> Conn<'_, DB> {
    /// Returns the driver's connection, for helpers that take one. Helpers that take an `impl
    /// Acquire` can be called with `&mut *conn` itself.
    ///
    /// dbop does not see what is sent over this connection. From here on it assumes that the body
    /// has had an effect, so the body is replayed only if it is `read_only` or `idempotent`. If the
    /// session is a transaction, dbop asks the server for its state before the commit.
    ///
    /// When the call has ended, a transaction that was begun over this connection and left open is
    /// rolled back before the connection is lent again. On a connection of a [`Db`](crate::Db),
    /// dbop also undoes whatever else may be left in the session: settings, roles, advisory locks,
    /// subscriptions, temporary tables. That takes one message on Postgres. A statement that was
    /// prepared by name stays.
    pub fn conn(&mut self) -> &mut DB::Connection {
        self.view.raw()
    }
}

impl<DB: Backend> fmt::Debug for Conn<'_, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conn")
            .field("operation", &self.view.state.op.name)
            .finish_non_exhaustive()
    }
}

executor!(Conn);
