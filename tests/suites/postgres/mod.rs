//! Postgres, in the throwaway cluster that `tests/run` starts.

pub(crate) type Database = sqlx::Postgres;
pub(crate) use dbop_tests::postgres::{fresh_with, outside};

mod advisory;
mod bad_input;
#[path = "../common/mod.rs"]
mod common;
mod conflicts;
mod deadlines;
mod ended_sessions;
mod ends;
mod joins;
mod lost_answers;
mod nesting;
mod opaque;
mod outage;
mod plans;
mod repair;
mod replay;
mod rival;
mod swallowed;

/// Keeps every other session from using `accounts`, until `ROLLBACK`.
pub(crate) const LOCK_OUT: &str = "BEGIN; LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE";
/// The code of the error that others get then.
pub(crate) const LOCK_CODE: &str = "55P03";
/// Makes a session soon give up waiting for a lock.
pub(crate) const HURRY: &str = "SET lock_timeout = 100";

/// A URL whose sessions soon give up waiting for a lock.
pub(crate) fn impatient_url(url: &str) -> String {
    format!("{url}?options=-c%20lock_timeout%3D100")
}

/// `db.system.name` of its spans.
pub(crate) const SYSTEM: &str = "postgresql";

/// What is said of a pool of one connection that is in use.
pub(crate) const EXHAUSTED: [&str; 2] = ["1 of 1", "pool_size"];
