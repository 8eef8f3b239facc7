//! Asks a database, and tells what it answers.

use std::fmt::Debug;

use dbop::{AnyDb, Conn, ErrorKind, Tx, db_op, transactional};
use sqlx::{AssertSqlSafe, Decode, Encode, Postgres, Sqlite, Type, query, query_scalar, raw_sql};

/// A type that binds and is read on both databases.
pub(super) trait Value:
    Send
    + Sync
    + Unpin
    + Clone
    + Debug
    + PartialEq
    + 'static
    + for<'q> Encode<'q, Sqlite>
    + for<'r> Decode<'r, Sqlite>
    + Type<Sqlite>
    + for<'q> Encode<'q, Postgres>
    + for<'r> Decode<'r, Postgres>
    + Type<Postgres>
{
}

impl<T> Value for T where
    T: Send
        + Sync
        + Unpin
        + Clone
        + Debug
        + PartialEq
        + 'static
        + for<'q> Encode<'q, Sqlite>
        + for<'r> Decode<'r, Sqlite>
        + Type<Sqlite>
        + for<'q> Encode<'q, Postgres>
        + for<'r> Decode<'r, Postgres>
        + Type<Postgres>
{
}

/// Returns the answer to a statement without parameters, or the kind of its error.
pub(super) async fn get<T: Value>(db: &AnyDb, sql: &'static str) -> Result<T, ErrorKind> {
    #[db_op(on = [Sqlite, Postgres])]
    async fn get<T: Value>(conn: &mut Conn<'_, DB>, sql: &'static str) -> dbop::Result<T> {
        Ok(query_scalar(sql).fetch_one(&mut *conn).await?)
    }
    get(db, sql).await.map_err(|error| error.kind())
}

/// Runs statements, and returns the kind of their error.
pub(super) async fn run(db: &AnyDb, sql: &str) -> Result<(), ErrorKind> {
    #[transactional(on = [Sqlite, Postgres])]
    async fn run(tx: &mut Tx<'_, DB>, sql: &str) -> dbop::Result<()> {
        raw_sql(AssertSqlSafe(sql)).execute(&mut *tx).await?;
        Ok(())
    }
    run(db, sql).await.map_err(|error| error.kind())
}

/// Stores a value in a column of this type, and reads it back.
pub(super) async fn kept<T: Value>(db: &AnyDb, column: &str, value: T) -> Result<T, ErrorKind> {
    #[db_op(on = [Sqlite, Postgres])]
    async fn kept<T: Value>(conn: &mut Conn<'_, DB>, value: T) -> dbop::Result<T> {
        // Not kept as prepared: the next value has another type.
        let insert = query("INSERT INTO kept VALUES ($1)").persistent(false);
        insert.bind(value).execute(&mut *conn).await?;
        let kept = query_scalar("SELECT value FROM kept").persistent(false);
        Ok(kept.fetch_one(&mut *conn).await?)
    }
    run(
        db,
        &format!("DROP TABLE IF EXISTS kept; CREATE TABLE kept (value {column})"),
    )
    .await?;
    kept(db, value).await.map_err(|error| error.kind())
}

/// Returns what is said of this database.
pub(super) fn on<T>(db: &AnyDb, sqlite: T, postgres: T) -> T {
    match db {
        AnyDb::Sqlite(_) => sqlite,
        AnyDb::Postgres(_) => postgres,
    }
}
