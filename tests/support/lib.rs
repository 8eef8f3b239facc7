//! What the suites share: a database for each test, and ways to look at it from outside.

use std::future::poll_fn;
use std::ops::Deref;
use std::task::Poll;
use std::time::Duration;

use dbop::{Backend, Db, DbBuilder};

pub mod blocking;
pub mod browser;
pub mod cluster;
pub mod http;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod recorder;
pub mod sqlite;
pub mod trace;
mod trouble;

pub use trouble::Trouble;

// The examples of the repository's README are compiled, too.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}

/// A database that is removed with the test.
#[derive(Debug)]
pub struct Fresh<DB: Backend> {
    pub db: Db<DB>,
    pub url: String,
    /// The folder of a SQLite file; `None` for Postgres.
    _folder: Option<tempfile::TempDir>,
}

impl<DB: Backend> Deref for Fresh<DB> {
    type Target = Db<DB>;

    fn deref(&self) -> &Db<DB> {
        &self.db
    }
}

/// How a suite configures its handle.
pub type Configure<DB> = fn(DbBuilder<DB>) -> DbBuilder<DB>;

/// Configures a handle whose network will fall silent: it soon gives up a connection that is not
/// answered.
pub fn impatient<DB: Backend>(builder: DbBuilder<DB>) -> DbBuilder<DB> {
    builder
        .validation_timeout(Duration::from_secs(1))
        .close_timeout(Duration::from_secs(10))
}

/// The longest time that a handle takes to give up a connection that is not answered, on a busy
/// machine.
pub const GIVEN_UP: Duration = Duration::from_secs(20);

/// Returns a number from the environment, for example `DBOP_TEST_SOAK_SECONDS` or `DBOP_TEST_SEED`;
/// `None` if the variable is not set.
///
/// # Panics
///
/// If the variable is not a number.
#[must_use]
pub fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect(name))
}

/// Returns the seed of a random test and prints it. `DBOP_TEST_SEED` sets the seed, so that a
/// failure can be repeated.
#[must_use]
pub fn seed() -> u64 {
    let seed = setting("DBOP_TEST_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("DBOP_TEST_SEED={seed}");
    seed
}

/// Polls until `condition` holds, for at most ten seconds.
///
/// # Panics
///
/// If the condition does not hold by then.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let begun = std::time::Instant::now();
    while !condition().await {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "this never happened: {what}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Polls `call` at most `polls` times and drops it. Returns its output; `None` if it was dropped
/// before its end.
pub async fn poll_at_most<F: Future>(polls: u32, call: F) -> Option<F::Output> {
    let mut call = Box::pin(call);
    let mut left = polls;
    poll_fn(move |cx| {
        if let Poll::Ready(output) = call.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        left -= 1;
        if left == 0 {
            Poll::Ready(None)
        } else {
            Poll::Pending
        }
    })
    .await
}
