//! Values of the wrong kind, values where none belongs, and values that are missing.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

#[db_op(read_only = true)]
async fn flag_with_value(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(idempotent("yes"))]
async fn flag_with_list(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(timeout)]
async fn no_value(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(timeout =, name = "")]
async fn empty_value(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(timeout("2s"))]
async fn list(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(name = orders)]
async fn no_quotes(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(max_concurrency = 0)]
async fn too_few(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(max_concurrency = "8")]
async fn quoted_number(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(max_concurrency = 5_000_000_000)]
async fn too_many(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(db)]
async fn no_handle(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(db = self.)]
async fn half_a_handle(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(crate = "dbop")]
async fn quoted_path(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[transactional(isolation = serialisable)]
async fn word(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[transactional(isolation = "serializable")]
async fn quoted_word(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(read_only timeout = "2s")]
async fn no_comma(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
