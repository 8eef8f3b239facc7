//! [`Driver`]: how statements are sent.

use std::fmt::Debug;
use std::future::Future;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx::{Database, Describe, Either, SqlStr};

use super::statement::Statement;

/// How dbop sends statements over the connection of a database.
pub trait Driver: Database + Debug {
    /// Calls `Executor::fetch_many` on this driver's connection.
    fn fetch_many<'e>(
        conn: &'e mut Self::Connection,
        statement: Statement<Self>,
    ) -> BoxStream<'e, sqlx::Result<Either<Self::QueryResult, Self::Row>>>;

    /// Calls `Executor::fetch_optional` on this driver's connection.
    fn fetch_optional<'e>(
        conn: &'e mut Self::Connection,
        statement: Statement<Self>,
    ) -> BoxFuture<'e, sqlx::Result<Option<Self::Row>>>;

    /// Calls `Executor::prepare_with` on this driver's connection.
    fn prepare_with<'e>(
        conn: &'e mut Self::Connection,
        sql: SqlStr,
        parameters: &'e [Self::TypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<Self::Statement>>;

    /// Calls `Executor::describe` on this driver's connection.
    fn describe(
        conn: &mut Self::Connection,
        sql: SqlStr,
    ) -> BoxFuture<'_, sqlx::Result<Describe<Self>>>;

    /// Runs statements that take no arguments and return no rows. Returns how many rows they
    /// changed.
    fn run(
        conn: &mut Self::Connection,
        sql: SqlStr,
    ) -> impl Future<Output = sqlx::Result<u64>> + Send;

    /// Like [`run`](Self::run), for one statement of dbop's own that is run again and again on a
    /// connection. The connection may keep the statement prepared.
    fn run_again(
        conn: &mut Self::Connection,
        sql: SqlStr,
    ) -> impl Future<Output = sqlx::Result<u64>> + Send {
        Self::run(conn, sql)
    }

    /// Returns how many rows a statement has changed.
    fn changed(done: &Self::QueryResult) -> u64;

    /// Returns `texts` as the arguments of a statement.
    fn texts(texts: &[&str]) -> sqlx::Result<Self::Arguments>;

    /// Returns the text in one column of a row, or `None` for NULL.
    fn text(row: &Self::Row, column: usize) -> sqlx::Result<Option<String>>;
}

/// Implements [`Driver::texts`] for every database.
pub(super) fn texts<A>(texts: &[&str]) -> sqlx::Result<A>
where
    A: sqlx::Arguments,
    for<'q> String: sqlx::Encode<'q, A::Database> + sqlx::Type<A::Database>,
{
    let mut arguments = A::default();
    for text in texts {
        let added = arguments.add((*text).to_owned());
        added.map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}
