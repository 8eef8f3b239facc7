//! Bodies that do not return what the signature says: rustc's own messages, at the user's own code.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

#[transactional]
async fn wrong_value(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<i64> {
    Ok("one")
}

#[transactional]
async fn no_result(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<i64> {
    5
}

#[db_op]
async fn semicolon(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<i64> {
    Ok(1);
}

#[db_op]
async fn early(conn: &mut Conn<'_, Sqlite>, early: bool) -> dbop::Result<i64> {
    if early {
        return 5;
    }
    Ok(1)
}

#[db_op]
async fn other_error(conn: &mut Conn<'_, Sqlite>, text: &str) -> dbop::Result<i64> {
    Ok(text.parse::<i64>()?)
}

fn main() {}
