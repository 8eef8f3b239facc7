//! The pools of the contestants that use sqlx, opened as dbop opens its own. On SQLite there is one
//! writer, apart from the readers. A connection is not tried before each use.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{PgPool, SqlitePool};

use harness::bank::Fallible;

/// dbop's own timeout, because SQLite's wait for a lock is not fair and blocks its thread.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_millis(250);

/// The connections of one contestant on SQLite.
#[derive(Clone, Debug)]
pub(crate) struct Pools {
    pub(crate) write: SqlitePool,
    pub(crate) read: SqlitePool,
}

pub(crate) async fn sqlite(file: &Path, readers: u32) -> Fallible<Pools> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT);
    let pool = |connections| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(30))
            .test_before_acquire(false)
    };
    let read = options.clone().pragma("query_only", "ON");
    Ok(Pools {
        write: pool(1).connect_with(options).await?,
        read: pool(readers).connect_with(read).await?,
    })
}

pub(crate) async fn postgres(url: &str, connections: u32) -> Fallible<PgPool> {
    opened(PgConnectOptions::from_str(url)?, connections).await
}

/// Opens a pool for a contestant with dbop's promises: the server ends statements that take too
/// long or whose client has gone.
pub(crate) async fn promising_postgres(url: &str, connections: u32) -> Fallible<PgPool> {
    let options = PgConnectOptions::from_str(url)?.options([
        ("statement_timeout", "30s"),
        ("idle_in_transaction_session_timeout", "60s"),
        ("client_connection_check_interval", "100ms"),
    ]);
    opened(options, connections).await
}

async fn opened(options: PgConnectOptions, connections: u32) -> Fallible<PgPool> {
    Ok(PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(30))
        .test_before_acquire(false)
        .connect_with(options)
        .await?)
}
