//! What an error leaves of a session of SQLite, and how a session is made fit for the next call.

use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Executor, Sqlite};
use sqlx_core::transaction::TransactionManager;

use crate::backend::recovery::Recovery;
use crate::backend::session_control::{Liveness, SessionControl};
use crate::classify;
use crate::error::{Kind, Outcome};

type Manager = <Sqlite as sqlx::Database>::TransactionManager;

impl Recovery for Sqlite {
    const UNTIL_ENDED: Duration = Duration::ZERO;

    /// A `COMMIT` that SQLite refuses leaves the transaction open or rolls it back, except that
    /// after an I/O error the journal may or may not have reached the disk.
    fn outcome_of_failed_commit(error: &sqlx::Error) -> Outcome {
        match error {
            sqlx::Error::Database(_)
                if !matches!(classify::sqlx(error).kind, Kind::Io | Kind::Corrupt) =>
            {
                Outcome::RolledBack
            }
            _ => Outcome::Unknown,
        }
    }

    fn ends_session(error: &sqlx::Error) -> bool {
        matches!(error, sqlx::Error::WorkerCrashed)
    }

    /// A constraint `ON CONFLICT FAIL` and a trigger's `RAISE(FAIL)` keep what was changed before
    /// them, and the statement's text does not show it
    /// (<https://www.sqlite.org/lang_conflict.html>). `changes()` does.
    async fn has_kept_rows(conn: &mut SqliteConnection) -> bool {
        // Those of a trigger are not among them; only a schema that says FAIL somewhere keeps any.
        let kept = sqlx::query_scalar::<_, bool>(
            "SELECT changes() > 0
                OR EXISTS (SELECT 1 FROM pragma_database_list WHERE name NOT IN ('main', 'temp'))
                OR EXISTS (SELECT 1 FROM main.sqlite_master WHERE sql LIKE '%FAIL%'
                    UNION ALL SELECT 1 FROM sqlite_temp_master WHERE sql LIKE '%FAIL%')
                AND EXISTS (SELECT 1 FROM main.sqlite_master WHERE type = 'trigger'
                    UNION ALL SELECT 1 FROM sqlite_temp_master WHERE type = 'trigger')",
        );
        !matches!(kept.fetch_one(conn).await, Ok(false))
    }

    /// SQLite prepares again by itself.
    async fn forget_plans(_: &mut SqliteConnection) -> sqlx::Result<()> {
        Ok(())
    }

    /// Rolls back rather than close, which would destroy the database of `:memory:`. The driver's
    /// thread takes commands in order, so this waits for a statement that is still running.
    async fn recover(conn: &mut SqliteConnection) -> bool {
        Self::leave_transaction(conn).await
    }

    async fn leave_transaction(conn: &mut SqliteConnection) -> bool {
        // More than one level is open where a body used the raw connection's own `begin`.
        while Manager::get_transaction_depth(conn) > 0 {
            if Manager::rollback(conn).await.is_err()
                && !matches!(Self::liveness(conn).await, Liveness::Ended)
            {
                return false;
            }
        }
        // The driver remembers a COMMIT or ROLLBACK whose answer nobody waited for, and skips the
        // next rollback of a dropped transaction in its place. This one is there to be skipped.
        Manager::start_rollback(conn);
        // A transaction begun by its text is not among those the driver counts.
        match Self::liveness(conn).await {
            Liveness::Ended => true,
            Liveness::Open => conn.execute("ROLLBACK").await.is_ok(),
            Liveness::Failed(_) => false,
        }
    }

    /// Puts back the settings that decide what a statement means, takes other files off, and drops
    /// temporary tables. What only decides how fast a statement is stays.
    async fn reset_session(conn: &mut SqliteConnection, read_only: bool) -> bool {
        // Without foreign keys, which a table that is dropped may break, until all are gone.
        const RESET: &str = "PRAGMA query_only = OFF; PRAGMA foreign_keys = OFF;
            PRAGMA defer_foreign_keys = OFF; PRAGMA ignore_check_constraints = OFF;
            PRAGMA recursive_triggers = OFF; PRAGMA case_sensitive_like = OFF;
            PRAGMA legacy_alter_table = OFF; PRAGMA reverse_unordered_selects = OFF;
            PRAGMA writable_schema = OFF; PRAGMA read_uncommitted = OFF;
            PRAGMA full_column_names = OFF; PRAGMA short_column_names = ON;
            PRAGMA count_changes = OFF; PRAGMA busy_timeout = 250;
            PRAGMA locking_mode = NORMAL; PRAGMA max_page_count = 4294967294";
        // Names quoted by SQLite itself. What goes with another object need not be there any more. Only
        // a database in memory has no journal mode of its file.
        const LEFT: &str = "SELECT 'DETACH ' || format('\"%w\"', name)
                FROM pragma_database_list WHERE name NOT IN ('main', 'temp')
            UNION ALL SELECT 'DROP ' || type || ' IF EXISTS temp.' || format('\"%w\"', name)
                FROM sqlite_temp_master
                WHERE type IN ('trigger', 'view', 'table') AND substr(name, 1, 7) <> 'sqlite_'
            UNION ALL SELECT 'PRAGMA main.journal_mode = MEMORY'
                FROM pragma_database_list WHERE name = 'main' AND file = ''";
        if !Self::leave_transaction(conn).await || conn.execute(RESET).await.is_err() {
            return false;
        }
        let Ok(left) = sqlx::query_scalar::<_, String>(LEFT)
            .fetch_all(&mut *conn)
            .await
        else {
            return false;
        };
        for undo in left {
            if conn.execute(AssertSqlSafe(undo)).await.is_err() {
                return false;
            }
        }
        let again = match read_only {
            true => "PRAGMA foreign_keys = ON; PRAGMA query_only = ON",
            false => "PRAGMA foreign_keys = ON",
        };
        conn.execute(again).await.is_ok()
    }
}
