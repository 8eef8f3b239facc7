//! [`BlockingDbBuilder`]: the settings with which a [`BlockingDb`] is built.

use std::fmt;
use std::time::Duration;

use super::manager::Manager;
use super::pool::BlockingDb;
use crate::db::{Settings, read_environment};
use crate::error::Result;
use crate::op::RetryPolicy;
use crate::policy::CircuitBreaker;
use crate::rt::FOREVER;

impl<M: Manager> BlockingDb<M> {
    /// Makes a pool of up to 10 connections, with the default settings. Connections are opened when
    /// they are first needed, so this cannot fail.
    pub fn new(manager: M) -> Self {
        Self::builder(manager).build()
    }

    /// Starts with the default settings; change them, then call [`build`](BlockingDbBuilder::build).
    pub fn builder(manager: M) -> BlockingDbBuilder<M> {
        BlockingDbBuilder {
            manager,
            settings: Settings::default(),
        }
    }
}

/// The settings with which a [`BlockingDb`] is built. Each method names its default.
#[must_use = "a builder does nothing until `build`"]
pub struct BlockingDbBuilder<M: Manager> {
    manager: M,
    settings: Settings,
}

impl<M: Manager> BlockingDbBuilder<M> {
    /// Sets how many connections the pool may have, and so how many bodies can run at the same
    /// time. The default is 10, 0 means 1, and more than 262143 means 262143.
    pub fn max_connections(mut self, connections: u32) -> Self {
        self.settings.pool.allow(connections);
        self
    }

    /// Sets how long a call waits for a connection. The default is 10 s.
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.settings.pool.acquire_timeout = Some(timeout.min(FOREVER));
        self
    }

    /// Sets how long a connection that was idle may take to show that it is alive. After that time
    /// the connection is closed and another one is opened. The default is 5 s. There is no
    /// limit where [`SyncConnection::ONE_WRITER`](crate::blocking::SyncConnection::ONE_WRITER) is true, as
    /// on SQLite, which asks nobody over a network.
    pub fn validation_timeout(mut self, timeout: Duration) -> Self {
        self.settings.pool.validation_timeout = timeout.min(FOREVER);
        self
    }

    /// Sets how long a whole call may take, retries included, if the operation names no `timeout`.
    /// The default is 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.calls.timeout = timeout;
        self
    }

    /// Sets how calls are retried if the operation has no option `retry`. The default is
    /// [`RetryPolicy::DEFAULT`].
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.settings.calls.retry = policy;
        self
    }

    /// Sets how many retries an outage may cause: `per_call` for each call and `per_second` for
    /// each second; see [`DbBuilder::retry_budget`](crate::DbBuilder::retry_budget). The defaults are
    /// 0.2 and 10.
    pub fn retry_budget(mut self, per_call: f64, per_second: f64) -> Self {
        self.settings.calls.retry_budget = (per_call.max(0.0), per_second.max(0.0));
        self
    }

    /// Sets how long a call may hold a connection without a warning; see
    /// [`DbBuilder::leak_threshold`](crate::DbBuilder::leak_threshold). The default is 60 s. A connection
    /// is not taken back, because the thread that runs a plain function cannot be stopped.
    pub fn leak_threshold(mut self, longest: Duration) -> Self {
        self.settings.calls.limits.held = longest.min(FOREVER);
        self
    }

    /// Sets when calls are refused at once because the database cannot be reached; `None` for
    /// never. The default is [`CircuitBreaker::DEFAULT`].
    pub fn circuit_breaker(mut self, breaker: impl Into<Option<CircuitBreaker>>) -> Self {
        self.settings.calls.breaker = breaker.into();
        self
    }

    /// Takes the settings from the environment, by the variables that
    /// [`DbBuilder::env`](crate::DbBuilder::env) reads. Settings whose variables are not set stay as
    /// they are. Variables that have no method here are checked, and change nothing: where the
    /// database is, only the manager knows.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if variables have bad values. The
    /// error names all of them, with their values and what would be valid.
    pub fn env(mut self) -> Result<Self> {
        self.settings = read_environment(&self.settings)?.settings;
        Ok(self)
    }

    /// Builds the pool. No connection is opened yet.
    pub fn build(self) -> BlockingDb<M> {
        BlockingDb::of(self.manager, &self.settings)
    }
}

impl<M: Manager> fmt::Debug for BlockingDbBuilder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pool, calls) = (&self.settings.pool, &self.settings.calls);
        f.debug_struct("BlockingDbBuilder")
            .field("max_connections", &pool.max_connections)
            .field("acquire_timeout", &pool.acquire_timeout())
            .field("validation_timeout", &pool.validation_timeout)
            .field("timeout", &calls.timeout)
            .field("leak_threshold", &calls.limits.held)
            .field("retry", &calls.retry)
            .field("retry_budget", &calls.retry_budget)
            .field("circuit_breaker", &calls.breaker)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "rusqlite"))]
mod tests {
    use r2d2_sqlite::SqliteConnectionManager;

    use super::*;

    #[test]
    fn a_huge_number_of_connections_is_bounded() {
        let builder = BlockingDb::builder(SqliteConnectionManager::memory());
        let db = builder.max_connections(u32::MAX).build();
        assert_eq!(db.size(), 262_143);
    }

    #[test]
    fn debug_of_the_builder_shows_each_setting_that_it_has_and_no_other() {
        let builder = BlockingDb::builder(SqliteConnectionManager::memory());
        let text = format!("{:?}", builder.max_connections(7));
        for name in [
            "max_connections: 7",
            "acquire_timeout: 10s",
            "validation_timeout: 5s",
            "timeout: 30s",
            "leak_threshold: 60s",
            "retry: RetryPolicy",
        ] {
            assert!(text.contains(name), "{text}");
        }
        for other in [
            "min_connections",
            "idle",
            "max_lifetime",
            "log_statements",
            "statement",
        ] {
            assert!(!text.contains(other), "{text}");
        }
    }
}
