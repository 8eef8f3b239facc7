//! SQLite: one writer, many readers, and a transaction that an error may or may not have ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteQueryResult, SqliteRow};
use sqlx::sqlite::{SqliteConnection, SqliteStatement, SqliteTypeInfo};
use sqlx::{ConnectOptions, Describe, Either, Executor, Row, SqlSafeStr, SqlStr, Sqlite};
use sqlx_core::transaction::TransactionManager;

use super::sealed::Driver;
use super::{Begin, Liveness, Origin, Plan, Plans};
use crate::classify::{self, Kind};
use crate::error::{Outcome, Result};
use crate::isolation::Isolation;
use crate::settings::Settings;
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

impl Driver for Sqlite {
    const SYSTEM: &'static str = "sqlite";
    const DEFAULT_ISOLATION: Isolation = Isolation::Serializable;
    const ERROR_ABORTS: bool = false;
    const READ_ONLY_ON: &'static str = "PRAGMA query_only = ON";
    const READ_ONLY_OFF: &'static str = "PRAGMA query_only = OFF";
    const GUARDS_TRANSACTIONS: bool = true;
    const UNTIL_ENDED: Duration = Duration::ZERO;
    const ONE_WRITER: bool = true;
    const CAN_STOP: bool = true;
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

    async fn stop_on(conn: &mut SqliteConnection, stop: Arc<AtomicBool>) -> sqlx::Result<()> {
        let mut handle = conn.lock_handle().await?;
        // It may have been meant for a connection before this one, of a runtime that is gone.
        stop.store(false, Ordering::Relaxed);
        // `swap`, so that what runs next, the rollback, is not stopped as well.
        handle.set_progress_handler(STEPS_BETWEEN_LOOKS, move || {
            !stop.swap(false, Ordering::Relaxed)
        });
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
        let origin = file.clone().map(Origin::file).unwrap_or_default();
        let plan = |options, size| Plan {
            options,
            size,
            apart: true,
            keep_forever: file.is_none(),
            origin: origin.clone(),
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
