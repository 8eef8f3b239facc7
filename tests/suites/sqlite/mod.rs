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

/// `db.system.name` of its spans.
pub(crate) const SYSTEM: &str = "sqlite";

/// What is said of the writer that is in use.
pub(crate) const EXHAUSTED: [&str; 2] = ["the one connection that writes", "another process"];
