//! Where a plain twin cannot be named.

use dbop::{Conn, Tx, db_op, transactional};
use futures_util::stream::BoxStream;
use sqlx::{Sqlite, SqliteConnection};

#[db_op]
fn add_plain(conn: &mut rusqlite::Connection) -> dbop::Result<usize> {
    Ok(conn.execute("INSERT INTO notes (body) VALUES ('a')", ())?)
}

#[db_op(plain = add_plain)]
fn on_a_plain_function(conn: &mut rusqlite::Connection) -> dbop::Result<usize> {
    add_plain_sync(conn)
}

#[db_op(plain = add_plain, on = [Sqlite, Postgres])]
async fn for_two_databases(conn: &mut Conn<'_, DB>) -> dbop::Result<usize> {
    let _ = conn;
    Ok(1)
}

#[transactional(plain = add_plain, once = key)]
async fn once_for_each_key(tx: &mut Tx<'_, Sqlite>, key: i64) -> dbop::Result<usize> {
    let _ = (tx, key);
    Ok(1)
}

#[db_op(plain = add_plain)]
async fn on_the_callers_connection(conn: &mut SqliteConnection) -> dbop::Result<usize> {
    let _ = conn;
    Ok(1)
}

#[db_op(plain = add_plain)]
async fn without_a_session(pool: &sqlx::SqlitePool) -> dbop::Result<usize> {
    let _ = pool;
    Ok(1)
}

#[db_op(read_only, plain = add_plain)]
fn a_stream<'a>(conn: &'a mut Conn<'_, Sqlite>) -> BoxStream<'a, dbop::Result<i64>> {
    Box::pin(async_stream(conn))
}

#[db_op(plain = itself)]
async fn itself(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<usize> {
    let _ = conn;
    Ok(1)
}

#[db_op(plain)]
async fn no_name(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<usize> {
    let _ = conn;
    Ok(1)
}

#[db_op(plain = "add_plain")]
async fn a_text(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<usize> {
    let _ = conn;
    Ok(1)
}

fn main() {}
