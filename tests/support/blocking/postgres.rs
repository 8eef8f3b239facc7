//! The crate `postgres`, in the cluster that `tests/run` starts.

use dbop::BlockingDb;
use postgres_client::NoTls;
use r2d2_postgres::PostgresConnectionManager;
use sqlx::Postgres;

use super::Configure;
use crate::{Fresh, postgres};

pub type Session = postgres_client::Client;
pub type Manager = PostgresConnectionManager<NoTls>;
pub type Database = Postgres;
pub type World = super::World<Manager, Database>;

pub const SYSTEM: &str = "postgresql";

/// The code of the error where the number of a note is taken.
pub const TAKEN_CODE: Option<&str> = Some("23505");
/// A query that takes hours.
pub const ENDLESS: &str = "SELECT count(*) FROM (SELECT pg_sleep(7200)) AS slept";

/// Returns a manager that opens connections to the database at this URL.
///
/// # Panics
///
/// If `url` is not a URL.
#[must_use]
pub fn manager(url: &str) -> Manager {
    PostgresConnectionManager::new(url.parse().expect("a URL"), NoTls)
}

/// Opens a new database and a pool on it.
///
/// If the database cannot be created.
pub async fn open(configure: Configure<Manager>) -> World {
    let fresh = postgres::fresh_with(|builder| builder).await;
    let url = fresh.url.clone();
    open_at(fresh, &url, configure).await
}

/// Opens a pool that reaches the database by another URL, such as a proxy's.
///
/// # Panics
///
/// If the schema cannot be created.
pub async fn open_at(fresh: Fresh<Postgres>, url: &str, configure: Configure<Manager>) -> World {
    let db = configure(BlockingDb::builder(manager(url))).build();
    World { db, fresh }.with_schema().await
}

/// # Errors
///
/// Returns the driver's error.
pub fn exec(conn: &mut Session, sql: &str) -> dbop::Result<()> {
    Ok(conn.batch_execute(sql)?)
}

/// # Errors
///
/// Returns the driver's error.
pub fn number(conn: &mut Session, sql: &str) -> dbop::Result<i64> {
    Ok(conn.query_one(sql, &[])?.get(0))
}
