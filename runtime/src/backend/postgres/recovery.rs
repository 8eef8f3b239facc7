//! What an error does to a session of Postgres, and how a session is made fit for the next call.

use std::time::Duration;

use sqlx::postgres::{PgConnection, PgDatabaseError, PgSeverity};
use sqlx::{Connection, Executor, Postgres};
use sqlx_core::transaction::TransactionManager;

use crate::backend::deadlock::Deadlock;
use crate::backend::recovery::{OpenedWith, Recovery};
use crate::classify;
use crate::error::{Category, Class, ErrorKind, Outcome};

type Transactions = <Postgres as sqlx::Database>::TransactionManager;

impl Recovery for Postgres {
    // Two and a half times `client_connection_check_interval`.
    const UNTIL_ENDED: Duration = Duration::from_millis(250);

    /// A call that may write, and is told that the transaction is read-only (25006), has reached a
    /// server that was demoted to a standby.
    fn refine(class: Class, writes: bool) -> Class {
        match writes && class.kind == ErrorKind::ReadOnly {
            true => Class::DEMOTED,
            false => class,
        }
    }

    /// An ERROR in answer to `COMMIT` means that the transaction was rolled back. If the session
    /// ended instead (class 08, 57P0x, a lost connection), or if the server itself does not know
    /// (40003), the outcome is unknown, unless the session had ended before the `COMMIT` was read.
    fn outcome_of_failed_commit(error: &sqlx::Error) -> Outcome {
        let class = classify::sqlx(error);
        let answered = class.category != Category::Ambiguous && Self::has_answered(error);
        if answered || class.ended_while_idle() {
            Outcome::RolledBack
        } else {
            Outcome::Unknown
        }
    }

    /// FATAL and PANIC end the session whatever their code
    /// (<https://www.postgresql.org/docs/current/runtime-config-logging.html#RUNTIME-CONFIG-SEVERITY-LEVELS>).
    fn ends_session(error: &sqlx::Error) -> bool {
        let severity = error
            .as_database_error()
            .and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
            .map(PgDatabaseError::severity);
        matches!(severity, Some(PgSeverity::Fatal | PgSeverity::Panic))
            || classify::sqlx(error).kind.ends_session()
    }

    fn deadlock(error: &sqlx::Error) -> Option<Deadlock> {
        let error = error.as_database_error()?;
        let error = error.try_downcast_ref::<PgDatabaseError>()?;
        let detail = error.detail().filter(|_| error.code() == "40P01")?;
        Some(Deadlock::of_detail(detail))
    }

    async fn last_statements(
        conn: &mut PgConnection,
        processes: &[i32],
    ) -> sqlx::Result<Vec<String>> {
        let texts = "SELECT query FROM pg_stat_activity WHERE pid = ANY($1) AND query IS NOT NULL";
        sqlx::query_scalar(texts)
            .bind(processes)
            .fetch_all(conn)
            .await
    }

    async fn forget_plans(conn: &mut PgConnection) -> sqlx::Result<()> {
        conn.clear_cached_statements().await
    }

    /// Always has the connection closed: a statement that still runs on it might otherwise take
    /// effect after the next attempt. The server notices within `client_connection_check_interval`
    /// that the connection was closed.
    async fn recover(_: &mut PgConnection) -> bool {
        false
    }

    /// Sends one message that ends an open transaction, and causes no warning if none is open. In
    /// an aborted transaction the message fails.
    async fn leave_transaction(conn: &mut PgConnection) -> bool {
        Transactions::get_transaction_depth(conn) == 0
            && conn.execute("BEGIN; ROLLBACK").await.is_ok()
    }

    const RESETS_TO_OPTIONS: bool = true;

    /// Sends one message. `RESET ALL` restores the settings with which the session was opened.
    /// Roles are not among them, so they are reset separately
    /// (<https://www.postgresql.org/docs/current/sql-reset.html>).
    async fn reset_session(conn: &mut PgConnection, _: OpenedWith) -> bool {
        const RESET: &str = "BEGIN; ROLLBACK; RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL;
            CLOSE ALL; UNLISTEN *; SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES";
        Transactions::get_transaction_depth(conn) == 0 && conn.execute(RESET).await.is_ok()
    }

    /// Sends one message. `RESET` restores the values of the start of the session, which dbop has
    /// sent.
    async fn restore_limits(conn: &mut PgConnection, _: bool) -> sqlx::Result<()> {
        const RESTORE: &str = "BEGIN; ROLLBACK; RESET statement_timeout;
            RESET idle_in_transaction_session_timeout; RESET client_connection_check_interval;
            RESET default_transaction_read_only";
        conn.execute(RESTORE).await.map(drop)
    }
}
