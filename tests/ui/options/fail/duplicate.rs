//! The second of two equal keys is underlined.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

#[transactional(timeout = "2s", read_only, timeout = "3s")]
async fn value(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(read_only, read_only)]
async fn flag(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(retry = never, retry(attempts = 3, attempts = 4))]
async fn two_forms(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(retry(attempts = 3, base = "1ms", attempts = 4))]
async fn nested(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
