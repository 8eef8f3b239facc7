//! SQLite.

pub(crate) type Database = sqlx::Sqlite;
pub(crate) use dbop_tests::sqlite::{fresh_with, outside};

use super::common;

pub(crate) use self::jobs::{Ear, JOB_ROW, MADE_OLDER, NOW_MS};

mod bad_input;
mod callers_transaction;
mod cancelled;
mod connecting;
mod deadlines;
mod foreign_pools;
mod guard;
mod health;
mod jobs;
mod late_failures;
mod locks;
mod maintenance;
mod migrations;
mod opaque;
mod places;
mod probe;
mod replay;
mod session_settings;
mod session_state;
mod streams;
mod swallowed;

/// Keeps every other session from writing to `accounts`, until `ROLLBACK`.
pub(crate) const LOCK_OUT: &str = "BEGIN IMMEDIATE";
/// The code of the error that other sessions then get.
pub(crate) const LOCK_CODE: &str = "5";
/// A statement that makes a session soon give up waiting for a lock.
pub(crate) const HURRY: &str = "PRAGMA busy_timeout = 100";

/// Returns a URL whose sessions soon give up waiting for a lock. dbop's sessions do so anyway.
pub(crate) fn impatient_url(url: &str) -> String {
    url.to_owned()
}

/// The labels by which metrics say where the database at this URL is.
pub(crate) fn place_labels(_url: &str) -> Vec<(&'static str, String)> {
    vec![("db.namespace", "test.db".to_owned())]
}

/// The name of the database at this URL in the names of pools.
pub(crate) fn pool_name(url: &str) -> String {
    url.to_owned()
}

/// The code of the error of a row that is there already.
pub(crate) const UNIQUE_CODE: &str = "1555";

/// Whether any error aborts the transaction.
pub(crate) const ABORTS: bool = false;

/// Texts that end the transaction and begin another one.
pub(crate) const REOPENS: [&str; 5] = [
    "COMMIT; BEGIN IMMEDIATE",
    "ROLLBACK; BEGIN",
    "END; BEGIN",
    "/* /* */ COMMIT; BEGIN",
    "SELECT '/*'; COMMIT; BEGIN",
];

/// A statement that only an interrupt ends.
pub(crate) const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
/// A statement that takes a moment.
pub(crate) const BRIEF: &str = "WITH RECURSIVE n(i) AS \
    (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT count(*) FROM n";

/// Returns how long a statement may wait for a lock, which is the one limit that SQLite has.
pub(crate) async fn statement_limit(conn: &mut sqlx::SqliteConnection) -> i64 {
    let limit = sqlx::query_scalar("PRAGMA busy_timeout");
    limit.fetch_one(conn).await.expect("the setting")
}

/// Returns the handle if it is one of this database.
pub(crate) fn as_own(db: &dbop::AnyDb) -> Option<&dbop::Db<Database>> {
    db.as_sqlite()
}

/// The value of `db.system.name` in the spans.
pub(crate) const SYSTEM: &str = "sqlite";

/// Returns the fields of a span that say where the database of [`fresh_with`] is.
pub(crate) fn location(_: &str) -> [(&'static str, Option<String>); 3] {
    [
        ("server.address", None),
        ("server.port", None),
        ("db.namespace", Some("test.db".to_owned())),
    ]
}

/// The code of the error where the number of an account is taken.
pub(crate) const TAKEN_CODE: &str = "1555";

/// What the error says when the only connection that writes is in use.
pub(crate) const EXHAUSTED: [&str; 2] = ["the one connection that writes", "another process"];
