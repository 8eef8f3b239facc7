//! [`DbBuilder`]: the settings of a [`Db`], and how it is opened.

use std::fmt;
use std::sync::Arc;

use futures_core::future::BoxFuture;
use sqlx::{ConnectOptions, Connection, Pool};
use tokio::time::{Instant, timeout_at};

use super::adopted::Adopted;
use super::handle::Db;
use super::setup::{CONNECT, Setup, no_url, not_connected, settings_of_both};
use crate::backend::{Backend, OpenedWith, Options, options_of};
use crate::error::{Error, ErrorKind, Result};
use crate::pool::{AfterConnect, PoolSet, Pools, Sessions, unopened};
use crate::rt::Timer;

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
    /// `DATABASE_URL` is required, and the other variables are optional. Each setting of the builder
    /// has one: `DATABASE_POOL_SIZE`, `DATABASE_POOL_TIMEOUT`, `DATABASE_STATEMENT_TIMEOUT`,
    /// `DATABASE_RETRY_ATTEMPTS` and so on. [The guide](crate::guide::settings#variables) has their
    /// table. Times are written such as `5s`, `250ms` or `2min`; `30` and `0.5` are in seconds.
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
        DbBuilder::of(Setup::default())
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
#[derive(Clone)]
#[must_use = "a builder does nothing until `connect`"]
pub struct DbBuilder<DB: Backend> {
    setup: Setup,
    /// Hold only where `setup` has no URL.
    options: Option<Options<DB>>,
    adopted: Option<Adopted<DB>>,
    after_connect: Option<AfterConnect<DB>>,
}

/// Options may contain a password, so only the place is shown to which they lead.
impl<DB: Backend> fmt::Debug for DbBuilder<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DbBuilder")
            .field("setup", &self.setup)
            .field("options", &self.options.as_ref().map(DB::place))
            .field("adopted", &self.adopted)
            .field("after_connect", &self.after_connect)
            .finish()
    }
}

impl<DB: Backend> DbBuilder<DB> {
    pub(super) fn of(setup: Setup) -> Self {
        Self {
            setup,
            options: None,
            adopted: None,
            after_connect: None,
        }
    }

    settings_of_both!();

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
        self.setup.url = None;
        self.setup.about_pool("connect_options");
        self.options = Some(options);
        self
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
        self.setup.about_pool("after_connect");
        self
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

    /// Opens the pools, and one connection, to see that the database is there. With a
    /// [`pool`](Self::pool) of the application's, no connection is opened.
    ///
    /// # Errors
    ///
    /// Fails as [`Db::connect`] does. With a pool of the application's, fails with
    /// [`ErrorKind::PoolClosed`](crate::ErrorKind::PoolClosed) if the pool is closed, and with
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if there are settings that are about
    /// the pool itself. The error names them.
    pub async fn connect(mut self) -> Result<Db<DB>> {
        let on_alert = std::mem::take(&mut self.setup.on_alert);
        if !self.setup.settings.async_enabled {
            return Err(not_connected(always_async()));
        }
        let db = self.open().await.map_err(not_connected)?;
        db.defaults().monitor.tell(on_alert);
        Ok(db)
    }

    /// Returns what the environment says of the two halves of a `TwoWayDb`. The handle that this opens
    /// from now on may be one of them.
    #[cfg(feature = "blocking")]
    pub(crate) fn take_async_enabled(&mut self) -> bool {
        std::mem::replace(&mut self.setup.settings.async_enabled, true)
    }

    async fn open(self) -> Result<Db<DB>> {
        let settings = &self.setup.settings;
        if let Some(adopted) = self.adopted {
            return adopted.open(settings, &self.setup.of_pool);
        }
        let (options, own_options) = match (&self.setup.url, self.options) {
            (Some(url), _) => (options_of::<DB>(url.expose())?, false),
            (None, Some(options)) => (options, true),
            (None, None) => return Err(no_url("`url(..)`, `connect_options(..)` or `pool(..)`")),
        };
        let plans = DB::plans(options, settings.pool.max_connections, &settings.session)?;
        let now = Instant::now();
        let until = now + settings.pool.acquire_timeout();
        if let Some(options) = &plans.create {
            create::<DB>(options, until).await?;
        }
        let defaults = settings.defaults();
        let open = |plan, read_only| {
            let opened = OpenedWith {
                read_only,
                own_options,
            };
            let hook = self.after_connect.clone();
            let sessions = Sessions {
                opened,
                hook,
                monitor: Arc::clone(&defaults.monitor),
            };
            Pools::Ours(PoolSet::open(plan, &settings.pool, &sessions))
        };
        let write = open(&plans.write, false);
        let read = plans.read.as_ref().map(|plan| open(plan, true));
        let db = Db::new(write, read, defaults, settings);
        let mut timer = Timer::default();
        let lease = db
            .pools(false)
            .acquire(CONNECT.first_attempt(), now, until, &mut timer)
            .await?;
        lease.release().await;
        Ok(db)
    }
}

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

/// The environment switches off what a `Db` alone cannot be without.
fn always_async() -> Error {
    Error::programming(
        ErrorKind::Configuration,
        "ASYNC_DATABASE_ENABLED (or DATABASE_ASYNC_ENABLED) is `false`, and calls on a `Db` alone are \
         always async; open a `TwoWayDb`, which calls the plain twins of the functions then, or remove \
         the variable",
    )
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_db_alone_is_not_opened_where_the_environment_switches_async_off() {
        let mut builder = Db::<sqlx::Postgres>::builder().url("postgres://ada@127.0.0.1:1/shop");
        builder.setup.settings.async_enabled = false;
        let error = builder.connect().await.expect_err("it is always async");
        assert_eq!(error.kind(), ErrorKind::Configuration);
        for part in [
            "ASYNC_DATABASE_ENABLED",
            "DATABASE_ASYNC_ENABLED",
            "`TwoWayDb`",
        ] {
            assert!(error.to_string().contains(part), "{part}: {error}");
        }
    }

    #[tokio::test]
    async fn a_huge_number_of_connections_is_bounded() {
        // Nobody listens at this port, but the pools are made before that is known.
        let builder = Db::<sqlx::Postgres>::builder()
            .url("postgres://ada@127.0.0.1:1/shop")
            .acquire_timeout(Duration::from_millis(100))
            .max_connections(u32::MAX)
            .min_connections(u32::MAX);
        assert_eq!(builder.setup.settings.pool.max_connections, 262_143);
        let error = builder.connect().await.expect_err("nobody is there");
        assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    }
}
