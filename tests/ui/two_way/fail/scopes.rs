//! What callers of functions with and without a plain twin pass.

use dbop::{Conn, Tx, TwoWayDb, db_op, transactional};
use sqlx::Sqlite;

#[db_op]
fn add_plain(conn: &mut rusqlite::Connection) -> dbop::Result<usize> {
    Ok(conn.execute("INSERT INTO notes (body) VALUES ('a')", ())?)
}

#[db_op(plain = add_plain)]
async fn add(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<usize> {
    let _ = conn;
    Ok(1)
}

#[transactional(plain = add_plain)]
async fn add_both(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<usize> {
    let _ = tx;
    Ok(1)
}

#[db_op]
async fn without_a_twin(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<usize> {
    add_both(&mut *conn).await
}

async fn callers(db: &TwoWayDb<Sqlite, rusqlite::Connection>, text: &String) {
    let _ = without_a_twin(db).await;
    let _ = add(text).await;
    let _ = add_plain(db).await;
}

fn main() {}
