//! [`Recovery`]: what an error does to a session, and how a session is made fit for the next call.

use std::future::Future;
use std::time::Duration;

use sqlx::Database;

use super::deadlock::Deadlock;
use crate::error::{Class, Outcome};

/// How dbop has opened a session.
#[derive(Clone, Copy, Debug)]
pub struct OpenedWith {
    pub(crate) read_only: bool,
    /// Whether the options of the connection are the application's, which may hold settings that
    /// cannot be read.
    pub(crate) own_options: bool,
}

/// What an error does to a session, and how a session is made fit for the next call.
pub trait Recovery: Database {
    /// The time after which the database has noticed that a connection was lost, and has ended the
    /// statement that ran on it.
    const UNTIL_ENDED: Duration;

    /// Corrects the class of an error whose meaning depends on whether the call may write
    /// (`writes`).
    fn refine(class: Class, writes: bool) -> Class {
        let _ = writes;
        class
    }

    /// Returns what an error of `COMMIT` says about the effect of the transaction.
    fn outcome_of_failed_commit(error: &sqlx::Error) -> Outcome;

    /// Whether the connection that reported this error is over.
    fn ends_session(error: &sqlx::Error) -> bool;

    /// Returns what the server says about a deadlock. `None` if the error is something else, or if the
    /// server says nothing more than that.
    fn deadlock(error: &sqlx::Error) -> Option<Deadlock> {
        let _ = error;
        None
    }

    /// Returns the texts that these processes of the server have sent last, as far as the role may see
    /// them.
    fn last_statements(
        conn: &mut Self::Connection,
        processes: &[i32],
    ) -> impl Future<Output = sqlx::Result<Vec<String>>> + Send {
        let _ = (conn, processes);
        std::future::ready(Ok(Vec::new()))
    }

    /// Whether an error is an answer of the server after which the session goes on.
    fn has_answered(error: &sqlx::Error) -> bool {
        matches!(error, sqlx::Error::Database(_)) && !Self::ends_session(error)
    }

    /// Whether a statement that has just violated a constraint, outside a transaction, has kept
    /// some of its changes nevertheless.
    fn has_kept_rows(conn: &mut Self::Connection) -> impl Future<Output = bool> + Send {
        let _ = conn;
        std::future::ready(false)
    }

    /// Forgets the statements prepared on a connection, because the schema has changed since.
    fn forget_plans(conn: &mut Self::Connection) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Undoes whatever was left open or running on a connection. `false` if the connection has to
    /// be closed instead.
    fn recover(conn: &mut Self::Connection) -> impl Future<Output = bool> + Send;

    /// Rolls back a transaction that may be open on a connection on which no statement runs.
    /// `false` if the connection has to be closed instead.
    fn leave_transaction(conn: &mut Self::Connection) -> impl Future<Output = bool> + Send;

    /// Whether [`reset_session`](Self::reset_session) puts settings back to what the options of the
    /// connection say, and not to what dbop's own options would say.
    const RESETS_TO_OPTIONS: bool;

    /// Undoes what calls may have left in a session that dbop has opened and on which no statement
    /// runs: a transaction, settings, locks, subscriptions, temporary tables. `false` if the
    /// connection has to be closed instead.
    fn reset_session(
        conn: &mut Self::Connection,
        opened: OpenedWith,
    ) -> impl Future<Output = bool> + Send;

    /// Puts the limits of a session that dbop has opened back to what they were then, after code of
    /// the application's has prepared the session, and rolls back a transaction that this code has
    /// left open. `read_only` says whether the session was opened read-only.
    fn restore_limits(
        conn: &mut Self::Connection,
        read_only: bool,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}
