//! How SQLite reads SQL, and how statements are sent to it.

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx::sqlite::{
    SqliteConnection, SqliteQueryResult, SqliteRow, SqliteStatement, SqliteTypeInfo,
};
use sqlx::{Describe, Either, Executor, Row, SqlSafeStr, SqlStr, Sqlite};

use crate::backend::dialect::{BatchedForms, BeginOptions, CommentSyntax, Dialect, KnownDatabase};
use crate::backend::driver::{self, Driver};
use crate::backend::statement::Statement;
use crate::isolation::Isolation;

impl Dialect for Sqlite {
    const DATABASE: KnownDatabase = KnownDatabase::Sqlite;
    #[cfg(all(feature = "sqlite", feature = "postgres"))]
    type Choice = crate::backend::choice::OnSqlite;
    const DEFAULT_ISOLATION: Isolation = Isolation::Serializable;
    const ERROR_ABORTS: bool = false;
    const SELECTS_ONLY_READ: bool = true;
    const COMMENTS: CommentSyntax = CommentSyntax { nest: false };
    const READ_ONLY_OFF: &'static str = "PRAGMA query_only = OFF";
    const BATCHED: BatchedForms = BatchedForms {
        read: "`WHERE id IN (SELECT value FROM json_each(?))`, or a join",
        insert: "`QueryBuilder::push_values`, in chunks of some hundred rows",
        update: "`UPDATE t SET x = n.value ->> 'x' FROM json_each(?) AS n WHERE t.id = n.value ->> 'id'`",
    };
    const GUARDS_TRANSACTIONS: bool = true;

    /// Takes the write lock right away if the transaction may write. A transaction that reads first
    /// and writes later fails with BUSY_SNAPSHOT if another has written in between
    /// (<https://www.sqlite.org/lang_transaction.html>).
    fn begin_sql(_: &SqliteConnection, begin: &BeginOptions) -> SqlStr {
        if begin.read_only {
            "BEGIN".into_sql_str()
        } else {
            "BEGIN IMMEDIATE".into_sql_str()
        }
    }
}

impl Driver for Sqlite {
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
        // A query is kept prepared, unlike a plain text. It must not be a PRAGMA: some of those
        // take effect only when they are prepared (<https://www.sqlite.org/pragma.html>).
        let done = sqlx::query(sql).execute(conn).await?;
        Ok(done.rows_affected())
    }

    fn changed(done: &SqliteQueryResult) -> u64 {
        done.rows_affected()
    }

    fn texts(texts: &[&str]) -> sqlx::Result<Self::Arguments> {
        driver::texts(texts)
    }

    fn text(row: &Self::Row, column: usize) -> sqlx::Result<Option<String>> {
        row.try_get(column)
    }
}
