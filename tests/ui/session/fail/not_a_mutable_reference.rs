//! A session by value or by shared reference.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

#[transactional]
async fn value(tx: Tx<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[transactional]
async fn shared(tx: &Tx<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
async fn conn_value(conn: Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
async fn conn_shared(conn: &dbop::Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
