//! The pools of the peers, opened as dbop opens its own. A connection is not tried before each use.

use std::path::Path;
use std::time::Duration;

use harness::bank::Fallible;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{PgPool, SqlitePool};

/// dbop's own timeout, because SQLite's wait for a lock is not fair and blocks its thread.
const BUSY_TIMEOUT: Duration = Duration::from_millis(250);
const WAIT: Duration = Duration::from_secs(30);

/// Opens so many connections that may write.
pub(crate) async fn sqlite(file: &Path, connections: u32) -> Fallible<SqlitePool> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT);
    Ok(SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(WAIT)
        .test_before_acquire(false)
        .connect_with(options)
        .await?)
}

pub(crate) async fn postgres(url: &str, connections: u32) -> Fallible<PgPool> {
    Ok(PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(WAIT)
        .test_before_acquire(false)
        .connect(url)
        .await?)
}
