//! The databases that all sides work on: one in memory, and one in a file, where reads have
//! connections of their own.

use std::time::Duration;

use dbop::{BlockingDb, Db};
use r2d2_sqlite::SqliteConnectionManager;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{ConnectOptions, Sqlite, SqlitePool};
use tempfile::TempDir;

use crate::careful;

const SCHEMA: &str = "CREATE TABLE accounts (id INTEGER PRIMARY KEY, cents INTEGER NOT NULL);
    INSERT INTO accounts VALUES (1, 1000), (2, 1000)";

type Failure = Box<dyn std::error::Error>;

/// The databases of all sides. Each side has its own, with the same pragmas and pool sizes.
pub(crate) struct World {
    pub(crate) db: Db<Sqlite>,
    pub(crate) careful: careful::Database<Sqlite>,
    pub(crate) pool: SqlitePool,
    pub(crate) file_db: Db<Sqlite>,
    pub(crate) file_careful: careful::Database<Sqlite>,
    pub(crate) file_readers: SqlitePool,
    pub(crate) sync_db: BlockingDb<SqliteConnectionManager>,
    pub(crate) sync_careful: careful::sync::Database,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn open() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let (ours, theirs) = (
            folder.path().join("ours.db"),
            folder.path().join("theirs.db"),
        );
        let db = Db::connect("sqlite::memory:").await?;
        sqlx::raw_sql(SCHEMA).execute(db.pool()).await?;
        let careful = careful::Database::open(pool(), options("sqlite::memory:")?);
        sqlx::raw_sql(SCHEMA).execute(careful.pool()).await?;
        let naive = pool().connect_lazy_with(options("sqlite::memory:")?);
        sqlx::raw_sql(SCHEMA).execute(&naive).await?;
        let file_db = Db::builder()
            .url(format!("sqlite:{}?mode=rwc", ours.display()))
            .max_connections(1)
            .connect()
            .await?;
        sqlx::raw_sql(SCHEMA).execute(file_db.pool()).await?;
        let file = options(&format!("sqlite:{}?mode=rwc", theirs.display()))?
            .journal_mode(SqliteJournalMode::Wal);
        let mut writer = file.clone().connect().await?;
        sqlx::raw_sql(SCHEMA).execute(&mut writer).await?;
        let readers = file.pragma("query_only", "ON");
        let sync_pool = r2d2::Pool::builder()
            .max_size(1)
            .test_on_check_out(false)
            .build(manager())?;
        Ok(Self {
            db,
            careful,
            pool: naive,
            file_db,
            file_careful: careful::Database::open(pool(), readers.clone()),
            file_readers: pool().connect_lazy_with(readers),
            sync_db: BlockingDb::builder(manager()).max_connections(1).build(),
            sync_careful: careful::sync::Database::new(sync_pool),
            _folder: folder,
        })
    }
}

/// Returns the options with which dbop opens a connection.
fn options(url: &str) -> Result<SqliteConnectOptions, Failure> {
    Ok(url
        .parse::<SqliteConnectOptions>()?
        .foreign_keys(true)
        .busy_timeout(Duration::from_millis(250))
        .log_statements(log::LevelFilter::Trace))
}

fn pool() -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn manager() -> SqliteConnectionManager {
    SqliteConnectionManager::memory().with_init(|conn| conn.execute_batch(SCHEMA))
}
