//! [`Recovery`]: what an error means for a session, and how a session is made fit for the next call.

use std::future::Future;
use std::time::Duration;

use sqlx::Database;

use crate::error::{Class, Outcome};

/// The end of a session: what an error has left of it, and what is to be undone.
pub trait Recovery: Database {
    /// How long after a connection was lost the database has noticed that, and has ended what
    /// ran on it.
    const UNTIL_ENDED: Duration;

    /// What an error means for a call that may write (`writes`), where its code alone does
    /// not say.
    fn refine(class: Class, writes: bool) -> Class {
        let _ = writes;
        class
    }

    /// What an error of `COMMIT` says about the transaction's effect.
    fn outcome_of_failed_commit(error: &sqlx::Error) -> Outcome;

    /// Whether a connection ended with this error.
    fn ends_session(error: &sqlx::Error) -> bool;

    /// Whether an error is the answer of a server that goes on.
    fn has_answered(error: &sqlx::Error) -> bool {
        matches!(error, sqlx::Error::Database(_)) && !Self::ends_session(error)
    }

    /// Whether the statement that has just failed a constraint, outside a transaction, has left
    /// rows behind all the same.
    fn has_kept_rows(conn: &mut Self::Connection) -> impl Future<Output = bool> + Send {
        let _ = conn;
        std::future::ready(false)
    }

    /// Forgets what was prepared on a connection, for a schema that has changed since.
    fn forget_plans(conn: &mut Self::Connection) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Undoes whatever was left open or running on a connection. `false` if it has to be
    /// closed for that.
    fn recover(conn: &mut Self::Connection) -> impl Future<Output = bool> + Send;

    /// Leaves a transaction that may be open on a connection on which nothing runs. `false` if
    /// it has to be closed for that.
    fn leave_transaction(conn: &mut Self::Connection) -> impl Future<Output = bool> + Send;

    /// Undoes what calls may have left in the session of a connection of ours on which nothing
    /// runs: a transaction, settings, locks, subscriptions, temporary tables. `false` if the
    /// connection has to be closed for that. `read_only`: the session was opened so.
    fn reset_session(
        conn: &mut Self::Connection,
        read_only: bool,
    ) -> impl Future<Output = bool> + Send;
}
