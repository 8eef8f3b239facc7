//! What an error leaves of a session of Postgres, and how a session is made fit for the next call.

use std::time::Duration;

use sqlx::postgres::{PgConnection, PgDatabaseError, PgSeverity};
use sqlx::{Connection, Executor, Postgres};
use sqlx_core::transaction::TransactionManager;

use crate::backend::recovery::Recovery;
use crate::classify;
use crate::error::{Category, Class, Kind, Outcome, Retry};

type Manager = <Postgres as sqlx::Database>::TransactionManager;

impl Recovery for Postgres {
    // Twice and a half `client_connection_check_interval`.
    const UNTIL_ENDED: Duration = Duration::from_millis(250);

    /// A call that may write and is told that it may not (25006) has reached a server that was
    /// demoted to a standby; its next connection finds the new primary.
    fn refine(class: Class, writes: bool) -> Class {
        if writes && class.kind == Kind::ReadOnly {
            Class {
                category: Category::Transient,
                kind: Kind::ReadOnly,
                retry: Retry::Always,
            }
        } else {
            class
        }
    }

    /// An ERROR in answer to `COMMIT` means that it was rolled back. Where the session ended
    /// instead (class 08, 57P0x, a lost connection), or the server itself says that it does not
    /// know (40003), nothing is certain, unless the session had ended before the `COMMIT` was read.
    fn outcome_of_failed_commit(error: &sqlx::Error) -> Outcome {
        let class = classify::sqlx(error);
        let answered = class.category != Category::Ambiguous && Self::has_answered(error);
        if answered || class.ended_while_idle() {
            Outcome::RolledBack
        } else {
            Outcome::Unknown
        }
    }

    /// FATAL and PANIC end the session whatever their code is
    /// (<https://www.postgresql.org/docs/current/runtime-config-logging.html#RUNTIME-CONFIG-SEVERITY-LEVELS>).
    fn ends_session(error: &sqlx::Error) -> bool {
        let severity = error
            .as_database_error()
            .and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
            .map(PgDatabaseError::severity);
        matches!(severity, Some(PgSeverity::Fatal | PgSeverity::Panic))
            || classify::sqlx(error).kind.ends_session()
    }

    async fn forget_plans(conn: &mut PgConnection) -> sqlx::Result<()> {
        conn.clear_cached_statements().await
    }

    /// Never: a statement still running on it may otherwise land after the next attempt. The
    /// server notices that it was closed within `client_connection_check_interval`.
    async fn recover(_: &mut PgConnection) -> bool {
        false
    }

    /// One message that is silent where no transaction is open, and closes one that is. In an
    /// aborted one it fails.
    async fn leave_transaction(conn: &mut PgConnection) -> bool {
        Manager::get_transaction_depth(conn) == 0 && conn.execute("BEGIN; ROLLBACK").await.is_ok()
    }

    /// One message. A session's own settings are those that it was opened with, so `RESET` finds
    /// them again; roles are not among the settings that `RESET ALL` knows
    /// (<https://www.postgresql.org/docs/current/sql-reset.html>).
    async fn reset_session(conn: &mut PgConnection, _: bool) -> bool {
        const RESET: &str = "BEGIN; ROLLBACK; RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL;
            CLOSE ALL; UNLISTEN *; SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES";
        Manager::get_transaction_depth(conn) == 0 && conn.execute(RESET).await.is_ok()
    }
}
