//! Tests with a database of their own. [The guide](crate::guide::testing) says how to write them.
//!
//! | item | for |
//! |---|---|
//! | [`#[dbop::test]`](macro@crate::test) | a test that gets a database |
//! | [`TestDatabase`] | a database where the attribute does not fit |
//! | [`PendingHooks`] | the hooks of a test's transaction |
//!
//! This module needs the feature `testing`.

mod argument;
mod capture;
mod database;
mod hooks;
mod leaks;
#[cfg(feature = "postgres")]
mod postgres;
mod run;
#[cfg(feature = "sqlite")]
mod sqlite;
mod transaction;

#[cfg(feature = "postgres")]
use std::time::{SystemTime, UNIX_EPOCH};

pub use argument::TestArgument;
pub use database::{TestBackend, TestDatabase};
pub use hooks::PendingHooks;
pub use run::{Test, TestResult};

/// How many days the database of a failed test is kept.
const KEPT_DAYS: u64 = 7;

/// The number of days since 1970.
#[cfg(feature = "postgres")]
fn today() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs() / (24 * 60 * 60)
}

/// Returns the name of a test as a part of a name that needs no quotes, at most `most` characters long.
fn readable(test: &str, most: usize) -> String {
    let plain = |c: char| match c {
        'A'..='Z' => c.to_ascii_lowercase(),
        'a'..='z' | '0'..='9' => c,
        _ => '_',
    };
    test.chars().take(most).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn a_name_is_readable_and_as_short_as_a_server_wants() {
        assert_eq!(readable("A_Transfer", 30), "a_transfer");
        assert_eq!(readable("größe\"; DROP", 30), "gr__e___drop");
        assert_eq!(readable(&"x".repeat(80), 30).len(), 30);
    }
}
