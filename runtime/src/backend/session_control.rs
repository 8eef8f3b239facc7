//! [`SessionControl`]: what dbop asks of an open session, and what it tells that session.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Database;

use super::signals::Signals;
use crate::isolation::Isolation;

/// Whether the transaction that dbop began is still open on its connection.
#[derive(Debug)]
pub enum Liveness {
    /// The transaction is open.
    Open,
    /// The transaction has ended, and another one may have begun.
    Ended,
    /// The session could not answer.
    Failed(sqlx::Error),
}

/// Questions to an open session, and limits for it.
pub trait SessionControl: Database {
    /// Whether a statement runs to its end even if nobody reads its rows any more.
    /// [`drain`](Self::drain) then tells how it ended.
    const FINISHES_UNREAD: bool;

    /// Whether a connection can take [`Signals`], with which its running statement can be stopped.
    const HAS_SIGNALS: bool;

    /// Asks whether the transaction that [`begin_sql`](super::Dialect::begin_sql) began is still
    /// open.
    fn liveness(conn: &mut Self::Connection) -> impl Future<Output = Liveness> + Send;

    /// Whether a `BEGIN` or `SAVEPOINT` whose future is dropped half-way is undone by the driver.
    const UNDOES_DROPPED_BEGIN: bool;

    /// Prepares a transaction of the caller's for a savepoint of the driver's, when sqlx counts `outer`
    /// transactions and savepoints. Returns the isolation level of that transaction.
    ///
    /// On Postgres, this sets a floor: a savepoint with the name of the one that follows. The driver
    /// does not release a savepoint to which it has rolled back, so an older one of that name may be
    /// there. If the end of the call's savepoint is dropped half-way, the rollback that follows goes
    /// back to the floor and no further.
    fn lay_floor(
        conn: &mut Self::Connection,
        outer: usize,
    ) -> impl Future<Output = sqlx::Result<Isolation>> + Send;

    /// Orders the release of the floor, once no rollback can need it any more. The order's answer is
    /// read before the next statement on the connection.
    fn remove_floor(conn: &mut Self::Connection, outer: usize) {
        let _ = (conn, outer);
    }

    /// Whether a transaction is open that was begun by the text of a statement, so that sqlx does not
    /// count it. `false` where a `BEGIN` inside of a transaction is refused anyway.
    fn begun_by_text(
        conn: &mut Self::Connection,
    ) -> impl Future<Output = sqlx::Result<bool>> + Send {
        let _ = conn;
        std::future::ready(Ok(false))
    }

    /// Orders the rollback of a transaction whose `BEGIN` was dropped half-way, when sqlx counted
    /// none. The order is sent before the next statement on the connection.
    fn undo_dropped_begin(conn: &mut Self::Connection) {
        let _ = conn;
    }

    /// Rolls back what was done since sqlx counted `outer` transactions and savepoints.
    fn roll_back_to(
        conn: &mut Self::Connection,
        outer: usize,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Orders the rollback of the transaction or savepoint that was begun when sqlx counted `outer`
    /// of them. The order is sent before the next statement on the connection. The future that was
    /// to end the transaction may have been dropped half-way.
    fn roll_back_later(conn: &mut Self::Connection, outer: usize);

    /// Ends a session in which sqlx has lost transactions: it should count `outer`. Every later
    /// statement and `COMMIT` then fails. Does nothing where that is never needed.
    fn end_session(conn: &mut Self::Connection, outer: usize) -> impl Future<Output = ()> + Send {
        let _ = (conn, outer);
        std::future::ready(())
    }

    /// Throws away the unread rows of a statement, and returns how the statement ended.
    fn drain(conn: &mut Self::Connection) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Makes a session read-only. Returns whether the session was read-only before.
    fn make_read_only(
        conn: &mut Self::Connection,
    ) -> impl Future<Output = sqlx::Result<bool>> + Send;

    /// Whether the database itself limits how long a statement may run.
    const LIMITS_STATEMENTS: bool;

    /// Sets how long each statement outside a transaction may run from now on, where the
    /// database has such a limit.
    fn limit_statements(
        conn: &mut Self::Connection,
        limit: Duration,
    ) -> impl Future<Output = sqlx::Result<()>> + Send {
        let _ = (conn, limit);
        std::future::ready(Ok(()))
    }

    /// A time limit that was set on a caller's own connection, with what it takes to lift it.
    type RawLimit: Debug + Send + Sync;

    /// Sets a time limit for statements on a caller's own connection.
    fn limit_raw(
        conn: &mut Self::Connection,
        limit: Duration,
    ) -> impl Future<Output = sqlx::Result<Self::RawLimit>> + Send;

    /// Orders the running statement to stop, unless the database ends it at the limit by itself.
    /// `only_reads`: the statement is known to write nothing. Otherwise it is not stopped where that
    /// would end a transaction of the caller's.
    fn stop_at_limit(limit: &Self::RawLimit, only_reads: bool);

    /// Waits until a statement that was cut off has ended, and lifts the limit.
    fn lift_limit(
        conn: &mut Self::Connection,
        limit: Self::RawLimit,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Makes a connection obey these signals. If `ours` says that dbop opened the connection, it
    /// also reports when its transactions end. On the application's own connections it does not,
    /// because the application may have set its own handlers for that.
    fn connect_signals(
        conn: &mut Self::Connection,
        signals: Arc<Signals>,
        ours: bool,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}
