//! How Postgres reads SQL, and how statements are sent to it.

use std::fmt::Write;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx::postgres::{PgConnection, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{AssertSqlSafe, Describe, Either, Executor, Postgres, Row, SqlSafeStr, SqlStr};

use super::begin::begin_sql;
use crate::backend::dialect::{BatchedForms, BeginOptions, CommentSyntax, Dialect, KnownDatabase};
use crate::backend::driver::{self, Driver};
use crate::backend::statement::Statement;
use crate::isolation::Isolation;
use crate::rt::milliseconds;

/// A setting of every transaction that dbop begins, which lasts until that transaction ends. It
/// tells the transaction from another one that a statement of the body has begun.
const MARKER: &str = "SET LOCAL dbop.transaction = 'open'";

impl Dialect for Postgres {
    const DATABASE: KnownDatabase = KnownDatabase::Postgres;
    #[cfg(all(feature = "sqlite", feature = "postgres"))]
    type Choice = crate::backend::choice::OnPostgres;
    const DEFAULT_ISOLATION: Isolation = Isolation::ReadCommitted;
    const ERROR_ABORTS: bool = true;
    const SELECTS_ONLY_READ: bool = false;
    const COMMENTS: CommentSyntax = CommentSyntax { nest: true };
    const READ_ONLY_OFF: &'static str = "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE";
    const BATCHED: BatchedForms = BatchedForms {
        read: "`WHERE id = ANY($1)` with an array, or a join",
        insert: "`INSERT .. SELECT * FROM UNNEST($1::bigint[], $2::text[])`, with one array for each \
                 column, or `QueryBuilder::push_values`",
        update: "`UPDATE t SET x = n.x FROM UNNEST($1::bigint[], $2::text[]) AS n (id, x) WHERE t.id \
                 = n.id`",
    };
    const GUARDS_TRANSACTIONS: bool = false;

    /// Puts `BEGIN` and its settings into one message, so that the settings cost no round trip.
    fn begin_sql(conn: &PgConnection, begin: &BeginOptions) -> SqlStr {
        let mut sql = begin_sql(
            begin.isolation,
            begin.read_only,
            begin.deferrable,
            begin.statement_timeout,
            begin.foreign,
        );
        let version = || conn.server_version_num().unwrap_or_default();
        if begin.foreign && version() >= 140_000 {
            // A session that dbop opens has this setting from the start. It makes a statement
            // end soon after its caller has gone away, and its locks with it.
            sql.push_str("; SET LOCAL client_connection_check_interval = 100");
        }
        if let Some(limit) = begin.transaction_timeout
            && version() >= 170_000
        {
            let ms = milliseconds(limit);
            let _ = write!(sql, "; SET LOCAL transaction_timeout = {ms}");
        }
        if let Some(limit) = begin.idle_timeout {
            let ms = milliseconds(limit);
            let _ = write!(
                sql,
                "; SET LOCAL idle_in_transaction_session_timeout = {ms}"
            );
        }
        if sql == "BEGIN" {
            const PLAIN: &str = "BEGIN; SET LOCAL dbop.transaction = 'open'";
            return PLAIN.into_sql_str();
        }
        let _ = write!(sql, "; {MARKER}");
        AssertSqlSafe(sql).into_sql_str()
    }
}

impl Driver for Postgres {
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

    fn changed(done: &PgQueryResult) -> u64 {
        done.rows_affected()
    }

    fn texts(texts: &[&str]) -> sqlx::Result<Self::Arguments> {
        driver::texts(texts)
    }

    fn text(row: &Self::Row, column: usize) -> sqlx::Result<Option<String>> {
        row.try_get(column)
    }
}
