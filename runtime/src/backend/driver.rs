//! [`Driver`]: how a statement is sent.

use std::fmt::Debug;
use std::future::Future;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx::{Database, Describe, Either, SqlStr};

use super::statement::Statement;

/// The connection of a database, as dbop sends statements over it.
pub trait Driver: Database + Debug {
    /// `Executor::fetch_many` of this driver's connection.
    fn fetch_many<'e>(
        conn: &'e mut Self::Connection,
        statement: Statement<Self>,
    ) -> BoxStream<'e, sqlx::Result<Either<Self::QueryResult, Self::Row>>>;

    /// `Executor::fetch_optional` of this driver's connection.
    fn fetch_optional<'e>(
        conn: &'e mut Self::Connection,
        statement: Statement<Self>,
    ) -> BoxFuture<'e, sqlx::Result<Option<Self::Row>>>;

    /// `Executor::prepare_with` of this driver's connection.
    fn prepare_with<'e>(
        conn: &'e mut Self::Connection,
        sql: SqlStr,
        parameters: &'e [Self::TypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<Self::Statement>>;

    /// `Executor::describe` of this driver's connection.
    fn describe(
        conn: &mut Self::Connection,
        sql: SqlStr,
    ) -> BoxFuture<'_, sqlx::Result<Describe<Self>>>;

    /// Runs statements that take no arguments and return nothing, and says how many rows they
    /// changed.
    fn run(
        conn: &mut Self::Connection,
        sql: SqlStr,
    ) -> impl Future<Output = sqlx::Result<u64>> + Send;

    /// The same for one statement of dbop's own that is run again and again on a connection,
    /// which may keep it prepared.
    fn run_again(
        conn: &mut Self::Connection,
        sql: SqlStr,
    ) -> impl Future<Output = sqlx::Result<u64>> + Send {
        Self::run(conn, sql)
    }

    /// These texts as the arguments of a statement.
    fn texts(texts: &[&str]) -> sqlx::Result<Self::Arguments>;

    /// The text in one column of a row.
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
