//! [`DbBuilder`]: the settings of a [`Db`], and how it is opened.

use std::fmt;
use std::time::Duration;

use futures_core::future::BoxFuture;
use sqlx::{ConnectOptions, Connection, Pool};
use tokio::time::{Instant, timeout_at};

use super::adopted::Adopted;
use super::handle::Db;
use super::settings::Settings;
use crate::backend::{Backend, OpenedWith, Options, options_of, scheme};
use crate::error::{Ended, Error, ErrorKind, Outcome, Result};
use crate::op::Op;
use crate::policy::{CircuitBreaker, RetryPolicy};
use crate::pool::{AfterConnect, PoolSet, Pools, Sessions, unopened};
use crate::rt::{FOREVER, Timer};

impl<DB: Backend> Db<DB> {
    /// Opens the database at `url` with the default settings. This opens one connection, to see
    /// that the database is there.
    ///
    /// # Errors
    ///
    /// Fails if the URL is of another database, if the file or the server is not there, or if the
    /// server refuses the credentials. The error says what to do, and never contains the password.
    pub async fn connect(url: &str) -> Result<Self> {
        Self::builder().url(url).connect().await
    }

    /// Opens the database that the environment describes.
    ///
    /// `DATABASE_URL` is required, and the other variables are optional:
    ///
    /// | variable | sets |
    /// |---|---|
    /// | `DATABASE_POOL_SIZE` | [`min_connections`](DbBuilder::min_connections) |
    /// | `DATABASE_MAX_OVERFLOW` | how many more [`max_connections`](DbBuilder::max_connections) allows than are kept |
    /// | `DATABASE_POOL_TIMEOUT`, in seconds | [`acquire_timeout`](DbBuilder::acquire_timeout) |
    /// | `DATABASE_POOL_RECYCLE`, in seconds | [`max_lifetime`](DbBuilder::max_lifetime) |
    /// | `DATABASE_STATEMENT_TIMEOUT`, in seconds | [`statement_timeout`](DbBuilder::statement_timeout) |
    /// | `DATABASE_ECHO`, `true` or `false` | [`log_statements`](DbBuilder::log_statements) |
    ///
    /// Seconds are written such as `30` or `0.5`. If only one of the first two is set, the other counts
    /// as 0 for `DATABASE_MAX_OVERFLOW` and as 10 for `DATABASE_POOL_SIZE`.
    ///
    /// # Errors
    ///
    /// Fails as [`connect`](Self::connect) does. If variables have bad values, the error names all
    /// of them, with their values and what would be valid.
    pub async fn from_env() -> Result<Self> {
        Self::builder().env()?.connect().await
    }

    /// Returns a builder that takes settings before it opens the database with
    /// [`connect`](DbBuilder::connect).
    pub fn builder() -> DbBuilder<DB> {
        DbBuilder {
            place: Place::NotGiven,
            adopted: None,
            after_connect: None,
            settings: Settings::default(),
            of_pool: Vec::new(),
        }
    }
}

/// A builder of a [`Db`]. The documentation of each method names the default of its setting.
///
/// ```
/// # async fn example() -> Result<(), dbop::Error> {
/// use std::time::Duration;
///
/// let db = dbop::Db::<sqlx::Sqlite>::builder()
///     .url("sqlite:bank.db?mode=rwc")
///     .max_connections(4)
///     .timeout(Duration::from_secs(5))
///     .connect()
///     .await?;
/// # let _ = db;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `connect`"]
pub struct DbBuilder<DB: Backend> {
    place: Place<DB>,
    adopted: Option<Adopted<DB>>,
    after_connect: Option<AfterConnect<DB>>,
    settings: Settings,
    /// The methods and variables that have set something about the pools themselves.
    of_pool: Vec<&'static str>,
}

/// Where dbop opens connections to. A URL and options may contain a password, which `Debug` does not
/// show.
#[derive(Clone)]
enum Place<DB: Backend> {
    NotGiven,
    Url(String),
    Options(Options<DB>),
}

impl<DB: Backend> fmt::Debug for Place<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGiven => f.write_str("NotGiven"),
            Self::Url(url) => write!(f, "{}:..", scheme(url).unwrap_or_default()),
            Self::Options(options) => f.write_str(&DB::place(options)),
        }
    }
}

impl<DB: Backend> DbBuilder<DB> {
    /// Sets where the database is: `sqlite:path` or `postgres://user:password@host/database`. There
    /// is no default.
    ///
    /// [`connect`](Self::connect) makes the relative path of a SQLite file absolute, so that the
    /// handle stays with its file when the process changes its folder. With `?mode=rwc`, `connect`
    /// creates the file if it is not there; a file that goes missing later is not created again. If
    /// the file is removed, or another file is moved to its place, calls that need a new connection
    /// fail with [`ErrorKind::Configuration`] from then on. This is not noticed on systems without
    /// inodes, such as Windows.
    ///
    /// The last of `url`, [`connect_options`](Self::connect_options) and the `DATABASE_URL` of
    /// [`env`](Self::env) counts.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.place = Place::Url(url.into());
        self.about_pool("url")
    }

    /// Sets where the database is, and how connections to it are opened, by options of the driver:
    /// `PgConnectOptions` or `SqliteConnectOptions`.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # async fn example() -> Result<(), dbop::Error> {
    /// use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
    ///
    /// let options = SqliteConnectOptions::new()
    ///     .filename("bank.db")
    ///     .create_if_missing(true)
    ///     .synchronous(SqliteSynchronous::Normal);
    /// let builder = dbop::Db::<sqlx::Sqlite>::builder().connect_options(options);
    /// let db = builder.connect().await?;
    /// # let _ = db;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// What the options say holds for every connection: pragmas, extensions, `application_name`,
    /// TLS, the statement cache, how statements are logged. dbop adds what its promises need. On
    /// Postgres these are the limits of [`statement_timeout`](Self::statement_timeout) and
    /// [`idle_in_transaction_timeout`](Self::idle_in_transaction_timeout), and
    /// `client_connection_check_interval`. On SQLite these are the WAL mode of a file, a
    /// `busy_timeout` of 250 ms, after which dbop itself waits for the lock, and `query_only` on
    /// connections that read.
    ///
    /// The last of [`url`](Self::url), `connect_options` and the `DATABASE_URL` of
    /// [`env`](Self::env) counts.
    pub fn connect_options(mut self, options: Options<DB>) -> Self {
        self.place = Place::Options(options);
        self.about_pool("connect_options")
    }

    /// Sets what is done with each new connection of the pools before a call gets it, as
    /// [`PoolOptions::after_connect`](sqlx::pool::PoolOptions::after_connect) of sqlx does. There is
    /// nothing to do by default.
    ///
    /// ```
    /// # #[cfg(feature = "postgres")]
    /// # async fn example() -> Result<(), dbop::Error> {
    /// use sqlx::Executor;
    ///
    /// let db = dbop::Db::<sqlx::Postgres>::builder()
    ///     .url("postgres://user:password@localhost/bank")
    ///     .after_connect(|conn| {
    ///         Box::pin(async move {
    ///             conn.execute("SET search_path = accounting, public").await?;
    ///             Ok(())
    ///         })
    ///     })
    ///     .connect()
    ///     .await?;
    /// # let _ = db;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The hook also prepares connections that only read, on which it cannot write. A connection
    /// whose session was reset after a call is prepared again, so the hook must be able to run
    /// twice on one connection. After the hook, dbop sets its own limits and handlers again, and
    /// rolls back a transaction that the hook has left open. The connection of an advisory lock is
    /// not prepared.
    ///
    /// If the hook returns an error, the connection is closed, and the call that waits for it fails
    /// with an error that names the hook. A hook that does not end costs a call no more than its
    /// [`acquire_timeout`](Self::acquire_timeout).
    pub fn after_connect<F>(mut self, hook: F) -> Self
    where
        F: for<'c> Fn(&'c mut DB::Connection) -> BoxFuture<'c, sqlx::Result<()>>
            + Send
            + Sync
            + 'static,
    {
        self.after_connect = Some(AfterConnect::new(hook));
        self.about_pool("after_connect")
    }

    /// Makes a handle of a pool that the application has made, as [`Db::from_pool`] does.
    ///
    /// ```
    /// # async fn example(pool: sqlx::SqlitePool) -> Result<(), dbop::Error> {
    /// use std::time::Duration;
    ///
    /// let builder = dbop::Db::builder().pool(pool).timeout(Duration::from_secs(5));
    /// let db = builder.connect().await?;
    /// # let _ = db;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`connect`](Self::connect) opens no connection then. Settings that are about the pool itself
    /// are an error: those of [`url`](Self::url), [`connect_options`](Self::connect_options),
    /// [`after_connect`](Self::after_connect), [`max_connections`](Self::max_connections),
    /// [`min_connections`](Self::min_connections), [`idle_timeout`](Self::idle_timeout),
    /// [`max_lifetime`](Self::max_lifetime) and [`log_statements`](Self::log_statements), and the
    /// variables of the environment for them. All others hold. A call waits for a connection for as
    /// long as the pool lets it wait, or less if [`acquire_timeout`](Self::acquire_timeout) is set.
    pub fn pool(mut self, pool: Pool<DB>) -> Self {
        self.adopted = Some(Adopted::one(pool));
        self
    }

    /// Makes a handle of two pools that the application has made, as [`Db::from_pools`] does.
    /// Otherwise like [`pool`](Self::pool).
    pub fn pools(mut self, write: Pool<DB>, read: Pool<DB>) -> Self {
        self.adopted = Some(Adopted::two(write, read));
        self
    }

    /// Notes that this method or variable has set something about the pools themselves.
    fn about_pool(mut self, name: &'static str) -> Self {
        if !self.of_pool.contains(&name) {
            self.of_pool.push(name);
        }
        self
    }

    /// Takes the URL and the settings from the environment, as [`Db::from_env`] does. Settings
    /// whose variables are not set stay as they are. If only `DATABASE_MAX_OVERFLOW` is set, the
    /// connections that are kept are those of [`min_connections`](Self::min_connections), or of
    /// [`max_connections`](Self::max_connections) if that is 0.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] if variables have bad values. The error names all of them, with
    /// their values and what would be valid.
    pub fn env(mut self) -> Result<Self> {
        let get = |name: &str| std::env::var_os(name);
        let (url, of_pool) = self.settings.read_env(get).map_err(not_connected)?;
        if let Some(url) = url {
            self.place = Place::Url(url);
            self = self.about_pool("DATABASE_URL");
        }
        Ok(of_pool.into_iter().fold(self, Self::about_pool))
    }

    /// Sets how many connections each pool may have at once. The default is 10, and 0 means 1.
    /// More than 262143, which is the most that PostgreSQL allows, means 262143. (SQLite always has
    /// one connection that writes. This is the number of those that read, of which there are at
    /// most 256.)
    pub fn max_connections(mut self, connections: u32) -> Self {
        self.settings.pool.allow(connections);
        self.about_pool("max_connections")
    }

    /// Sets the number of connections that each pool keeps once they are open, however long they are
    /// idle. 0 by default. No connection is opened ahead of need, so a pool has fewer until calls
    /// have needed so many at once.
    pub fn min_connections(mut self, connections: u32) -> Self {
        self.settings.pool.min_connections = connections;
        self.about_pool("min_connections")
    }

    /// Sets how long a connection beyond [`min_connections`](Self::min_connections) stays open
    /// without being needed. 10 min by default. (A SQLite database in memory keeps its connection.)
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.settings.pool.idle_timeout = timeout.min(FOREVER);
        self.about_pool("idle_timeout")
    }

    /// Sets how long a call waits for a connection at most. 10 s by default.
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.settings.pool.acquire_timeout = Some(timeout.min(FOREVER));
        self
    }

    /// Sets the age at which a connection is replaced by a new one. 30 min by default. (The
    /// connection of a SQLite database in memory is never replaced.)
    pub fn max_lifetime(mut self, age: Duration) -> Self {
        self.settings.pool.max_lifetime = age;
        self.about_pool("max_lifetime")
    }

    /// Sets how long the server may take over each thing that dbop asks of a connection on its own
    /// account: whether an idle connection is alive, undoing what a call has left, taking the
    /// connection back, saying goodbye. 5 s by default. After that the connection is closed without
    /// a goodbye, and its place in the pool is free. (SQLite is not asked over a network, and has
    /// no such limit.)
    pub fn validation_timeout(mut self, timeout: Duration) -> Self {
        self.settings.pool.validation_timeout = timeout.min(FOREVER);
        self
    }

    /// Sets how long [`Db::close`] waits for running calls. 30 s by default.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.settings.close_timeout = timeout.min(FOREVER);
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
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.settings.session.statement_timeout = timeout;
        self
    }

    /// Sets how long a transaction may be idle before the server ends its session, on Postgres.
    /// 60 s by default.
    pub fn idle_in_transaction_timeout(mut self, timeout: Duration) -> Self {
        self.settings.session.idle_in_transaction_timeout = timeout;
        self
    }

    /// Sets how long a whole call may take, retries included, if its operation names no `timeout`.
    /// 30 s by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.calls.timeout = timeout;
        self
    }

    /// Sets how calls are retried if their operation has no option `retry`. [`RetryPolicy::DEFAULT`] by
    /// default.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.settings.calls.retry = policy;
        self
    }

    /// Sets how many retries an outage may cost. Each call adds `per_call` retries to the budget,
    /// and each second adds `per_second`. 0.2 and 10 by default. Retries of conflicts between
    /// sessions do not count.
    pub fn retry_budget(mut self, per_call: f64, per_second: f64) -> Self {
        self.settings.calls.retry_budget = (per_call.max(0.0), per_second.max(0.0));
        self
    }

    /// Sets when calls are refused at once because the database cannot be reached. `None` means
    /// never. [`CircuitBreaker::DEFAULT`] by default.
    pub fn circuit_breaker(mut self, breaker: impl Into<Option<CircuitBreaker>>) -> Self {
        self.settings.calls.breaker = breaker.into();
        self
    }

    /// Sets how long a transaction may pause between two statements without a warning. It holds its
    /// connection and its locks meanwhile. 1 s by default. The warning is a `tracing` event of
    /// level warn that names the operation, its file and its line. It is logged when the pause
    /// ends, at most once for each transaction.
    pub fn idle_transaction_warning(mut self, longest: Duration) -> Self {
        self.settings.calls.limits.idle = longest;
        self
    }

    /// Sets how long one poll of a body may take without a warning. Nothing else runs on its thread
    /// meanwhile. 100 ms by default. The warning is like that of
    /// [`idle_transaction_warning`](Self::idle_transaction_warning), and is logged at most once for
    /// each attempt.
    pub fn blocking_poll_warning(mut self, longest: Duration) -> Self {
        self.settings.calls.limits.poll = longest;
        self
    }

    /// Sets whether every statement is logged at level info. Off by default; statements are then
    /// logged at level trace, or as [`connect_options`](Self::connect_options) say.
    pub fn log_statements(mut self, on: bool) -> Self {
        self.settings.session.log_statements = Some(on);
        self.about_pool("log_statements")
    }

    /// Opens the pools, and one connection, to see that the database is there. With a
    /// [`pool`](Self::pool) of the application's, no connection is opened.
    ///
    /// # Errors
    ///
    /// Fails as [`Db::connect`] does. With a pool of the application's, fails with
    /// [`ErrorKind::PoolClosed`] if the pool is closed, and with [`ErrorKind::Configuration`] if
    /// there are settings that are about the pool itself. The error names them.
    pub async fn connect(self) -> Result<Db<DB>> {
        self.open().await.map_err(not_connected)
    }

    async fn open(self) -> Result<Db<DB>> {
        if let Some(adopted) = self.adopted {
            return adopted.open(&self.settings, &self.of_pool);
        }
        let (options, own_options) = match self.place {
            Place::Url(url) => (options_of::<DB>(&url)?, false),
            Place::Options(options) => (options, true),
            Place::NotGiven => {
                return Err(Error::programming(
                    ErrorKind::Configuration,
                    "no URL was given; set DATABASE_URL, or call `url(..)`, `connect_options(..)` \
                     or `pool(..)` on the builder",
                ));
            }
        };
        let settings = &self.settings;
        let plans = DB::plans(options, settings.pool.max_connections, &settings.session)?;
        let now = Instant::now();
        let until = now + settings.pool.acquire_timeout();
        if let Some(options) = &plans.create {
            create::<DB>(options, until).await?;
        }
        let open = |plan, read_only| {
            let opened = OpenedWith {
                read_only,
                own_options,
            };
            let hook = self.after_connect.clone();
            let sessions = Sessions { opened, hook };
            Pools::Ours(PoolSet::open(plan, &settings.pool, &sessions))
        };
        let db = Db::new(
            open(&plans.write, false),
            plans.read.as_ref().map(|plan| open(plan, true)),
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

/// The operation that opens a database, as errors and the list of those who hold connections name
/// it.
static CONNECT: Op = Op::operation("connect", file!(), line!());

/// Opens a connection that creates the database, and closes it again.
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

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_huge_number_of_connections_is_bounded() {
        // Nobody listens at this port, but the pools are made before that is known.
        let builder = Db::<sqlx::Postgres>::builder()
            .url("postgres://ada@127.0.0.1:1/shop")
            .acquire_timeout(Duration::from_millis(100))
            .max_connections(u32::MAX)
            .min_connections(u32::MAX);
        assert_eq!(builder.settings.pool.max_connections, 262_143);
        let error = builder.connect().await.expect_err("nobody is there");
        assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    }
}
