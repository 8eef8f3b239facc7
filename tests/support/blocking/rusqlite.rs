//! `rusqlite`, on a SQLite file.

use dbop::BlockingDb;
use r2d2_sqlite::SqliteConnectionManager;
use sqlx::Sqlite;

use super::Configure;
use crate::sqlite;

pub type Session = ::rusqlite::Connection;
pub type Manager = SqliteConnectionManager;
pub type Database = Sqlite;
pub type World = super::World<Manager, Database>;

pub const SYSTEM: &str = "sqlite";

/// The code of the error where the number of a note is taken.
pub const TAKEN_CODE: Option<&str> = Some("1555");
/// A query that never ends by itself.
pub const ENDLESS: &str =
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";

/// Returns the path in a URL of [`sqlite::fresh_with`].
pub(super) fn path(url: &str) -> &str {
    url.trim_start_matches("sqlite:")
}

/// # Panics
///
/// If the database cannot be created.
pub async fn open(configure: Configure<Manager>) -> World {
    open_with(configure, "").await
}

/// Opens a pool whose connections each run `init` first.
///
/// # Panics
///
/// If the database cannot be created.
pub async fn open_with(configure: Configure<Manager>, init: &'static str) -> World {
    let fresh = sqlite::fresh_with(|builder| builder).await;
    let manager = SqliteConnectionManager::file(path(&fresh.url))
        .with_init(move |conn| conn.execute_batch(init));
    let db = configure(BlockingDb::builder(manager)).build();
    World { db, fresh }.with_schema().await
}

/// # Errors
///
/// Returns the driver's error.
pub fn exec(conn: &Session, sql: &str) -> dbop::Result<()> {
    Ok(conn.execute_batch(sql)?)
}

/// # Errors
///
/// Returns the driver's error.
pub fn number(conn: &Session, sql: &str) -> dbop::Result<i64> {
    Ok(conn.query_row(sql, [], |row| row.get(0))?)
}
