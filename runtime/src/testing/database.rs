//! [`TestDatabase`]: a database that is made for one test, and how each database makes one.

use std::fmt;

use futures_core::future::BoxFuture;
use sqlx::SqlSafeStr;
use sqlx::migrate::Migrator;

use super::leaks;
use crate::backend::{Backend, Options};
use crate::db::Db;
use crate::error::{Error, ErrorKind, Result};

/// What a test wants of its database.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The name of the test, which is seen in the name of the database.
    pub(super) test: &'a str,
    pub(super) migrations: Option<&'static Migrator>,
    /// Whether a database of SQLite is in memory.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub(super) in_memory: bool,
}

/// A file of SQL that runs after the migrations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fixture {
    pub(super) path: &'static str,
    pub(super) sql: &'static str,
}

/// A database on which tests can run. The trait is sealed.
pub trait TestBackend: Backend {
    /// What is known of the database of one test. If it is dropped, the database is a leftover.
    type Place: fmt::Debug + Send;

    /// Whether databases are made as copies of a database on which the migrations have run.
    #[doc(hidden)]
    const IS_COPIED: bool;

    /// Makes a database.
    #[doc(hidden)]
    fn create(request: Request<'_>) -> impl Future<Output = Result<Self::Place>> + Send;

    /// Returns how connections to the database are opened.
    #[doc(hidden)]
    fn options(place: &Self::Place) -> Result<Options<Self>>;

    /// Returns what is known of each session on the database.
    #[doc(hidden)]
    fn sessions_on(place: &Self::Place) -> impl Future<Output = Result<Vec<String>>> + Send;

    /// Removes the database, on which there are no sessions any more.
    #[doc(hidden)]
    fn remove(place: Self::Place) -> impl Future<Output = Result<()>> + Send;

    /// Keeps the database for a reader. Returns where it is, without a password; `None` if it cannot
    /// be kept, or is gone.
    #[doc(hidden)]
    fn keep(place: Self::Place) -> impl Future<Output = Result<Option<String>>> + Send;
}

/// How the handle to the database of a test is opened.
pub(super) type Open<DB> = fn(Options<DB>) -> BoxFuture<'static, Result<Db<DB>>>;

/// A database of its own for a test that [`#[dbop::test]`](macro@crate::test) does not fit.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # async fn example() -> dbop::Result<()> {
/// use dbop::testing::TestDatabase;
/// use sqlx::Sqlite;
///
/// let database = TestDatabase::<Sqlite>::fresh("sums", None).await?;
/// sqlx::query("CREATE TABLE sums (cents INTEGER)").execute(database.db().pool()).await.map_err(dbop::Error::from)?;
/// database.remove().await
/// # }
/// ```
///
/// A database that is neither [removed](Self::remove) nor [kept](Self::keep), because its test has
/// failed before, goes at the next run of any test.
#[derive(Debug)]
pub struct TestDatabase<DB: TestBackend> {
    db: Db<DB>,
    place: DB::Place,
}

impl<DB: TestBackend> TestDatabase<DB> {
    /// Makes a database: a file of SQLite in a temporary folder, or a database in the PostgreSQL
    /// server that `DBOP_TEST_DATABASE_URL` names. The migrations have run on it. `test` becomes a
    /// part of its name.
    ///
    /// # Errors
    ///
    /// Fails if the variable is not set, if the server cannot be used, or if a migration fails.
    pub async fn fresh(test: &str, migrations: Option<&'static Migrator>) -> Result<Self> {
        let request = Request {
            test,
            migrations,
            in_memory: false,
        };
        Self::open(request, &[], handle::<DB>).await
    }

    pub(super) async fn open(
        request: Request<'_>,
        fixtures: &[Fixture],
        open: Open<DB>,
    ) -> Result<Self> {
        let place = DB::create(request).await?;
        let db = open(DB::options(&place)?).await?;
        if let Some(migrations) = request.migrations
            && !DB::IS_COPIED
        {
            db.migrate(migrations).await?;
        }
        for fixture in fixtures {
            let mut conn = db.pool().acquire().await?;
            let ran = DB::run(&mut conn, fixture.sql.into_sql_str()).await;
            ran.map_err(|error| {
                let advice = format!("correct the fixture `{}`", fixture.path);
                Error::from(error).advise(advice)
            })?;
        }
        Ok(Self { db, place })
    }

    /// Returns the handle to the database.
    #[must_use]
    pub fn db(&self) -> &Db<DB> {
        &self.db
    }

    /// Closes the handle and removes the database.
    ///
    /// # Errors
    ///
    /// Fails if a connection is still in use after 1 s, or a session is still open. The error says
    /// who holds it. The database goes at the next run of any test then.
    pub async fn remove(self) -> Result<()> {
        match self.close().await? {
            None => DB::remove(self.place).await,
            Some(left) => Err(Error::programming(ErrorKind::Other, left)),
        }
    }

    /// Keeps the database for 7 days, and returns where it is, without a password. `None` if it is in
    /// memory, or is not there any more.
    ///
    /// # Errors
    ///
    /// Fails if the server does not answer.
    pub async fn keep(self) -> Result<Option<String>> {
        DB::keep(self.place).await
    }

    /// Closes the handle. Returns what is still held; `None` if nothing is.
    pub(super) async fn close(&self) -> Result<Option<String>> {
        leaks::close(&self.db, &self.place).await
    }
}

/// Opens a handle with its default settings.
pub(super) fn handle<DB: TestBackend>(options: Options<DB>) -> BoxFuture<'static, Result<Db<DB>>> {
    Box::pin(Db::builder().connect_options(options).connect())
}
