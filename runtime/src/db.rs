//! [`Db`]: the handle an application keeps, and its builder.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::{ConnectOptions, Connection};
use tokio::time::{Instant, timeout_at};

use crate::backend::{self, Backend, Options};
use crate::breaker::{Breaker, Circuit};
use crate::classify::Kind;
use crate::error::Ended;
use crate::error::{Error, Outcome, Result};
use crate::lanes::Lanes;
use crate::once::CleanUp;
use crate::op::Op;
use crate::pool;
use crate::retry::{Budget, Policy};
use crate::rt::FOREVER;
use crate::rt::Timer;
use crate::settings::{Limits, Settings};

/// A database: its pools and the defaults of calls on it. A clone is another handle to the same.
///
/// On SQLite it is one connection that writes and `pool_size` connections that read, in WAL mode;
/// on Postgres a pool of sessions that write and one of sessions opened read-only, each opened
/// when first needed. Which one a call takes follows from its option `read_only`.
///
/// ```
/// # async fn example() -> Result<(), dbop::Error> {
/// use dbop::Db;
/// use sqlx::Sqlite;
///
/// let db = Db::<Sqlite>::connect("sqlite:bank.db?mode=rwc").await?;
/// # let _ = db;
/// # Ok(())
/// # }
/// ```
pub struct Db<DB: Backend> {
    inner: Arc<Inner<DB>>,
}

struct Inner<DB: Backend> {
    write: Lanes<DB>,
    read: Option<Lanes<DB>>,
    defaults: Defaults,
    close_timeout: Duration,
}

/// What a call takes from its database where the operation says nothing.
#[derive(Debug)]
pub(crate) struct Defaults {
    pub(crate) timeout: Duration,
    /// The same for a call that has no session of ours; `None`: it has no deadline.
    pub(crate) timeout_without_session: Option<Duration>,
    pub(crate) acquire_timeout: Duration,
    /// The sessions' own statement timeout, if dbop has set one.
    pub(crate) statement_timeout: Option<Duration>,
    pub(crate) retry: Policy,
    pub(crate) budget: Budget,
    pub(crate) markers: CleanUp,
    /// `None`: switched off, or nothing that these calls would have in common.
    pub(crate) circuit: Option<Arc<Circuit>>,
    pub(crate) limits: Limits,
}

impl Defaults {
    pub(crate) fn of(settings: &Settings) -> Self {
        let (per_call, per_second) = settings.retry_budget;
        Self {
            timeout: settings.timeout,
            timeout_without_session: None,
            acquire_timeout: settings.acquire_timeout,
            statement_timeout: Some(settings.statement_timeout),
            retry: settings.retry,
            budget: Budget::new(per_call, per_second),
            markers: CleanUp::default(),
            circuit: settings.breaker.map(Circuit::new),
            limits: settings.limits,
        }
    }

    /// For calls on a pool or connection that is not a [`Db`]'s: shared by all of the process.
    pub(crate) fn elsewhere() -> &'static Self {
        ELSEWHERE.get_or_init(|| ProcessDefaults::default().into_defaults())
    }
}

static ELSEWHERE: OnceLock<Defaults> = OnceLock::new();

/// Defaults of this process for operations that run without a [`Db`]: those without a session
/// parameter, and calls on a `sqlx::Pool` or a connection of the application's own. They are set once,
/// before the first such call.
///
/// ```
/// use std::time::Duration;
///
/// fn main() -> dbop::Result<()> {
///     dbop::defaults().timeout(Duration::from_secs(60)).set()?;
///     Ok(())
/// }
/// ```
pub fn defaults() -> ProcessDefaults {
    ProcessDefaults::default()
}

/// See [`defaults`].
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "nothing changes until `set`"]
pub struct ProcessDefaults {
    timeout: Option<Duration>,
    retry: Option<Policy>,
}

impl ProcessDefaults {
    /// How long a call may take, retries included, if its operation names no `timeout`. Without this,
    /// a call on a `sqlx::Pool` may take 30 s, and a call that gets no session from dbop has no
    /// deadline: an operation without a session parameter, or one on a connection of its caller's.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How calls are retried if the operation says nothing. [`Policy::DEFAULT`].
    pub fn retry(mut self, policy: Policy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// Makes these the defaults of the process.
    ///
    /// # Errors
    ///
    /// [`Kind::Configuration`] if they were set before, or if a call has already used the defaults
    /// that hold otherwise: calls of one process would have different ones.
    pub fn set(self) -> Result<()> {
        ELSEWHERE.set(self.into_defaults()).map_err(|_| {
            Error::programming(
                Kind::Configuration,
                "the defaults of the process were set before, or a call has already used them; set \
                 them once, at the beginning of `main`",
            )
        })
    }

    fn into_defaults(self) -> Defaults {
        let mut settings = Settings::default();
        if let Some(timeout) = self.timeout {
            settings.timeout = timeout;
        }
        if let Some(policy) = self.retry {
            settings.retry = policy;
        }
        Defaults {
            timeout_without_session: self.timeout,
            statement_timeout: None,
            circuit: None,
            ..Defaults::of(&settings)
        }
    }
}

impl<DB: Backend> Db<DB> {
    /// Makes the table `dbop_once` and its index, in which `once` operations keep their markers;
    /// does nothing where it exists.
    ///
    /// The first call of a `once` operation does this by itself. It is here for a migration, where
    /// the application's own role may not create tables. Markers are kept for 7 days.
    pub const ONCE_SCHEMA: &'static str = DB::ONCE_SCHEMA;

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

    /// The pool of connections that write, for what dbop does not do: migrations, `LISTEN`.
    #[must_use]
    pub fn pool(&self) -> &sqlx::Pool<DB> {
        self.inner.write.pool()
    }

    /// Closes every connection and waits until they are gone. Calls that are running finish
    /// first; later ones fail with [`Kind::PoolClosed`].
    ///
    /// Returns after [`close_timeout`](Builder::close_timeout) at the latest. The connections of
    /// calls that are still running then are closed when those calls end.
    pub async fn close(&self) {
        let write = self.inner.write.close();
        let read = self.inner.read.as_ref().map(Lanes::close);
        let closing = async move {
            if let Some(read) = read {
                read.await;
            }
            write.await;
        };
        let _ = tokio::time::timeout(self.inner.close_timeout, closing).await;
    }

    pub(crate) fn lanes(&self, read_only: bool) -> &Lanes<DB> {
        match &self.inner.read {
            Some(read) if read_only => read,
            _ => &self.inner.write,
        }
    }

    pub(crate) fn defaults(&self) -> &Defaults {
        &self.inner.defaults
    }
}

impl<DB: Backend> Clone for Db<DB> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<DB: Backend> fmt::Debug for Db<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db")
            .field("system", &DB::SYSTEM)
            .finish_non_exhaustive()
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
        write!(f, "{}:..", backend::scheme(&self.0).unwrap_or_default())
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
        self.settings.pool_size = connections.max(1);
        self
    }

    /// Connections beyond `pool_size` when all are in use. 0.
    pub fn max_overflow(mut self, connections: u32) -> Self {
        self.settings.max_overflow = connections;
        self
    }

    /// How long a call waits for a connection. 10 s.
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.settings.acquire_timeout = timeout.min(FOREVER);
        self
    }

    /// The age at which a connection is replaced. 30 min.
    pub fn recycle(mut self, age: Duration) -> Self {
        self.settings.recycle = age;
        self
    }

    /// How long the server may take over what a connection is asked for its own sake: whether an
    /// idle connection is alive, to undo what a call has left, to take the connection back, to say
    /// goodbye. 5 s. After that the connection is closed without a goodbye, and its place in the
    /// pool is free. (SQLite asks nobody over a network, and has no such limit.)
    pub fn validation_timeout(mut self, timeout: Duration) -> Self {
        self.settings.validation_timeout = timeout.min(FOREVER);
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
        self.settings.statement_timeout = timeout;
        self
    }

    /// Postgres: how long a transaction may be idle before the server ends its session. 60 s.
    pub fn idle_in_transaction_timeout(mut self, timeout: Duration) -> Self {
        self.settings.idle_in_transaction_timeout = timeout;
        self
    }

    /// How long a whole call may take, retries included, if the operation names no `timeout`.
    /// 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// How calls are retried if the operation says nothing. [`Policy::DEFAULT`].
    pub fn retry(mut self, policy: Policy) -> Self {
        self.settings.retry = policy;
        self
    }

    /// Retries that an outage is worth: so much of one for each call, and so many each second.
    /// 0.2 and 10. Retries of conflicts between sessions do not count.
    pub fn retry_budget(mut self, per_call: f64, per_second: f64) -> Self {
        self.settings.retry_budget = (per_call.max(0.0), per_second.max(0.0));
        self
    }

    /// When calls are refused at once because the database cannot be reached; `None`: never.
    /// [`Breaker::DEFAULT`].
    pub fn breaker(mut self, breaker: impl Into<Option<Breaker>>) -> Self {
        self.settings.breaker = breaker.into();
        self
    }

    /// How long a transaction may pause between two statements before that is reported: it holds
    /// its connection and its locks meanwhile. 1 s. Reported once a transaction as a `tracing`
    /// event of level warn, with the operation, its file and line, when the pause ends.
    pub fn idle_transaction_warning(mut self, longest: Duration) -> Self {
        self.settings.limits.idle = longest;
        self
    }

    /// How long one poll of a body may take before that is reported: nothing else runs on its
    /// thread meanwhile. 100 ms. Reported once a call, as
    /// [`idle_transaction_warning`](Self::idle_transaction_warning).
    pub fn blocking_poll_warning(mut self, longest: Duration) -> Self {
        self.settings.limits.poll = longest;
        self
    }

    /// Logs every statement at level info. Off.
    pub fn echo(mut self, on: bool) -> Self {
        self.settings.echo = on;
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
        let plans = DB::plans(url, settings)?;
        let now = Instant::now();
        let until = now + settings.acquire_timeout;
        if let Some(options) = &plans.create {
            create::<DB>(options, until).await?;
        }
        let db = Db {
            inner: Arc::new(Inner {
                write: Lanes::open(&plans.write, settings, false),
                read: plans.read.map(|plan| Lanes::open(&plan, settings, true)),
                defaults: Defaults::of(settings),
                close_timeout: settings.close_timeout,
            }),
        };
        let mut timer = Timer::default();
        let lanes = &db.inner.write;
        let lease = lanes.acquire(&CONNECT, now, until, &mut timer).await?;
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
    let late = |_| pool::unopened(&DB::place(options), asked.elapsed());
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

#[cfg(test)]
mod tests {
    use super::*;

    /// No other unit test makes a call.
    #[test]
    fn the_defaults_of_the_process_are_set_once() {
        let minute = Duration::from_secs(60);
        defaults()
            .timeout(minute)
            .set()
            .expect("nobody has used them");
        assert_eq!(Defaults::elsewhere().timeout, minute);
        assert_eq!(Defaults::elsewhere().timeout_without_session, Some(minute));
        let error = defaults().set().unwrap_err();
        assert_eq!(error.kind(), Kind::Configuration);
        assert!(error.to_string().contains("`main`"), "{error}");
    }
}
