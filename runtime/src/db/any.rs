//! [`AnyDb`]: a handle to whichever database the application was started with.

use std::time::Duration;

#[cfg(feature = "postgres")]
use sqlx::Postgres;
#[cfg(feature = "sqlite")]
use sqlx::Sqlite;
use sqlx::migrate::Migrator;

use super::handle::Db;
use crate::backend::Backend;
use crate::error::Result;
use crate::monitor::{AlertReceiver, FailedCall, SessionInfo, Totals};
use crate::policy::Shutdown;

/// A handle to whichever database the application was started with: SQLite on a developer's machine
/// and in tests, for example, and PostgreSQL in production. A clone is another handle to the same
/// pools.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), dbop::Error> {
/// use dbop::AnyDb;
///
/// let db = AnyDb::connect("sqlite::memory:").await?; // or "postgres://.."
/// assert_eq!(db.system(), "sqlite");
/// db.close().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// ```
///
/// A [`Db`] of either database becomes an `AnyDb` by `AnyDb::from(db)`.
#[derive(Clone, Debug)]
pub enum AnyDb {
    /// SQLite.
    #[cfg(feature = "sqlite")]
    Sqlite(Db<Sqlite>),
    /// PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(Db<Postgres>),
}

/// Evaluates an expression with the `Db` of an [`AnyDb`], whichever that is.
macro_rules! with_db {
    ($any:expr, $db:ident => $does:expr) => {
        match $any {
            #[cfg(feature = "sqlite")]
            AnyDb::Sqlite($db) => $does,
            #[cfg(feature = "postgres")]
            AnyDb::Postgres($db) => $does,
        }
    };
}

pub(crate) use with_db;

impl AnyDb {
    /// Applies the migrations that have not been applied to this database yet, as [`Db::migrate`]
    /// does. This is for migrations whose SQL both databases understand;
    /// [`migrate_each`](Self::migrate_each) is for others.
    ///
    /// # Errors
    ///
    /// Fails as [`Db::migrate`] does.
    pub async fn migrate(&self, migrator: &Migrator) -> Result<()> {
        self.migrate_each(migrator, migrator).await
    }

    /// Applies the migrations of this database, where each has its own.
    ///
    /// ```
    /// # use dbop::AnyDb;
    /// # use sqlx::migrate::Migrator;
    /// # async fn example(db: AnyDb) -> Result<(), Box<dyn std::error::Error>> {
    /// # use std::path::Path;
    /// let sqlite = Migrator::new(Path::new("migrations/sqlite")).await?;
    /// let postgres = Migrator::new(Path::new("migrations/postgres")).await?;
    /// db.migrate_each(&sqlite, &postgres).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails as [`Db::migrate`] does.
    #[cfg_attr(
        not(all(feature = "sqlite", feature = "postgres")),
        allow(unused_variables)
    )]
    pub async fn migrate_each(&self, sqlite: &Migrator, postgres: &Migrator) -> Result<()> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(db) => db.migrate(sqlite).await,
            #[cfg(feature = "postgres")]
            Self::Postgres(db) => db.migrate(postgres).await,
        }
    }

    /// Whether the state of this database is to be shown, as [`Db::monitoring_enabled`] says.
    #[must_use]
    pub fn monitoring_enabled(&self) -> bool {
        with_db!(self, db => db.monitoring_enabled())
    }

    /// Compares the migrations that this database has with those that the program was written for, as
    /// [`Db::verify_schema`] does. Where each database has its own migrations, call that on
    /// [`as_sqlite`](Self::as_sqlite) or [`as_postgres`](Self::as_postgres).
    ///
    /// # Errors
    ///
    /// Fails as [`Db::verify_schema`] does.
    pub async fn verify_schema(&self, migrator: &Migrator) -> Result<()> {
        with_db!(self, db => db.verify_schema(migrator).await)
    }

    /// Opens the connections that the pools are to keep, and sees that the database answers, as
    /// [`Db::warm_up`] does.
    ///
    /// # Errors
    ///
    /// Fails as [`Db::warm_up`] does.
    pub async fn warm_up(&self) -> Result<()> {
        with_db!(self, db => db.warm_up().await)
    }

    /// Closes all connections and waits until they are gone, as [`Db::close`] does.
    pub async fn close(&self) {
        with_db!(self, db => db.close().await);
    }

    /// Returns the connections that calls hold at this moment, as [`Db::sessions`] does.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionInfo> {
        with_db!(self, db => db.sessions())
    }

    /// Returns what receives the alerts of this handle from now on, as [`Db::alerts`] does.
    #[must_use]
    pub fn alerts(&self) -> AlertReceiver {
        with_db!(self, db => db.alerts())
    }

    /// Returns the calls that have failed last, as [`Db::last_errors`] does.
    #[must_use]
    pub fn last_errors(&self) -> Vec<FailedCall> {
        with_db!(self, db => db.last_errors())
    }

    /// Returns what was counted since the handle was opened, as [`Db::totals`] does.
    #[must_use]
    pub fn totals(&self) -> Totals {
        with_db!(self, db => db.totals())
    }

    /// Shuts the handle down: no call begins any more, calls that run have this long to finish, and all
    /// connections are closed. [`Db::shutdown`] says what holds for whom.
    pub async fn shutdown(&self, time: Duration) -> Shutdown {
        with_db!(self, db => db.shutdown(time).await)
    }

    /// Whether the handle was closed or is shutting down.
    #[cfg(all(feature = "http", feature = "postgres"))]
    pub(crate) fn is_shutting_down(&self) -> bool {
        with_db!(self, db => db.running().shutdown().is_cancelled())
    }

    /// Returns which database this is, by the name that OpenTelemetry gives the database: `sqlite`
    /// or `postgresql`.
    #[must_use]
    pub fn system(&self) -> &'static str {
        fn system<DB: Backend>(_: &Db<DB>) -> &'static str {
            DB::SYSTEM
        }
        with_db!(self, db => system(db))
    }

    /// Returns the handle if this is SQLite.
    #[cfg(feature = "sqlite")]
    #[must_use]
    pub fn as_sqlite(&self) -> Option<&Db<Sqlite>> {
        match self {
            Self::Sqlite(db) => Some(db),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => None,
        }
    }

    /// Returns the handle if this is PostgreSQL.
    #[cfg(feature = "postgres")]
    #[must_use]
    pub fn as_postgres(&self) -> Option<&Db<Postgres>> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => None,
            Self::Postgres(db) => Some(db),
        }
    }
}

#[cfg(feature = "sqlite")]
impl From<Db<Sqlite>> for AnyDb {
    fn from(db: Db<Sqlite>) -> Self {
        Self::Sqlite(db)
    }
}

#[cfg(feature = "postgres")]
impl From<Db<Postgres>> for AnyDb {
    fn from(db: Db<Postgres>) -> Self {
        Self::Postgres(db)
    }
}
