//! What an error does to a session of SQLite, and how a session is made fit for the next call.

use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Executor, Sqlite};
use sqlx_core::transaction::TransactionManager;

use crate::backend::recovery::{OpenedWith, Recovery};
use crate::backend::session_control::{Liveness, SessionControl};
use crate::classify;
use crate::error::{ErrorKind, Outcome};

type Transactions = <Sqlite as sqlx::Database>::TransactionManager;

impl Recovery for Sqlite {
    const UNTIL_ENDED: Duration = Duration::ZERO;

    /// A `COMMIT` that SQLite refuses leaves the transaction open or rolls it back. After an I/O
    /// error, however, the journal may or may not have reached the disk.
    fn outcome_of_failed_commit(error: &sqlx::Error) -> Outcome {
        match error {
            sqlx::Error::Database(_)
                if !matches!(
                    classify::sqlx(error).kind,
                    ErrorKind::Io | ErrorKind::Corrupt
                ) =>
            {
                Outcome::RolledBack
            }
            _ => Outcome::Unknown,
        }
    }

    fn ends_session(error: &sqlx::Error) -> bool {
        matches!(error, sqlx::Error::WorkerCrashed)
    }

    /// A constraint with `ON CONFLICT FAIL` and a trigger's `RAISE(FAIL)` keep the changes made
    /// before them (<https://www.sqlite.org/lang_conflict.html>). The statement's text does not
    /// show this, but `changes()` does.
    async fn has_kept_rows(conn: &mut SqliteConnection) -> bool {
        // `changes()` does not count changes made by triggers. They can only be kept if there is a
        // trigger, and FAIL stands somewhere in the schema. The schemas of attached databases are
        // not read: one that is attached counts as if it kept changes.
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

    /// Does nothing, because SQLite prepares statements again by itself.
    async fn forget_plans(_: &mut SqliteConnection) -> sqlx::Result<()> {
        Ok(())
    }

    /// Rolls back instead of having the connection closed, which would destroy a database in
    /// memory. The driver's thread takes commands in order, so this waits for a statement that
    /// still runs.
    async fn recover(conn: &mut SqliteConnection) -> bool {
        Self::leave_transaction(conn).await
    }

    async fn leave_transaction(conn: &mut SqliteConnection) -> bool {
        // More than one level is open if a body used the raw connection's own `begin`.
        while Transactions::get_transaction_depth(conn) > 0 {
            if roll_back_level(conn).await.is_err()
                && !matches!(Self::liveness(conn).await, Liveness::Ended)
            {
                return false;
            }
        }
        // The driver remembers a COMMIT or ROLLBACK whose answer nobody waited for, and skips the
        // next rollback of a dropped transaction because of it. This rollback is there to be
        // skipped.
        Transactions::start_rollback(conn);
        // The driver does not count a transaction that was begun by a statement's text.
        match Self::liveness(conn).await {
            Liveness::Ended => true,
            Liveness::Open => conn.execute("ROLLBACK").await.is_ok(),
            Liveness::Failed(_) => false,
        }
    }

    const RESETS_TO_OPTIONS: bool = false;

    /// Restores the settings that decide what a statement means, detaches other files, and drops
    /// temporary tables. Settings that only decide how fast a statement is stay as they are.
    ///
    /// With options of the application's, this is only asked of a database in memory, whose
    /// connection cannot be closed. The driver does not tell which settings these options hold, so
    /// settings stay as they are then.
    async fn reset_session(conn: &mut SqliteConnection, opened: OpenedWith) -> bool {
        // Foreign keys stay off until all temporary tables are gone, because dropping a table may
        // violate them.
        const RESET: &str = "PRAGMA query_only = OFF; PRAGMA foreign_keys = OFF;
            PRAGMA defer_foreign_keys = OFF; PRAGMA ignore_check_constraints = OFF;
            PRAGMA recursive_triggers = OFF; PRAGMA case_sensitive_like = OFF;
            PRAGMA legacy_alter_table = OFF; PRAGMA reverse_unordered_selects = OFF;
            PRAGMA writable_schema = OFF; PRAGMA read_uncommitted = OFF;
            PRAGMA full_column_names = OFF; PRAGMA short_column_names = ON;
            PRAGMA count_changes = OFF; PRAGMA busy_timeout = 250;
            PRAGMA locking_mode = NORMAL; PRAGMA max_page_count = 4294967294";
        // SQLite itself quotes the names. `IF EXISTS`, because an object may have gone with one
        // that was dropped before. The journal mode of a database in memory is reset here; a
        // database in a file has the journal mode of its file.
        const LEFT: &str = "SELECT 'DETACH ' || format('\"%w\"', name)
                FROM pragma_database_list WHERE name NOT IN ('main', 'temp')
            UNION ALL SELECT 'DROP ' || type || ' IF EXISTS temp.' || format('\"%w\"', name)
                FROM sqlite_temp_master
                WHERE type IN ('trigger', 'view', 'table') AND substr(name, 1, 7) <> 'sqlite_'
            UNION ALL SELECT 'PRAGMA main.journal_mode = MEMORY'
                FROM pragma_database_list WHERE name = 'main' AND file = ''";
        let sets = !opened.own_options;
        if !Self::leave_transaction(conn).await || sets && conn.execute(RESET).await.is_err() {
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
        let again = match opened.read_only {
            true => "PRAGMA foreign_keys = ON; PRAGMA query_only = ON",
            false => "PRAGMA foreign_keys = ON",
        };
        !sets || conn.execute(again).await.is_ok()
    }

    async fn restore_limits(conn: &mut SqliteConnection, read_only: bool) -> sqlx::Result<()> {
        const LEFT_OPEN: &str = "a transaction could not be rolled back";
        if !Self::leave_transaction(conn).await {
            return Err(sqlx::Error::Protocol(LEFT_OPEN.to_owned()));
        }
        let limits = match read_only {
            true => "PRAGMA busy_timeout = 250; PRAGMA query_only = ON",
            false => "PRAGMA busy_timeout = 250",
        };
        conn.execute(limits).await.map(drop)
    }
}

/// Rolls back the innermost of the transactions and savepoints that the driver counts.
///
/// A savepoint may be gone although the driver counts it, for example because an outer one was
/// released. Going back to another savepoint of that name makes the driver count one less.
pub(super) async fn roll_back_level(conn: &mut SqliteConnection) -> sqlx::Result<()> {
    let depth = Transactions::get_transaction_depth(conn);
    if depth > 1 {
        let set = format!("SAVEPOINT _sqlx_savepoint_{}", depth - 1);
        conn.execute(AssertSqlSafe(set)).await?;
    }
    Transactions::rollback(conn).await
}
