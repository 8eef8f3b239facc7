//! An extractor, 5 % of real functions: handlers to which a web framework gives the pool. Each is
//! annotated as it stands and keeps its signature, which the framework reads, so it has no session.
//! What it gets: the error category, the counts, the span, and a retry of the whole handler where it
//! is declared `read_only` or `idempotent`.

use sqlx::{SqlitePool, query, query_as};

/// What axum and others have under this name.
#[derive(Clone)]
pub(crate) struct State<T>(pub(crate) T);

#[cfg_attr(
    feature = "dbop",
    dbop::db_op(read_only, allow(no_session, reason = "a handler's signature"))
)]
pub(crate) async fn show_member(
    State(pool): State<SqlitePool>,
    id: i64,
) -> sqlx::Result<(String, String)> {
    let member = query_as("SELECT name, email FROM members WHERE id = ?");
    member.bind(id).fetch_one(&pool).await
}

#[cfg_attr(
    feature = "dbop",
    dbop::db_op(idempotent, allow(no_session, reason = "a handler's signature"))
)]
pub(crate) async fn set_name(
    State(pool): State<SqlitePool>,
    id: i64,
    name: String,
) -> sqlx::Result<()> {
    let set = query("UPDATE members SET name = ? WHERE id = ?");
    set.bind(name).bind(id).execute(&pool).await.map(|_| ())
}

/// A write that must not happen twice is not retried here. Its statement belongs into a function
/// with a session, which this handler calls.
#[cfg_attr(
    feature = "dbop",
    dbop::db_op(allow(no_session, reason = "a handler's signature"))
)]
pub(crate) async fn write_entry(State(pool): State<SqlitePool>, entry: String) -> sqlx::Result<()> {
    let write = query("INSERT INTO journal (entry) VALUES (?)").bind(entry);
    write.execute(&pool).await.map(|_| ())
}
