//! [`AnyDbBuilder`]: the settings of an [`AnyDb`], and how it is opened.

use std::fmt;

#[cfg(feature = "postgres")]
use sqlx::Postgres;
#[cfg(feature = "sqlite")]
use sqlx::Sqlite;

use super::any::AnyDb;
use super::builder::DbBuilder;
use super::handle::Db;
use super::setup::{Setup, no_url, not_connected, settings_of_both};
use crate::backend::{Backend, KnownDatabase, database_of};
use crate::error::Result;

impl AnyDb {
    /// Opens the database at `url` with the default settings: SQLite if the URL begins with `sqlite:`,
    /// PostgreSQL if it begins with `postgres:` or `postgresql:`. This opens one connection, to see
    /// that the database is there.
    ///
    /// # Errors
    ///
    /// Fails if the URL is of another database, or of one whose cargo feature is off: the error names
    /// the scheme, the feature and how a URL is written. Also fails as [`Db::connect`] does. No error
    /// contains the password.
    pub async fn connect(url: &str) -> Result<Self> {
        Self::builder().url(url).connect().await
    }

    /// Opens the database that the environment describes, by the variables that [`Db::from_env`]
    /// reads. `DATABASE_URL` says which database it is.
    ///
    /// # Errors
    ///
    /// Fails as [`connect`](Self::connect) does. If variables have bad values, the error names all
    /// of them, with their values and what would be valid.
    pub async fn from_env() -> Result<Self> {
        Self::builder().env()?.connect().await
    }

    /// Returns a builder that takes settings before it opens the database with
    /// [`connect`](AnyDbBuilder::connect).
    pub fn builder() -> AnyDbBuilder {
        AnyDbBuilder::default()
    }
}

/// A builder of an [`AnyDb`]. The documentation of each method names the default of its setting.
///
/// ```
/// # async fn example() -> Result<(), dbop::Error> {
/// use std::time::Duration;
///
/// let db = dbop::AnyDb::builder()
///     .env()? // DATABASE_URL and others
///     .max_connections(4)
///     .timeout(Duration::from_secs(5))
///     .connect()
///     .await?;
/// # let _ = db;
/// # Ok(())
/// # }
/// ```
///
/// These settings hold for either database. Those of one database are told to
/// `on_sqlite` and `on_postgres`.
#[derive(Default)]
#[must_use = "a builder does nothing until `connect`"]
pub struct AnyDbBuilder {
    setup: Setup,
    #[cfg(feature = "sqlite")]
    on_sqlite: Further<Sqlite>,
    #[cfg(feature = "postgres")]
    on_postgres: Further<Postgres>,
}

/// What else is told to the builder of one database, in this order.
type Further<DB> = Vec<Box<dyn FnOnce(DbBuilder<DB>) -> DbBuilder<DB> + Send>>;

impl fmt::Debug for AnyDbBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyDbBuilder")
            .field("setup", &self.setup)
            .finish_non_exhaustive()
    }
}

impl AnyDbBuilder {
    settings_of_both!();

    /// Adds settings that hold only if the database is SQLite, such as options of its driver, a hook
    /// for its connections, or another number of them. There are none by default.
    ///
    /// ```
    /// # async fn example() -> Result<(), dbop::Error> {
    /// use sqlx::Executor;
    ///
    /// let db = dbop::AnyDb::builder()
    ///     .env()?
    ///     .max_connections(20)
    ///     .on_sqlite(|builder| {
    ///         builder.max_connections(4).after_connect(|conn| {
    ///             Box::pin(async move {
    ///                 conn.execute("PRAGMA cache_size = -20000").await?;
    ///                 Ok(())
    ///             })
    ///         })
    ///     })
    ///     .connect()
    ///     .await?;
    /// # let _ = db;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`connect`](Self::connect) passes a builder that has all settings for either database, in
    /// whatever order these were made. What is told to that builder counts.
    #[cfg(feature = "sqlite")]
    pub fn on_sqlite<F>(mut self, settings: F) -> Self
    where
        F: FnOnce(DbBuilder<Sqlite>) -> DbBuilder<Sqlite> + Send + 'static,
    {
        self.on_sqlite.push(Box::new(settings));
        self
    }

    /// Adds settings that hold only if the database is PostgreSQL, such as options of its driver, a
    /// hook for its connections, or another number of them. There are none by default.
    ///
    /// ```
    /// # async fn example() -> Result<(), dbop::Error> {
    /// use sqlx::Executor;
    ///
    /// let db = dbop::AnyDb::builder()
    ///     .env()?
    ///     .on_postgres(|builder| {
    ///         builder.after_connect(|conn| {
    ///             Box::pin(async move {
    ///                 conn.execute("SET search_path = accounting, public").await?;
    ///                 Ok(())
    ///             })
    ///         })
    ///     })
    ///     .connect()
    ///     .await?;
    /// # let _ = db;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`connect`](Self::connect) passes a builder that has all settings for either database, in
    /// whatever order these were made. What is told to that builder counts.
    #[cfg(feature = "postgres")]
    pub fn on_postgres<F>(mut self, settings: F) -> Self
    where
        F: FnOnce(DbBuilder<Postgres>) -> DbBuilder<Postgres> + Send + 'static,
    {
        self.on_postgres.push(Box::new(settings));
        self
    }

    /// Opens the pools of the database that the URL names, and one connection, to see that the
    /// database is there.
    ///
    /// # Errors
    ///
    /// Fails as [`AnyDb::connect`] does.
    pub async fn connect(self) -> Result<AnyDb> {
        let database = match &self.setup.url {
            Some(url) => database_of(url.expose()),
            None => Err(no_url("`url(..)`")),
        };
        match database.map_err(not_connected)? {
            #[cfg(feature = "sqlite")]
            KnownDatabase::Sqlite => open(self.setup, self.on_sqlite).await,
            #[cfg(feature = "postgres")]
            KnownDatabase::Postgres => open(self.setup, self.on_postgres).await,
        }
    }
}

async fn open<DB: Backend>(setup: Setup, further: Further<DB>) -> Result<AnyDb>
where
    AnyDb: From<Db<DB>>,
{
    let builder = DbBuilder::of(setup);
    let builder = further
        .into_iter()
        .fold(builder, |builder, settings| settings(builder));
    builder.connect().await.map(AnyDb::from)
}
