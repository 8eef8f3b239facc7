//! [`Setup`]: what the builders of [`Db`](crate::Db) and [`AnyDb`](crate::AnyDb) have in common.

use std::fmt;
use std::sync::Arc;

use super::environment::{self, Found};
use super::settings::Settings;
use crate::backend::scheme;
use crate::error::{Ended, Error, ErrorKind, Outcome, Result};
use crate::monitor::OnAlert;
use crate::op::Op;
use crate::secret::Secret;

/// What either builder has been told.
#[derive(Clone, Default)]
pub(super) struct Setup {
    pub(super) url: Option<Secret>,
    pub(super) settings: Settings,
    /// The methods and variables that have set something about the pools themselves.
    pub(super) of_pool: Vec<&'static str>,
    /// What is told about alerts.
    pub(super) on_alert: Vec<Arc<dyn OnAlert>>,
}

impl Setup {
    /// Notes that this method or variable has set something about the pools themselves.
    pub(super) fn about_pool(&mut self, name: &'static str) {
        if !self.of_pool.contains(&name) {
            self.of_pool.push(name);
        }
    }

    /// Takes the URL and the settings that the environment contains.
    pub(super) fn read_env(&mut self) -> Result<()> {
        let Found {
            settings,
            url,
            of_pool,
        } = environment::read(&self.settings)?;
        self.settings = settings;
        self.url = url.or(self.url.take());
        of_pool.into_iter().for_each(|name| self.about_pool(name));
        Ok(())
    }
}

/// Shows only the scheme of the URL, which may contain a password.
impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.as_ref().map(Secret::expose);
        f.debug_struct("Setup")
            .field("scheme", &url.map(|url| scheme(url).unwrap_or_default()))
            .field("settings", &self.settings)
            .field("of_pool", &self.of_pool)
            .finish_non_exhaustive()
    }
}

/// The operation that opens a database, as errors and the list of those who hold connections name
/// it.
pub(super) static CONNECT: Op = Op::operation("connect", file!(), line!());

pub(super) fn not_connected(mut error: Error) -> Error {
    error.finish(Ended::outermost(CONNECT.name, 1, Outcome::RolledBack));
    error
}

/// Makes the error for a builder that does not know where the database is. `means` are those to say
/// it.
pub(super) fn no_url(means: &str) -> Error {
    let message = format!("no URL was given; set DATABASE_URL, or call {means} on the builder");
    Error::programming(ErrorKind::Configuration, message)
}

/// The methods that both builders have, each of which keeps what it is told in the field `setup`.
macro_rules! settings_of_both {
    () => {
        /// Sets where the database is: `sqlite:path` or `postgres://user:password@host/database`. There
        /// is no default.
        ///
        /// [`connect`](Self::connect) makes the relative path of a SQLite file absolute, so that
        /// the handle stays with its file when the process changes its folder. With `?mode=rwc`,
        /// `connect` creates the file if it is not there; a file that goes missing later is not
        /// created again. If the file is removed, or another file is moved to its place, calls that
        /// need a new connection fail with
        /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) from then on. This is not
        /// noticed on systems without inodes, such as Windows.
        ///
        /// The URLs of SQLAlchemy's drivers are taken as well, with the meaning that they have there:
        /// `postgresql+asyncpg://..`, and `sqlite+aiosqlite:///./bank.db`, which names a file of the
        /// current folder. [The guide](crate::guide::settings#urls-of-sqlalchemy) says what differs.
        ///
        /// The last of `url`, [`connect_options`](crate::DbBuilder::connect_options) and the
        /// `DATABASE_URL` of [`env`](Self::env) counts.
        pub fn url(mut self, url: impl Into<$crate::Secret>) -> Self {
            self.setup.url = Some(url.into());
            self.setup.about_pool("url");
            self
        }

        /// Takes the URL and the settings from the environment, as
        /// [`Db::from_env`](crate::Db::from_env) does. Settings whose variables are not set stay as
        /// they are. [The guide](crate::guide::settings#variables) has the table of the variables. If
        /// only `DATABASE_MAX_OVERFLOW` is set, the connections that are kept are
        /// those of [`min_connections`](Self::min_connections), or of
        /// [`max_connections`](Self::max_connections) if that is 0.
        ///
        /// Variables such as `DBOP_OPERATION_ORDERS_PLACE_TIMEOUT=5s` hold for the calls of one
        /// operation on this handle, in place of what its attribute says.
        ///
        /// A variable whose name is nearly that of another is a `tracing` event of level warn.
        ///
        /// # Errors
        ///
        /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if variables have bad
        /// values. The error names all of them, with their values and what would be valid. A value that
        /// may hold a password is not shown.
        pub fn env(mut self) -> $crate::Result<Self> {
            self.setup
                .read_env()
                .map_err($crate::db::setup::not_connected)?;
            Ok(self)
        }

        /// Sets how many connections each pool may have at once. The default is 10, and 0 means 1.
        /// More than 262143, which is the most that PostgreSQL allows, means 262143. (SQLite always has
        /// one connection that writes. This is the number of those that read, of which there are at
        /// most 256.)
        pub fn max_connections(mut self, connections: u32) -> Self {
            self.setup.settings.pool.allow(connections);
            self.setup.about_pool("max_connections");
            self
        }

        /// Sets the number of connections that each pool keeps once they are open, however long
        /// they are idle. 0 by default. No connection is opened ahead of need, so a pool has fewer
        /// until calls have needed so many at once, or until
        /// [`Db::warm_up`](crate::Db::warm_up) has opened them.
        pub fn min_connections(mut self, connections: u32) -> Self {
            self.setup.settings.pool.min_connections = connections;
            self.setup.about_pool("min_connections");
            self
        }

        /// Sets how long a connection beyond [`min_connections`](Self::min_connections) stays open
        /// without being needed. 10 min by default. (A SQLite database in memory keeps its connection.)
        pub fn idle_timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.setup.settings.pool.idle_timeout = timeout.min($crate::rt::FOREVER);
            self.setup.about_pool("idle_timeout");
            self
        }

        /// Sets how long a call waits for a connection at most. 10 s by default.
        pub fn acquire_timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.setup.settings.pool.acquire_timeout = Some(timeout.min($crate::rt::FOREVER));
            self
        }

        /// Sets the age at which a connection is replaced by a new one. 30 min by default. (The
        /// connection of a SQLite database in memory is never replaced.)
        pub fn max_lifetime(mut self, age: ::std::time::Duration) -> Self {
            self.setup.settings.pool.max_lifetime = age;
            self.setup.about_pool("max_lifetime");
            self
        }

        /// Sets how long the server may take over each thing that dbop asks of a connection on its own
        /// account: whether an idle connection is alive, beginning a transaction on one, undoing what a
        /// call has left, taking the connection back, saying goodbye. 5 s by default. After that the connection is closed without
        /// a goodbye, and its place in the pool is free. (SQLite is not asked over a network, and has
        /// no such limit.)
        pub fn validation_timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.setup.settings.pool.validation_timeout = timeout.min($crate::rt::FOREVER);
            self
        }

        /// Sets the name of the handle's pools in metrics, in the label
        /// `db.client.connection.pool.name`. For example, the pools of `pool_name("jobs")` are
        /// `jobs write` and `jobs read`. By default they are called by the place of the database,
        /// such as `postgresql://db.example:5432/bank write`. Two handles of one process to the same
        /// database count as one without this.
        #[cfg(feature = "metrics")]
        pub fn pool_name(mut self, name: impl Into<String>) -> Self {
            self.setup.settings.pool_name = Some(name.into());
            self
        }

        /// Sets how long [`Db::close`](crate::Db::close) waits for running calls and their hooks. 30 s by
        /// default.
        pub fn close_timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.setup.settings.close_timeout = timeout.min($crate::rt::FOREVER);
            self
        }

        /// Sets how long one statement may run, on Postgres. 30 s by default. A transaction gets a
        /// shorter limit if its call has less time left, and an operation that names a longer `timeout`
        /// gets a longer one.
        ///
        /// This limit, [`idle_in_transaction_timeout`](Self::idle_in_transaction_timeout) and
        /// `client_connection_check_interval` are sent as start-up parameters of the session, and
        /// override those in the URL's `options`. If you use PgBouncer, list them in its
        /// `ignore_startup_parameters`
        /// (<https://www.pgbouncer.org/config.html#ignore_startup_parameters>).
        pub fn statement_timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.setup.settings.session.statement_timeout = timeout;
            self
        }

        /// Sets how long a transaction may be idle before the server ends its session, on Postgres.
        /// 60 s by default.
        pub fn idle_in_transaction_timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.setup.settings.session.idle_in_transaction_timeout = timeout;
            self
        }

        /// Sets the name under which the server shows the sessions of this handle, in
        /// `pg_stat_activity` and in its log, on Postgres. By default this is the `application_name` of
        /// the URL or of [`connect_options`](crate::DbBuilder::connect_options), and else none. The
        /// server shows no more than its first 63 bytes. SQLite has no such name.
        pub fn application_name(mut self, name: &str) -> Self {
            self.setup.settings.session.application_name = Some(name.into());
            self.setup.about_pool("application_name");
            self
        }

        /// Sets how long a whole call may take, retries included, if its operation names no `timeout`.
        /// 30 s by default.
        pub fn timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.setup.settings.calls.timeout = timeout;
            self
        }

        /// Sets how calls are retried if their operation has no option `retry`.
        /// [`RetryPolicy::DEFAULT`](crate::RetryPolicy::DEFAULT) by default.
        pub fn retry(mut self, policy: $crate::op::RetryPolicy) -> Self {
            self.setup.settings.calls.retry = policy;
            self
        }

        /// Sets how many retries an outage may cost. Each call adds `per_call` retries to the budget,
        /// and each second adds `per_second`. 0.2 and 10 by default. Retries of conflicts between
        /// sessions do not count.
        pub fn retry_budget(mut self, per_call: f64, per_second: f64) -> Self {
            self.setup.settings.calls.retry_budget = (per_call.max(0.0), per_second.max(0.0));
            self
        }

        /// Sets when calls are refused at once because the database cannot be reached. `None` means
        /// never. [`CircuitBreaker::DEFAULT`](crate::CircuitBreaker::DEFAULT) by default.
        pub fn circuit_breaker(
            mut self,
            breaker: impl Into<Option<$crate::policy::CircuitBreaker>>,
        ) -> Self {
            self.setup.settings.calls.breaker = breaker.into();
            self
        }

        /// Sets how long a transaction may pause between two statements without a warning. It holds its
        /// connection and its locks meanwhile. 1 s by default. The warning is a `tracing` event of
        /// level warn that names the operation, its file and its line. It is logged when the pause
        /// ends, at most once for each transaction.
        pub fn idle_transaction_warning(mut self, longest: ::std::time::Duration) -> Self {
            self.setup.settings.calls.limits.idle = longest;
            self
        }

        /// Sets how long one poll of a body may take without a warning. Nothing else runs on its thread
        /// meanwhile. 100 ms by default. The warning is like that of
        /// [`idle_transaction_warning`](Self::idle_transaction_warning), and is logged at most once for
        /// each attempt.
        pub fn blocking_poll_warning(mut self, longest: ::std::time::Duration) -> Self {
            self.setup.settings.calls.limits.poll = longest;
            self
        }

        /// Sets how long a call may hold a connection without a warning. 60 s by default. The
        /// warning is a `tracing` event of level warn that names the operation, its file and its
        /// line, and says what the call does with the connection. It is logged once for each
        /// connection that is held for so long, within a quarter of this time, and counted in
        /// [`Totals::leaks`](crate::Totals::leaks).
        pub fn leak_threshold(mut self, longest: ::std::time::Duration) -> Self {
            self.setup.settings.calls.limits.held = longest.min($crate::rt::FOREVER);
            self
        }

        /// Sets whether a connection is taken back that a call holds for longer than
        /// [`leak_threshold`](Self::leak_threshold). Off by default.
        ///
        /// The body is cut off as at a deadline, what runs on the connection is stopped, and the
        /// connection is closed. The call fails with
        /// [`ErrorKind::Reclaimed`](crate::ErrorKind::Reclaimed) and says its outcome, as every error
        /// does. A `COMMIT` is never cut off, and the connection of a SQLite database in memory is
        /// never taken back. Nor is the connection of a future that nobody polls any more, because
        /// Rust has no means to take anything from such a future; the warning of `leak_threshold`
        /// names its operation.
        pub fn reclaim_leaks(mut self, on: bool) -> Self {
            self.setup.settings.calls.limits.reclaim = on;
            self
        }

        /// Sets how often one call may send the same statement without a warning. 50 by default; 0
        /// means as often as it likes. The warning is a `tracing` event of level warn that names the
        /// operation, its place, the lines of its loops, and how one statement is written for all
        /// values. It is logged once for each operation. Calls are counted in
        /// [`OperationMetrics::repeating_calls`](crate::OperationMetrics::repeating_calls).
        pub fn repeated_statement_warning(mut self, most: u32) -> Self {
            self.setup.settings.calls.limits.repeats = most;
            self
        }

        /// Adds what is told about [alerts](crate::AlertKind): a server that is gone, an outcome that
        /// is not known, a disk that is full. Nobody is told by default. Each condition is told once
        /// until it is over, at most once a minute; the log has the same.
        /// [`Db::alerts`](crate::Db::alerts) is a channel for them.
        /// [`OnAlert`](crate::OnAlert) says where it runs.
        pub fn on_alert(mut self, told: impl $crate::monitor::OnAlert) -> Self {
            self.setup.on_alert.push(::std::sync::Arc::new(told));
            self
        }

        /// Sets whether the state of this database is shown. `true` by default. With `false`, the routes
        /// below `/monitoring` of the feature `http` do not exist, and an application with routes of its
        /// own reads the setting from [`Db::monitoring_enabled`](crate::Db::monitoring_enabled).
        pub fn monitoring(mut self, on: bool) -> Self {
            self.setup.settings.monitoring = on;
            self
        }

        /// Sets whether every statement is logged at level info. Off by default; statements are then
        /// logged at level trace, or as [`connect_options`](crate::DbBuilder::connect_options) say.
        pub fn log_statements(mut self, on: bool) -> Self {
            self.setup.settings.session.log_statements = Some(on);
            self.setup.about_pool("log_statements");
            self
        }
    };
}

pub(super) use settings_of_both;
