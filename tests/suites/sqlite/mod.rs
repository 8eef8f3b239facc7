//! SQLite.

pub(crate) type Database = sqlx::Sqlite;
pub(crate) use dbop_tests::sqlite::{fresh_with, outside};

mod bad_input;
mod cancelled;
#[path = "../common/mod.rs"]
mod common;
mod deadlines;
mod guard;
mod late_failures;
mod locks;
mod opaque;
mod probe;
mod replay;
mod session_state;
mod streams;
mod swallowed;

/// Keeps every other session from writing to `accounts`, until `ROLLBACK`.
pub(crate) const LOCK_OUT: &str = "BEGIN IMMEDIATE";
/// The code of the error that others get then.
pub(crate) const LOCK_CODE: &str = "5";
/// Makes a session soon give up waiting for a lock.
pub(crate) const HURRY: &str = "PRAGMA busy_timeout = 100";

/// A URL whose sessions soon give up waiting for a lock; those of dbop do anyway.
pub(crate) fn impatient_url(url: &str) -> String {
    url.to_owned()
}

/// Any error aborts the transaction.
pub(crate) const ABORTS: bool = false;

/// Texts that end the transaction and begin another one.
pub(crate) const REOPENS: [&str; 5] = [
    "COMMIT; BEGIN IMMEDIATE",
    "ROLLBACK; BEGIN",
    "END; BEGIN",
    "/* /* */ COMMIT; BEGIN",
    "SELECT '/*'; COMMIT; BEGIN",
];

/// A statement that nothing but an interrupt ends.
pub(crate) const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
/// One that takes a moment.
pub(crate) const BRIEF: &str = "WITH RECURSIVE n(i) AS \
    (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT count(*) FROM n";

/// How long a statement may wait for a lock: the one limit that SQLite knows.
pub(crate) async fn statement_limit(conn: &mut sqlx::SqliteConnection) -> i64 {
    let limit = sqlx::query_scalar("PRAGMA busy_timeout");
    limit.fetch_one(conn).await.expect("the setting")
}

/// `db.system.name` of its spans.
pub(crate) const SYSTEM: &str = "sqlite";

/// What is said of the writer that is in use.
pub(crate) const EXHAUSTED: [&str; 2] = ["the one connection that writes", "another process"];
