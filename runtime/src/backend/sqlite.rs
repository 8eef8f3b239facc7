//! SQLite: one writer, many readers, and a transaction that an error may or may not have ended.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::TryStreamExt;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteQueryResult, SqliteRow};
use sqlx::sqlite::{SqliteConnection, SqliteStatement, SqliteTypeInfo};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Describe, Either, Executor, Row, SqlSafeStr, SqlStr, Sqlite,
};
use sqlx_core::transaction::TransactionManager;

use super::sealed::Driver;
use super::{Begin, DatabaseFile, Liveness, Plan, Plans};
use crate::classify::{self, Kind};
use crate::error::{Outcome, Result};
use crate::isolation::Isolation;
use crate::settings::Settings;
use crate::signals::Signals;
use crate::sql::Dialect;
use crate::statement::Statement;

mod url;

use url::Named;

type Manager = <Sqlite as sqlx::Database>::TransactionManager;

/// How long SQLite itself waits for another process's lock. Short, because its wait blocks the
/// connection's thread, is not fair and cannot be cancelled; beyond it our own loop waits.
const BUSY_TIMEOUT: Duration = Duration::from_millis(250);

/// Steps of SQLite's machine between two looks at whether to stop: some ten microseconds.
const STEPS_BETWEEN_LOOKS: i32 = 1000;

/// Each reader is a thread; more of them than this read no faster.
const MOST_READERS: u32 = 256;

/// What stops the statement on a caller's own connection.
#[derive(Debug)]
pub struct RawLimit {
    signals: Arc<Signals>,
    is_ours: bool,
}

/// The signals of the connections of our pools. A connection is known again by the name of a collation
/// that it has: nothing else of a connection can be set and read and means nothing to its user.
static MARKED: Mutex<Vec<(u64, Weak<Signals>)>> = Mutex::new(Vec::new());

const MARK: &str = "dbop_connection_";

/// The name of a collation for a connection with these signals.
fn mark(signals: &Arc<Signals>) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut all = MARKED.lock().unwrap_or_else(PoisonError::into_inner);
    // A lane has one connection at a time, so an earlier one with these signals is gone.
    let this = Arc::downgrade(signals);
    all.retain(|(_, each)| each.strong_count() > 0 && !each.ptr_eq(&this));
    all.push((number, this));
    format!("{MARK}{number}")
}

/// The signals that a connection has, if it is one of our pools'.
async fn marked(conn: &mut SqliteConnection) -> sqlx::Result<Option<Arc<Signals>>> {
    let sql = "SELECT name FROM pragma_collation_list WHERE name LIKE 'dbop_connection_%'";
    let name = sqlx::query_scalar::<_, String>(sql)
        .fetch_optional(conn)
        .await?;
    let number = name.as_deref().and_then(|name| name.strip_prefix(MARK));
    let Some(number) = number.and_then(|number| number.parse::<u64>().ok()) else {
        return Ok(None);
    };
    let all = MARKED.lock().unwrap_or_else(PoisonError::into_inner);
    let found = all.iter().find(|(each, _)| *each == number);
    Ok(found.and_then(|(_, signals)| signals.upgrade()))
}

impl Driver for Sqlite {
    const SYSTEM: &'static str = "sqlite";
    const DEFAULT_ISOLATION: Isolation = Isolation::Serializable;
    const ERROR_ABORTS: bool = false;
    const READ_ONLY_OFF: &'static str = "PRAGMA query_only = OFF";
    const GUARDS_TRANSACTIONS: bool = true;
    const UNTIL_ENDED: Duration = Duration::ZERO;
    const ONE_WRITER: bool = true;
    const DIALECT: Dialect = Dialect {
        comments_nest: false,
    };
    const REMOTE: bool = false;
    // It is reset at the row that was read last, and that commits what it has done so far.
    const FINISHES_UNREAD: bool = false;
    const SELECTS_ONLY_READ: bool = true;
    const HAS_SIGNALS: bool = true;
    const ONCE_SCHEMA: &'static str = "CREATE TABLE IF NOT EXISTS dbop_once (
            op TEXT NOT NULL,
            key TEXT NOT NULL,
            fp TEXT NOT NULL,
            result TEXT,
            created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
            PRIMARY KEY (op, key)
        ) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS dbop_once_created_at ON dbop_once (created_at)";
    const ONCE_SET: &'static str = "INSERT INTO dbop_once (op, key, fp) VALUES ($1, $2, $3)
        ON CONFLICT (op, key) DO NOTHING
        RETURNING created_at";
    const ONCE_READ: &'static str = "SELECT fp, result,
            created_at
        FROM dbop_once WHERE op = $1 AND key = $2";
    const ONCE_CLEAN_UP: &'static str = "DELETE FROM dbop_once WHERE (op, key) IN (
            SELECT op, key FROM dbop_once
            WHERE created_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-7 days')
            LIMIT 500
        )";

    fn fetch_many<'e>(
        conn: &'e mut SqliteConnection,
        statement: Statement<Self>,
    ) -> BoxStream<'e, sqlx::Result<Either<SqliteQueryResult, SqliteRow>>> {
        conn.fetch_many(statement)
    }

    fn fetch_optional<'e>(
        conn: &'e mut SqliteConnection,
        statement: Statement<Self>,
    ) -> BoxFuture<'e, sqlx::Result<Option<SqliteRow>>> {
        conn.fetch_optional(statement)
    }

    fn prepare_with<'e>(
        conn: &'e mut SqliteConnection,
        sql: SqlStr,
        parameters: &'e [SqliteTypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<SqliteStatement>> {
        conn.prepare_with(sql, parameters)
    }

    fn describe(
        conn: &mut SqliteConnection,
        sql: SqlStr,
    ) -> BoxFuture<'_, sqlx::Result<Describe<Self>>> {
        conn.describe(sql)
    }

    async fn run(conn: &mut SqliteConnection, sql: SqlStr) -> sqlx::Result<u64> {
        conn.execute(sql).await.map(|done| done.rows_affected())
    }

    async fn run_again(conn: &mut SqliteConnection, sql: SqlStr) -> sqlx::Result<u64> {
        // Kept prepared, unlike a bare text. Never a PRAGMA: some take effect when they are prepared,
        // and only then (<https://www.sqlite.org/pragma.html>).
        let done = sqlx::query(sql).execute(conn).await?;
        Ok(done.rows_affected())
    }

    fn texts(texts: &[&str]) -> sqlx::Result<Self::Arguments> {
        super::texts(texts)
    }

    fn text(row: &Self::Row, column: usize) -> sqlx::Result<Option<String>> {
        row.try_get(column)
    }

    /// A writer takes the lock at once: a transaction that reads first and writes later fails with
    /// BUSY_SNAPSHOT when another wrote in between
    /// (<https://www.sqlite.org/lang_transaction.html>).
    fn begin_sql(_: &SqliteConnection, begin: &Begin) -> SqlStr {
        if begin.read_only {
            "BEGIN".into_sql_str()
        } else {
            "BEGIN IMMEDIATE".into_sql_str()
        }
    }

    /// Neither the error code nor the message tells whether SQLite rolled the transaction back
    /// (13, 1555, 1811 and 9 occur both ways), and sqlx does not expose the autocommit flag. A
    /// `BEGIN` does tell: it is refused inside a transaction, and where it is accepted there was
    /// none any more. That one is rolled back again, which leaves connection and driver clean.
    async fn liveness(conn: &mut SqliteConnection) -> Liveness {
        match conn.execute("BEGIN").await {
            Err(sqlx::Error::Database(e)) if e.message().contains("within a transaction") => {
                Liveness::Open
            }
            Err(error) => Liveness::Failed(error),
            Ok(_) => {
                let rolled_back = match Manager::get_transaction_depth(conn) {
                    0 => conn.execute("ROLLBACK").await.map(drop),
                    _ => Manager::rollback(conn).await,
                };
                rolled_back.map_or_else(Liveness::Failed, |()| Liveness::Ended)
            }
        }
    }

    async fn drain(_: &mut SqliteConnection) -> sqlx::Result<()> {
        Ok(())
    }

    async fn make_read_only(conn: &mut SqliteConnection) -> sqlx::Result<bool> {
        let sql = "PRAGMA query_only; PRAGMA query_only = ON";
        let mut before = None;
        let mut rows = sqlx::raw_sql(sql).fetch(conn);
        while let Some(row) = rows.try_next().await? {
            before.get_or_insert(row.try_get(0)?);
        }
        Ok(before.unwrap_or(false))
    }

    type RawLimit = RawLimit;

    async fn limit_raw(conn: &mut SqliteConnection, _: Duration) -> sqlx::Result<RawLimit> {
        if let Some(signals) = marked(conn).await? {
            // One of our pools', whose handlers are there, and could not be put back.
            return Ok(RawLimit {
                signals,
                is_ours: true,
            });
        }
        let signals = Arc::<Signals>::default();
        Self::connect_signals(conn, Arc::clone(&signals), false).await?;
        Ok(RawLimit {
            signals,
            is_ours: false,
        })
    }

    fn stop_at_limit(limit: &RawLimit) {
        limit.signals.stop();
    }

    async fn lift_limit(conn: &mut SqliteConnection, limit: RawLimit) -> sqlx::Result<()> {
        // Had from the connection, so that nothing runs on it any more.
        let mut handle = conn.lock_handle().await?;
        limit.signals.clear_stop();
        if !limit.is_ours {
            handle.remove_progress_handler();
        }
        Ok(())
    }

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

    async fn connect_signals(
        conn: &mut SqliteConnection,
        signals: Arc<Signals>,
        ours: bool,
    ) -> sqlx::Result<()> {
        // One lock for all handlers: a second one right after the first may never be had.
        let mut handle = conn.lock_handle().await?;
        // An order to stop may have been meant for a connection before this one, of a runtime that
        // is gone.
        signals.clear_stop();
        if ours {
            handle.create_collation(&mark(&signals), str::cmp)?;
            let (of_commit, of_rollback) = (Arc::clone(&signals), Arc::clone(&signals));
            handle.set_commit_hook(move || {
                of_commit.committed();
                true
            });
            handle.set_rollback_hook(move || of_rollback.rolled_back());
            signals.will_report_ends();
        }
        handle.set_progress_handler(STEPS_BETWEEN_LOOKS, move || !signals.take_stop());
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

    fn is_in_memory(options: &SqliteConnectOptions) -> bool {
        !options.get_filename().exists()
    }

    fn plans(url: &str, settings: &Settings) -> Result<Plans<Self>> {
        let Named {
            options,
            file,
            create,
        } = Named::by(url)?;
        let options = options
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .log_statements(settings.statement_log_level());
        let database_file = file.clone().map(DatabaseFile::file).unwrap_or_default();
        let plan = |options, size| Plan {
            options,
            size,
            apart: true,
            keep_forever: file.is_none(),
            file: database_file.clone(),
        };
        let Some(file) = &file else {
            return Ok(Plans {
                write: plan(options, 1),
                read: None,
                create: None,
            });
        };
        let mut options = options.journal_mode(SqliteJournalMode::Wal);
        let mut first = None;
        if create {
            first = (!file.exists()).then(|| options.clone());
            options = options.create_if_missing(false);
        }
        let readers = options
            .clone()
            .create_if_missing(false)
            .pragma("query_only", "ON");
        Ok(Plans {
            write: plan(options, 1),
            read: Some(plan(readers, settings.connections().min(MOST_READERS))),
            create: first,
        })
    }

    fn place(options: &SqliteConnectOptions) -> String {
        format!("`{}`", options.get_filename().display())
    }

    fn advice(_: Kind, options: &SqliteConnectOptions) -> String {
        let path = options.get_filename();
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let missing = folder.filter(|folder| !folder.exists());
        let file = path.display();
        if path.exists() {
            format!(
                "`{file}` is there but cannot be used as a database; is it one, and may this process read and write it?"
            )
        } else if let Some(folder) = missing {
            let folder = folder.display();
            format!(
                "`{file}` cannot be there, as its folder `{folder}` does not exist; make that first"
            )
        } else {
            format!("`{file}` does not exist; add `?mode=rwc` to the URL to create it")
        }
    }
}
