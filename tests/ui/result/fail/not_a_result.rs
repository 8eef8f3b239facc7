//! Return types that cannot hold a failure of the database.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

#[transactional]
async fn transaction(tx: &mut Tx<'_, Sqlite>) -> i64 {
    1
}

#[db_op]
async fn session(conn: &mut Conn<'_, Sqlite>) -> Option<i64> {
    None
}

#[db_op]
async fn without_session(id: i64) -> Vec<i64> {
    Vec::new()
}

fn main() {}
