//! Durations that are none, that are finer than a millisecond, or that no database can hold.
#![allow(unused)]

use dbop::{Conn, db_op};
use sqlx::Sqlite;

#[db_op(timeout = 2)]
async fn bare_number(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(timeout = 1.5)]
async fn bare_float(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(timeout = 2s)]
async fn no_quotes(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(timeout = "2")]
async fn no_unit(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(timeout = "2 sec")]
async fn unit(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(timeout = "soon")]
async fn word(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(timeout = "1.2.3s")]
async fn number(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(timeout = "0.4ms")]
async fn fine(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(timeout = "0s")]
async fn zero(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(timeout = "600h")]
async fn long(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(timeout = SECOND)]
async fn constant(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(timeout = std::time::Duration::MAX)]
async fn path(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(timeout = never)]
async fn another_word_for_none(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(timeout = nome)]
async fn a_slip(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(timeout = "none")]
async fn a_word_in_quotes(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(timeout = none, timeout = "2s")]
async fn both(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(retry(cap = none))]
async fn none_elsewhere(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(retry(base = "1", cap = "1 s"))]
async fn nested(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
