//! [`Db`]: the handle that an application keeps.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::settings::Settings;
use crate::backend::Backend;
use crate::monitor::{AlertReceiver, FailedCall, SessionInfo, Totals};
use crate::once::marker_sql;
use crate::policy::{Defaults, Running};
#[cfg(feature = "testing")]
use crate::pool::Held;
use crate::pool::{Pools, Probe};

/// A handle to a database, with its pools and the defaults of calls on it. A clone is another
/// handle to the same pools.
///
/// On SQLite a handle has one connection that writes and `max_connections` connections that read, in WAL
/// mode; a database in memory has only the one that writes. On Postgres a handle has a pool of
/// sessions that write and a pool of sessions opened read-only. Connections are opened when they
/// are first needed. Which pool a call uses depends on the option `read_only` of its operation.
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
    pub(super) inner: Arc<DbInner<DB>>,
}

pub(super) struct DbInner<DB: Backend> {
    pub(super) write: Pools<DB>,
    pub(super) read: Option<Pools<DB>>,
    pub(super) defaults: Defaults,
    close_timeout: Duration,
    monitoring: bool,
    probe: Arc<Probe<DB>>,
    /// Held by the one who warms the pools up, because that needs all their connections at once.
    pub(super) warming_up: Mutex<()>,
}

impl<DB: Backend> Db<DB> {
    pub(super) fn new(
        write: Pools<DB>,
        read: Option<Pools<DB>>,
        defaults: Defaults,
        settings: &Settings,
    ) -> Self {
        let inner = Arc::new(DbInner {
            write,
            read,
            defaults,
            close_timeout: settings.close_timeout,
            monitoring: settings.monitoring,
            probe: Probe::new(),
            warming_up: Mutex::const_new(()),
        });
        #[cfg(feature = "metrics")]
        inner.report_as(settings.pool_name.as_deref());
        Self { inner }
    }

    /// The SQL that creates the table `dbop_once`, in which `once` operations keep their markers,
    /// and its index. It does nothing if they exist.
    ///
    /// The first call of a `once` operation runs this SQL by itself. It is public for migrations,
    /// if the application's own role may not create tables. Markers are kept for 7 days.
    pub const ONCE_SCHEMA: &'static str = marker_sql(DB::DATABASE).schema;

    /// Returns the pool of connections that write, for what dbop does not do itself, such as
    /// `LISTEN`.
    #[must_use]
    pub fn pool(&self) -> &sqlx::Pool<DB> {
        self.inner.write.pool()
    }

    /// Whether the state of this database is to be shown: what
    /// [`monitoring`](crate::DbBuilder::monitoring) of the builder or the variable
    /// `DATABASE_MONITORING_ENABLED` says, and `true` by default.
    ///
    /// ```
    /// # async fn example(db: dbop::Db<sqlx::Sqlite>) {
    /// if db.monitoring_enabled() {
    ///     // Mount the routes that show the state of the database.
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn monitoring_enabled(&self) -> bool {
        self.inner.monitoring
    }

    /// Closes all connections and waits until they are gone. Running calls finish first. Later
    /// calls fail with [`ErrorKind::ShuttingDown`](crate::ErrorKind::ShuttingDown).
    ///
    /// This is a [`shutdown`](Self::shutdown) whose time is the setting
    /// [`close_timeout`](crate::DbBuilder::close_timeout), for a program that does not ask what became
    /// of the calls. Calls that are still running then are cut off, and a warning is logged.
    ///
    /// A handle [from pools of the application's](Self::from_pool) closes these pools, also for
    /// those who use them directly.
    pub async fn close(&self) {
        drop(self.shutdown(self.inner.close_timeout).await);
    }

    /// Returns the setting of this name.
    #[cfg(feature = "blocking")]
    pub(crate) fn close_timeout(&self) -> Duration {
        self.inner.close_timeout
    }

    /// Closes all pools right away, and waits until their connections are gone.
    pub(super) async fn close_pools(&self) {
        let write = self.inner.write.close();
        let read = self.inner.read.as_ref().map(Pools::close);
        // First, because the pools may not be closed in time.
        self.inner.probe.close().await;
        if let Some(read) = read {
            read.await;
        }
        write.await;
    }

    /// Returns the pools for calls that only read, or for calls that may write.
    pub(crate) fn pools(&self, read_only: bool) -> &Pools<DB> {
        match &self.inner.read {
            Some(read) if read_only => read,
            _ => &self.inner.write,
        }
    }

    /// Returns the connections of this handle that calls hold at this moment, those first that are
    /// held for longest.
    ///
    /// Connections that were taken from [`pool`](Self::pool) directly are not listed.
    ///
    /// ```
    /// # async fn example(db: dbop::Db<sqlx::Sqlite>) {
    /// for session in db.sessions() {
    ///     println!(
    ///         "{} ({}:{}) holds a connection for {:?}, {} for {:?}",
    ///         session.operation,
    ///         session.file,
    ///         session.line,
    ///         session.held_for,
    ///         session.state,
    ///         session.state_for,
    ///     );
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionInfo> {
        let mut sessions = Vec::new();
        self.inner.write.add_sessions(&mut sessions);
        if let Some(read) = &self.inner.read {
            read.add_sessions(&mut sessions);
        }
        sessions.sort_by_key(|session| std::cmp::Reverse(session.held_for));
        sessions
    }

    /// Returns what receives the [alerts](crate::AlertKind) of this handle from now on. Each condition is told
    /// once until it is over, at most once a minute.
    ///
    /// ```
    /// # async fn example(db: dbop::Db<sqlx::Sqlite>) {
    /// let mut alerts = db.alerts();
    /// while let Some(alert) = alerts.recv().await {
    ///     println!("{} in {}: {}", alert.kind, alert.operation, alert.kind.message());
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn alerts(&self) -> AlertReceiver {
        self.inner.defaults.monitor.alerts()
    }

    /// Returns the calls on this handle that have failed last, the latest first. At most 50 are kept.
    ///
    /// An error of the application's own is not listed, and nor is a row that is not there. A joined
    /// call is not listed either; the call that it has joined is, if that has failed as well.
    ///
    /// ```
    /// # async fn example(db: dbop::Db<sqlx::Sqlite>) {
    /// for failed in db.last_errors() {
    ///     println!("{}: {} ({})", failed.operation, failed.kind, failed.outcome);
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn last_errors(&self) -> Vec<FailedCall> {
        self.inner.defaults.monitor.last_errors()
    }

    /// Returns what was counted since the handle was opened. [`metrics`](crate::metrics) has the
    /// counts of each operation.
    ///
    /// ```
    /// # async fn example(db: dbop::Db<sqlx::Sqlite>) {
    /// let totals = db.totals();
    /// let average = totals.held_time.as_secs_f64() / totals.open_for.as_secs_f64();
    /// println!("{average} connections in use on average, {} leaks", totals.leaks);
    /// # }
    /// ```
    #[must_use]
    pub fn totals(&self) -> Totals {
        let pools = std::iter::once(&self.inner.write).chain(&self.inner.read);
        let held_so_far = pools.map(Pools::held_so_far).sum();
        self.inner.defaults.monitor.totals(held_so_far)
    }

    /// Returns the connections that are in use.
    #[cfg(feature = "testing")]
    pub(crate) fn held(&self) -> Held {
        let mut held = Held::default();
        held.add(&self.inner.write);
        if let Some(read) = &self.inner.read {
            held.add(read);
        }
        held
    }

    /// Returns the count of the calls that run on this handle.
    pub(crate) fn running(&self) -> &Arc<Running> {
        self.defaults().running_on_handle()
    }

    /// Returns the connection on which the database is asked whether it is there.
    pub(crate) fn probe(&self) -> &Arc<Probe<DB>> {
        &self.inner.probe
    }

    /// Returns the pools for calls that only read, if they have pools of their own.
    pub(crate) fn read_pools(&self) -> Option<&Pools<DB>> {
        self.inner.read.as_ref()
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
