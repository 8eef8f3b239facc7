//! diesel, on a SQLite file.

use dbop::BlockingDb;
use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::r2d2::ConnectionManager;
use diesel::sql_types::BigInt;
use sqlx::Sqlite;

use super::Configure;
use crate::sqlite;

pub type Session = diesel::SqliteConnection;
pub type Manager = ConnectionManager<Session>;
pub type Database = Sqlite;
pub type World = super::World<Manager, Database>;

pub const SYSTEM: &str = "sqlite";

/// The code of the error where the number of a note is taken. `None`: diesel does not pass the code on.
pub const TAKEN_CODE: Option<&str> = None;

/// # Panics
///
/// If the database cannot be made.
pub async fn open(configure: Configure<Manager>) -> World {
    let fresh = sqlite::fresh_with(|builder| builder).await;
    let manager = ConnectionManager::new(super::rusqlite::path(&fresh.url));
    let db = configure(BlockingDb::builder(manager)).build();
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
    Ok(diesel::dsl::sql::<BigInt>(sql).get_result(conn)?)
}
