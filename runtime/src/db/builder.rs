//! [`Builder`]: the settings of a database, and how it is opened.

use std::fmt;
use std::time::Duration;

use sqlx::{ConnectOptions, Connection};
use tokio::time::{Instant, timeout_at};

use super::handle::Db;
use super::settings::Settings;
use crate::backend::{Backend, Options, scheme};
use crate::error::{Ended, Error, Kind, Outcome, Result};
use crate::op::Op;
use crate::policy::{Breaker, Policy};
use crate::pool::{PoolSet, unopened};
use crate::rt::{FOREVER, Timer};

impl<DB: Backend> Db<DB> {
    /// Opens the database at `url` with the default settings, and one connection to it.
    ///
    /// # Errors
    ///
    /// A URL of another database, a file or server that is not there, refused credentials: each
    /// says what to do, and none holds the password.
    pub async fn connect(url: &str) -> Result<Self> {
        Self::builder().url(url).connect().await
    }

    /// Opens the database that the environment describes: `DATABASE_URL`, and of
    /// `DATABASE_POOL_SIZE`, `DATABASE_MAX_OVERFLOW`, `DATABASE_POOL_TIMEOUT`,
    /// `DATABASE_POOL_RECYCLE`, `DATABASE_STATEMENT_TIMEOUT` (all three in seconds) and
    /// `DATABASE_ECHO` those that are set.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect); and every variable with a bad value, with that value and
    /// what is valid.
    pub async fn from_env() -> Result<Self> {
        Self::builder().env()?.connect().await
    }

    /// Settings first, then [`connect`](Builder::connect).
    pub fn builder() -> Builder<DB> {
        Builder {
            url: None,
            settings: Settings::default(),
            _database: std::marker::PhantomData,
        }
    }
}

/// The settings of a [`Db`] to be. Each method names its default.
///
/// ```
/// # async fn example() -> Result<(), dbop::Error> {
/// use std::time::Duration;
///
/// let db = dbop::Db::<sqlx::Sqlite>::builder()
///     .url("sqlite:bank.db?mode=rwc")
///     .pool_size(4)
///     .timeout(Duration::from_secs(5))
///     .connect()
///     .await?;
/// # let _ = db;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `connect`"]
pub struct Builder<DB: Backend> {
    url: Option<Url>,
    settings: Settings,
    _database: std::marker::PhantomData<fn() -> DB>,
}

/// Holds a password, so it has no `Debug` of its text.
#[derive(Clone)]
struct Url(String);

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:..", scheme(&self.0).unwrap_or_default())
    }
}

impl<DB: Backend> Builder<DB> {
    /// Where the database is; `sqlite:path` or `postgres://user:password@host/database`.
    ///
    /// A relative path of a SQLite file is made absolute by [`connect`](Self::connect): the handle
    /// stays with its file when the process goes to another folder. `?mode=rwc` makes the file if it is
    /// not there, in [`connect`](Self::connect) and not later. Where the file is removed, or another
    /// is moved to its place, calls that need a new connection fail with [`Kind::Configuration`] from
    /// then on; where the system does not number its files, as Windows does not, that is not noticed.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(Url(url.into()));
        self
    }

    /// Takes URL and settings from the environment, as [`Db::from_env`] does; what is not set
    /// there stays.
    ///
    /// # Errors
    ///
    /// Every variable with a bad value, with that value and what is valid.
    pub fn env(mut self) -> Result<Self> {
        let get = |name: &str| std::env::var(name).ok();
        self.settings.read_env(get).map_err(not_connected)?;
        if let Some(url) = get("DATABASE_URL") {
            self.url = Some(Url(url));
        }
        Ok(self)
    }

    /// Connections of each pool. 10. (SQLite has one writer always; this is its readers, 256 at
    /// most.)
    pub fn pool_size(mut self, connections: u32) -> Self {
        self.settings.pool.size = connections.max(1);
        self
    }

    /// Connections beyond `pool_size` when all are in use. 0.
    pub fn max_overflow(mut self, connections: u32) -> Self {
        self.settings.pool.max_overflow = connections;
        self
    }

    /// How long a call waits for a connection. 10 s.
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.settings.pool.acquire_timeout = timeout.min(FOREVER);
        self
    }

    /// The age at which a connection is replaced. 30 min.
    pub fn recycle(mut self, age: Duration) -> Self {
        self.settings.pool.max_lifetime = age;
        self
    }

    /// How long the server may take over what a connection is asked for its own sake: whether an
    /// idle connection is alive, to undo what a call has left, to take the connection back, to say
    /// goodbye. 5 s. After that the connection is closed without a goodbye, and its place in the
    /// pool is free. (SQLite asks nobody over a network, and has no such limit.)
    pub fn validation_timeout(mut self, timeout: Duration) -> Self {
        self.settings.pool.validation_timeout = timeout.min(FOREVER);
        self
    }

    /// How long [`Db::close`] waits for calls that are running. 30 s.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.settings.close_timeout = timeout.min(FOREVER);
        self
    }

    /// Postgres: how long one statement may run. 30 s. A call with less time sends less, and so does
    /// an operation that names a longer `timeout` of its own send more.
    ///
    /// This, the next one and `client_connection_check_interval` are start-up parameters of the
    /// session and take the place of those in the URL's `options`. Behind PgBouncer, name them in
    /// its `ignore_startup_parameters`
    /// (<https://www.pgbouncer.org/config.html#ignore_startup_parameters>).
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.settings.session.statement_timeout = timeout;
        self
    }

    /// Postgres: how long a transaction may be idle before the server ends its session. 60 s.
    pub fn idle_in_transaction_timeout(mut self, timeout: Duration) -> Self {
        self.settings.session.idle_in_transaction_timeout = timeout;
        self
    }

    /// How long a whole call may take, retries included, if the operation names no `timeout`.
    /// 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.calls.timeout = timeout;
        self
    }

    /// How calls are retried if the operation says nothing. [`Policy::DEFAULT`].
    pub fn retry(mut self, policy: Policy) -> Self {
        self.settings.calls.retry = policy;
        self
    }

    /// Retries that an outage is worth: so much of one for each call, and so many each second.
    /// 0.2 and 10. Retries of conflicts between sessions do not count.
    pub fn retry_budget(mut self, per_call: f64, per_second: f64) -> Self {
        self.settings.calls.retry_budget = (per_call.max(0.0), per_second.max(0.0));
        self
    }

    /// When calls are refused at once because the database cannot be reached; `None`: never.
    /// [`Breaker::DEFAULT`].
    pub fn breaker(mut self, breaker: impl Into<Option<Breaker>>) -> Self {
        self.settings.calls.breaker = breaker.into();
        self
    }

    /// How long a transaction may pause between two statements before that is reported: it holds
    /// its connection and its locks meanwhile. 1 s. Reported once a transaction as a `tracing`
    /// event of level warn, with the operation, its file and line, when the pause ends.
    pub fn idle_transaction_warning(mut self, longest: Duration) -> Self {
        self.settings.calls.limits.idle = longest;
        self
    }

    /// How long one poll of a body may take before that is reported: nothing else runs on its
    /// thread meanwhile. 100 ms. Reported once a call, as
    /// [`idle_transaction_warning`](Self::idle_transaction_warning).
    pub fn blocking_poll_warning(mut self, longest: Duration) -> Self {
        self.settings.calls.limits.poll = longest;
        self
    }

    /// Logs every statement at level info. Off.
    pub fn echo(mut self, on: bool) -> Self {
        self.settings.session.log_statements = on;
        self
    }

    /// Opens the pools, and one connection to see that the database is there.
    ///
    /// # Errors
    ///
    /// As [`Db::connect`].
    pub async fn connect(self) -> Result<Db<DB>> {
        self.open().await.map_err(not_connected)
    }

    async fn open(self) -> Result<Db<DB>> {
        let Some(Url(url)) = &self.url else {
            return Err(Error::programming(
                Kind::Configuration,
                "no URL was given; set DATABASE_URL, or call `url(..)` on the builder",
            ));
        };
        let settings = &self.settings;
        let plans = DB::plans(url, settings.pool.connections(), &settings.session)?;
        let now = Instant::now();
        let until = now + settings.pool.acquire_timeout;
        if let Some(options) = &plans.create {
            create::<DB>(options, until).await?;
        }
        let read = plans.read.as_ref();
        let db = Db::new(
            PoolSet::open(&plans.write, &settings.pool, false),
            read.map(|plan| PoolSet::open(plan, &settings.pool, true)),
            settings.defaults(),
            settings.close_timeout,
        );
        let mut timer = Timer::default();
        let lease = db
            .pools(false)
            .acquire(&CONNECT, now, until, &mut timer)
            .await?;
        lease.release().await;
        Ok(db)
    }
}

/// What opens a database, among those who hold its connections.
static CONNECT: Op = Op::operation("connect", file!(), line!());

/// Opens a connection that makes the database.
async fn create<DB: Backend>(options: &Options<DB>, until: Instant) -> Result<()> {
    let asked = Instant::now();
    let connecting = timeout_at(until, options.connect()).await;
    let late = |_| unopened(&DB::place(options), asked.elapsed());
    let made = match connecting.map_err(late)? {
        Ok(conn) => conn.close().await,
        Err(error) => Err(error),
    };
    made.map_err(|error| {
        let error = Error::from(error);
        let advice = DB::advice(error.kind(), options);
        error.advise(advice)
    })
}

fn not_connected(mut error: Error) -> Error {
    error.finish(Ended::outermost(CONNECT.name, 1, Outcome::RolledBack));
    error
}
