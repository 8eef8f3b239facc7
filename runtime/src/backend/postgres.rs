//! Postgres: settings that travel with `BEGIN`, and a transaction that any error aborts.

use std::fmt::Write;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgDatabaseError, PgQueryResult, PgRow};
use sqlx::postgres::{PgSeverity, PgStatement, PgTypeInfo};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Describe, Either, Executor, Postgres, Row,
    SqlSafeStr, SqlStr,
};

use sqlx_core::transaction::TransactionManager;

use super::sealed::Driver;
use super::{Begin, DatabaseFile, Liveness, Plan, Plans, wrong_scheme};
use crate::classify::{self, Category, Class, Kind, Retry};
use crate::error::{Error, Outcome, Result};
use crate::isolation::Isolation;
use crate::rt::milliseconds;
use crate::settings::Settings;
use crate::signals::Signals;
use crate::sql::Dialect;
use crate::statement::Statement;

/// Set in every transaction that dbop begins, until that transaction ends: so the transaction is known
/// from another one that a statement of the body has begun.
const MARKER: &str = "SET LOCAL dbop.transaction = 'open'";

const URL_FORM: &str = "write `postgres://user:password@host:5432/database`";

type Manager = <Postgres as sqlx::Database>::TransactionManager;

impl Driver for Postgres {
    const SYSTEM: &'static str = "postgresql";
    const DEFAULT_ISOLATION: Isolation = Isolation::ReadCommitted;
    const ERROR_ABORTS: bool = true;
    const READ_ONLY_OFF: &'static str = "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE";
    const GUARDS_TRANSACTIONS: bool = false;
    // Twice and a half `client_connection_check_interval`.
    const UNTIL_ENDED: Duration = Duration::from_millis(250);
    const ONE_WRITER: bool = false;
    const DIALECT: Dialect = Dialect {
        comments_nest: true,
    };
    const REMOTE: bool = true;
    const FINISHES_UNREAD: bool = true;
    const SELECTS_ONLY_READ: bool = false;
    // Closing the connection stops what runs on it.
    const HAS_SIGNALS: bool = false;
    // The lock, because two sessions that make one table at the same time get a unique violation
    // on the catalog, `IF NOT EXISTS` or not.
    const ONCE_SCHEMA: &'static str =
        "SELECT pg_advisory_xact_lock(hashtextextended('dbop_once', 0));
        CREATE TABLE IF NOT EXISTS dbop_once (
            op TEXT NOT NULL,
            key TEXT NOT NULL,
            fp TEXT NOT NULL,
            result TEXT,
            created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
            PRIMARY KEY (op, key)
        );
        CREATE INDEX IF NOT EXISTS dbop_once_created_at ON dbop_once (created_at)";
    // Not a cast to text, which depends on the session's time zone and date style.
    const ONCE_SET: &'static str = "INSERT INTO dbop_once (op, key, fp) VALUES ($1, $2, $3)
        ON CONFLICT (op, key) DO NOTHING
        RETURNING to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')";
    const ONCE_READ: &'static str = "SELECT fp, result,
            to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')
        FROM dbop_once WHERE op = $1 AND key = $2";
    const ONCE_CLEAN_UP: &'static str = "DELETE FROM dbop_once WHERE (op, key) IN (
            SELECT op, key FROM dbop_once WHERE created_at < now() - INTERVAL '7 days'
            LIMIT 500 FOR UPDATE SKIP LOCKED
        )";

    fn fetch_many<'e>(
        conn: &'e mut PgConnection,
        statement: Statement<Self>,
    ) -> BoxStream<'e, sqlx::Result<Either<PgQueryResult, PgRow>>> {
        conn.fetch_many(statement)
    }

    fn fetch_optional<'e>(
        conn: &'e mut PgConnection,
        statement: Statement<Self>,
    ) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>> {
        conn.fetch_optional(statement)
    }

    fn prepare_with<'e>(
        conn: &'e mut PgConnection,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<PgStatement>> {
        conn.prepare_with(sql, parameters)
    }

    fn describe(
        conn: &mut PgConnection,
        sql: SqlStr,
    ) -> BoxFuture<'_, sqlx::Result<Describe<Self>>> {
        conn.describe(sql)
    }

    async fn run(conn: &mut PgConnection, sql: SqlStr) -> sqlx::Result<u64> {
        conn.execute(sql).await.map(|done| done.rows_affected())
    }

    fn texts(texts: &[&str]) -> sqlx::Result<Self::Arguments> {
        super::texts(texts)
    }

    fn text(row: &Self::Row, column: usize) -> sqlx::Result<Option<String>> {
        row.try_get(column)
    }

    /// `BEGIN` and its settings in one message, so that they cost no round trip of their own.
    fn begin_sql(conn: &PgConnection, begin: &Begin) -> SqlStr {
        let mut sql = super::begin_sql(
            begin.isolation,
            begin.read_only,
            begin.deferrable,
            begin.statement_timeout,
        );
        if let Some(limit) = begin.statement_timeout {
            let ms = milliseconds(limit);
            let version = conn.server_version_num().unwrap_or_default();
            if begin.foreign && version >= 140_000 {
                // What a session of ours has from the start: a statement whose caller goes away
                // ends soon, and its locks with it.
                let _ = write!(sql, "; SET LOCAL client_connection_check_interval = 100");
            }
            if version >= 170_000 {
                let _ = write!(sql, "; SET LOCAL transaction_timeout = {ms}");
            }
        }
        if sql == "BEGIN" {
            const PLAIN: &str = "BEGIN; SET LOCAL dbop.transaction = 'open'";
            return PLAIN.into_sql_str();
        }
        let _ = write!(sql, "; {MARKER}");
        AssertSqlSafe(sql).into_sql_str()
    }

    async fn liveness(conn: &mut PgConnection) -> Liveness {
        let ask = sqlx::raw_sql("SELECT current_setting('dbop.transaction', true)");
        let answer = match ask.fetch_one(conn).await {
            Ok(row) => row.try_get::<Option<String>, _>(0),
            Err(error) => Err(error),
        };
        match answer {
            Ok(Some(marker)) if marker == "open" => Liveness::Open,
            Ok(_) => Liveness::Ended,
            Err(error) => Liveness::Failed(error),
        }
    }

    /// Whatever is sent next, the driver first reads what is left of the answer before.
    async fn drain(conn: &mut PgConnection) -> sqlx::Result<()> {
        conn.ping().await
    }

    async fn make_read_only(conn: &mut PgConnection) -> sqlx::Result<bool> {
        let sql = "SHOW default_transaction_read_only;
            SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";
        let before = sqlx::raw_sql(sql).fetch_one(conn).await?;
        Ok(before.try_get::<String, _>(0)? == "on")
    }

    /// The `statement_timeout` before: a number with its unit, or 0.
    type RawLimit = String;

    /// By `SHOW`, which is no query: a transaction of the caller's may yet have to choose its isolation.
    async fn limit_raw(conn: &mut PgConnection, limit: Duration) -> sqlx::Result<String> {
        let sql = format!(
            "SHOW statement_timeout; SET statement_timeout = {}",
            milliseconds(limit)
        );
        let before = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(conn).await?;
        before.try_get(0)
    }

    /// The server does that.
    fn stop_at_limit(_: &String) {}

    async fn lift_limit(conn: &mut PgConnection, before: String) -> sqlx::Result<()> {
        // Reads what is left of the answer to a statement that was cut off, whose error is not news.
        let _ = conn.ping().await;
        let sql = format!("SET statement_timeout = '{before}'");
        conn.execute(AssertSqlSafe(sql)).await.map(drop)
    }

    async fn limit_statements(conn: &mut PgConnection, limit: Duration) -> sqlx::Result<()> {
        let sql = format!("SET statement_timeout = {}", milliseconds(limit));
        conn.execute(AssertSqlSafe(sql)).await.map(drop)
    }

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

    async fn connect_signals(_: &mut PgConnection, _: Arc<Signals>, _: bool) -> sqlx::Result<()> {
        Ok(())
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

    fn plans(url: &str, settings: &Settings) -> Result<Plans<Self>> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(wrong_scheme(url, "Postgres", URL_FORM));
        }
        let ms = |duration| milliseconds(duration).to_string();
        let options = PgConnectOptions::from_str(url)
            .map_err(|error| Error::from(error).advise(URL_FORM))?
            .log_statements(settings.statement_log_level())
            .options([
                ("statement_timeout", ms(settings.statement_timeout)),
                (
                    "idle_in_transaction_session_timeout",
                    ms(settings.idle_in_transaction_timeout),
                ),
                ("client_connection_check_interval", "100".to_owned()),
            ]);
        let readers = options
            .clone()
            .options([("default_transaction_read_only", "on")]);
        let plan = |options| Plan {
            options,
            size: settings.connections(),
            apart: false,
            keep_forever: false,
            file: DatabaseFile::default(),
        };
        Ok(Plans {
            write: plan(options),
            read: Some(plan(readers)),
            create: None,
        })
    }

    fn place(options: &PgConnectOptions) -> String {
        format!("{}:{}", options.get_host(), options.get_port())
    }

    fn advice(kind: Kind, options: &PgConnectOptions) -> String {
        let place = Self::place(options);
        let user = options.get_username();
        match kind {
            Kind::Authentication => {
                format!("{place} refused user `{user}`; check user and password in the URL")
            }
            Kind::UndefinedObject => format!(
                "{place} has no database `{}`; create it, or correct the URL",
                options.get_database().unwrap_or(user)
            ),
            Kind::TooManyConnections => format!(
                "{place} has no connection left; make the pools smaller or `max_connections` larger"
            ),
            _ => format!("cannot connect to {place}; is the server running and reachable?"),
        }
    }
}
