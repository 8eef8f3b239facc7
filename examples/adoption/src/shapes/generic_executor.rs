//! A generic executor, 15 % of real functions. Each is annotated as it stands: called on a pool it
//! gets a session of its own and is retried, and on the caller's connection it runs once.

use sqlx::{Executor, Sqlite, SqliteExecutor, query, query_scalar};

/// Adds a member. One statement: retried if it was certainly not applied.
#[cfg_attr(feature = "dbop", dbop::db_op)]
pub(crate) async fn insert(
    executor: impl SqliteExecutor<'_>,
    name: &str,
    email: &str,
) -> sqlx::Result<i64> {
    let insert = "INSERT INTO members (name, email) VALUES (?, ?) RETURNING id";
    let insert = query_scalar(insert).bind(name).bind(email);
    insert.fetch_one(executor).await
}

#[cfg_attr(feature = "dbop", dbop::db_op(read_only))]
pub(crate) async fn find(
    executor: impl SqliteExecutor<'_>,
    email: &str,
) -> sqlx::Result<Option<i64>> {
    let find = query_scalar("SELECT id FROM members WHERE email = ?");
    find.bind(email).fetch_optional(executor).await
}

#[cfg_attr(feature = "dbop", dbop::db_op(read_only))]
pub(crate) async fn count<'e, E>(executor: E) -> sqlx::Result<i64>
where
    E: SqliteExecutor<'e>,
{
    query_scalar("SELECT COUNT(*) FROM members")
        .fetch_one(executor)
        .await
}

#[cfg_attr(feature = "dbop", dbop::db_op(idempotent))]
pub(crate) async fn block<'e, E: Executor<'e, Database = Sqlite>>(
    executor: E,
    id: i64,
) -> sqlx::Result<()> {
    let block = query("UPDATE members SET blocked = 1 WHERE id = ?").bind(id);
    executor.execute(block).await.map(|_| ())
}

#[cfg_attr(feature = "dbop", dbop::db_op(idempotent))]
pub(crate) async fn unblock<'e, E>(executor: E, id: i64) -> sqlx::Result<()>
where
    E: Executor<'e, Database = Sqlite>,
{
    let unblock = query("UPDATE members SET blocked = 0 WHERE id = ?").bind(id);
    unblock.execute(executor).await.map(|_| ())
}

#[cfg_attr(feature = "dbop", dbop::db_op(read_only))]
pub(crate) async fn blocked(
    executor: impl Executor<'_, Database = Sqlite>,
) -> sqlx::Result<Vec<String>> {
    let blocked = query_scalar("SELECT name FROM members WHERE blocked = 1 ORDER BY id");
    blocked.fetch_all(executor).await
}

/// Changes an address. As a transaction, it is replayed when it has rolled back.
#[cfg_attr(feature = "dbop", dbop::transactional)]
pub(crate) async fn change_email(
    executor: impl SqliteExecutor<'_>,
    id: i64,
    email: &str,
) -> sqlx::Result<u64> {
    let change = query("UPDATE members SET email = ? WHERE id = ?");
    let done = change.bind(email).bind(id).execute(executor).await?;
    Ok(done.rows_affected())
}

/// The executor may stand in any place.
#[cfg_attr(feature = "dbop", dbop::db_op(read_only))]
pub(crate) async fn name(id: i64, executor: impl SqliteExecutor<'_>) -> sqlx::Result<String> {
    let name = query_scalar("SELECT name FROM members WHERE id = ?");
    name.bind(id).fetch_one(executor).await
}
