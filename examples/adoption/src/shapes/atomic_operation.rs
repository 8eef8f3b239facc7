//! A trait of the application's own or of a library, 4 % of real functions. dbop does not know how to
//! run statements on it, so the functions keep their signature and run once. What they get: the
//! error category, the counts, the span, and a deadline where one is named. The lint `no_session` is
//! silent, because a trait may be anything.

use sqlx::{Sqlite, SqliteConnection, Transaction, query, query_scalar};

/// Whatever runs statements that belong together.
pub(crate) trait AtomicOperation: Send {
    fn as_connection(&mut self) -> &mut SqliteConnection;
}

impl AtomicOperation for Transaction<'_, Sqlite> {
    fn as_connection(&mut self) -> &mut SqliteConnection {
        self
    }
}

#[cfg_attr(feature = "dbop", dbop::db_op(timeout = "10s"))]
pub(crate) async fn record(op: &mut impl AtomicOperation, entry: &str) -> sqlx::Result<i64> {
    let record = query_scalar("INSERT INTO journal (entry) VALUES (?) RETURNING id");
    record.bind(entry).fetch_one(op.as_connection()).await
}

#[cfg_attr(feature = "dbop", dbop::db_op)]
pub(crate) async fn strike(op: &mut impl AtomicOperation, entry: i64) -> sqlx::Result<u64> {
    let strike = query("DELETE FROM journal WHERE id = ?").bind(entry);
    Ok(strike.execute(op.as_connection()).await?.rows_affected())
}
