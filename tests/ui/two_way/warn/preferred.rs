//! Plain use of a function whose async version is preferred is a warning, at each use but the choice
//! between the two.
#![deny(deprecated)]
#![allow(unused)]

use dbop::{BlockingDb, Conn, TwoWayDb, db_op};
use r2d2_sqlite::SqliteConnectionManager;
use sqlx::Sqlite;

#[db_op(prefer_async = add)]
fn add_plain(conn: &mut rusqlite::Connection, n: i64) -> dbop::Result<usize> {
    Ok(conn.execute("INSERT INTO notes (n) VALUES (?1)", [n])?)
}

#[db_op(plain = add_plain)]
async fn add(conn: &mut Conn<'_, Sqlite>, n: i64) -> dbop::Result<usize> {
    let _ = (conn, n);
    Ok(1)
}

#[db_op(prefer_async)]
fn clear(conn: &mut rusqlite::Connection) -> dbop::Result<usize> {
    Ok(conn.execute("DELETE FROM notes WHERE n = 0", ())?)
}

#[db_op]
fn joins(conn: &mut rusqlite::Connection) -> dbop::Result<usize> {
    add_plain_sync(conn, 1) // a warning
}

#[db_op]
#[allow(deprecated)]
fn may_join(conn: &mut rusqlite::Connection) -> dbop::Result<usize> {
    clear_sync(conn)?;
    add_plain_sync(conn, 1)
}

async fn callers(
    db: &TwoWayDb<Sqlite, rusqlite::Connection>,
    plain: &BlockingDb<SqliteConnectionManager>,
    conn: &mut rusqlite::Connection,
) {
    let _ = add(db, 1).await;
    let _ = clear(plain).await;
    let _ = may_join(plain).await;
    let _ = add_plain(plain, 1).await; // a warning
    let _ = add_plain_sync(conn, 1); // a warning
    let _ = clear_sync(conn); // a warning
}

fn main() {}
