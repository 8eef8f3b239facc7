//! Calls inside somebody else's transaction.

use tracing::{Instrument, field};

use super::call::{Operation, category};
use super::dialect::Dialect;

/// A transaction, which may have been spoiled for good.
pub(crate) struct Tx<'c, DB: Dialect> {
    pub(crate) conn: &'c mut DB::Connection,
    /// Whether a joined call has failed, or was dropped half-way. Nothing of the transaction may
    /// then be committed.
    pub(super) spoiled: bool,
}

impl<'c, DB: Dialect> Tx<'c, DB> {
    pub(crate) fn new(conn: &'c mut DB::Connection) -> Self {
        Self {
            conn,
            spoiled: false,
        }
    }
}

fn refused() -> sqlx::Error {
    sqlx::Error::Protocol("a part of this transaction has failed: it is rolled back".into())
}

/// Runs a body in the transaction, with a span and a count. If the body fails, the transaction is
/// spoiled.
pub(super) async fn join<DB: Dialect, T>(
    operation: &'static Operation,
    tx: &mut Tx<'_, DB>,
    body: impl AsyncFnOnce(&mut DB::Connection) -> sqlx::Result<T>,
) -> sqlx::Result<T> {
    if tx.spoiled {
        return Err(refused());
    }
    let span = operation.span();
    let result = body(tx.conn).instrument(span.clone()).await;
    if let Err(error) = &result {
        span.record("error.type", field::debug(category::<DB>(error)));
        tx.spoiled = true;
    }
    operation.count_joined();
    result
}

/// Runs a body in a savepoint, which is undone alone when the body fails. The driver's `begin` is
/// not used: it counts the savepoint as open before the statement has run, so that a drop at this
/// point would roll back the whole transaction and let later statements commit by themselves.
pub(super) async fn nest<DB: Dialect, T>(
    operation: &'static Operation,
    tx: &mut Tx<'_, DB>,
    body: impl AsyncFnOnce(&mut DB::Connection) -> sqlx::Result<T>,
) -> sqlx::Result<T> {
    if tx.spoiled {
        return Err(refused());
    }
    let span = operation.span();
    // The transaction counts as spoiled until the end of the savepoint has been seen.
    tx.spoiled = true;
    let conn = &mut *tx.conn;
    let work = async {
        DB::say_again(conn, "SAVEPOINT nested").await?;
        let result = body(&mut *conn).await;
        if result.is_err() {
            DB::say_again(conn, "ROLLBACK TO SAVEPOINT nested").await?;
        }
        DB::say_again(conn, "RELEASE SAVEPOINT nested").await?;
        Ok::<_, sqlx::Error>(result)
    };
    let result = work.instrument(span.clone()).await;
    tx.spoiled = result.is_err();
    let result = result.flatten();
    if let Err(error) = &result {
        span.record("error.type", field::debug(category::<DB>(error)));
    }
    operation.count_joined();
    result
}
