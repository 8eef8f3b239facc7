//! [`SessionControl`]: what dbop asks of an open session, and what it tells the session.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Database;

use super::signals::Signals;

/// Whether the transaction that dbop began is still open on its connection.
#[derive(Debug)]
pub enum Liveness {
    /// It is.
    Open,
    /// It has ended, and another one may have begun.
    Ended,
    /// The question failed.
    Failed(sqlx::Error),
}

/// Questions to an open session, and limits for it.
pub trait SessionControl: Database {
    /// A statement whose rows nobody reads any more runs to its end all the same, and
    /// [`drain`](Self::drain) tells how it ended.
    const FINISHES_UNREAD: bool;

    /// A connection takes [`Signals`], and with them orders to stop the statement that runs.
    const HAS_SIGNALS: bool;

    /// Asks whether the transaction that [`begin_sql`](Self::begin_sql) began is still open.
    fn liveness(conn: &mut Self::Connection) -> impl Future<Output = Liveness> + Send;

    /// Throws away the rows of a statement that was let go before its end, and says how the
    /// statement ended.
    fn drain(conn: &mut Self::Connection) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Makes a session read-only, and says whether it was so before.
    fn make_read_only(
        conn: &mut Self::Connection,
    ) -> impl Future<Output = sqlx::Result<bool>> + Send;

    /// Sets how long each statement outside a transaction may run from now on, where the
    /// database has such a limit.
    fn limit_statements(
        conn: &mut Self::Connection,
        limit: Duration,
    ) -> impl Future<Output = sqlx::Result<()>> + Send {
        let _ = (conn, limit);
        std::future::ready(Ok(()))
    }

    /// What is known of a limit that was set on a caller's own connection.
    type RawLimit: Debug + Send + Sync;

    /// Limits what runs on a caller's own connection from now on to this time.
    fn limit_raw(
        conn: &mut Self::Connection,
        limit: Duration,
    ) -> impl Future<Output = sqlx::Result<Self::RawLimit>> + Send;

    /// The statement that runs is to stop now, if the database does not end it by itself.
    fn stop_at_limit(limit: &Self::RawLimit);

    /// Waits for the end of a statement that was cut off, and lifts the limit.
    fn lift_limit(
        conn: &mut Self::Connection,
        limit: Self::RawLimit,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Makes a connection obey these signals, and report its ends of transactions if the
    /// connection is one of ours: the application may have set handlers of its own for those.
    fn connect_signals(
        conn: &mut Self::Connection,
        signals: Arc<Signals>,
        ours: bool,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}
