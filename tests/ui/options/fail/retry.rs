//! The ways to get `retry` wrong.
#![allow(unused)]

use dbop::{Conn, db_op};
use sqlx::Sqlite;

#[db_op(retry)]
async fn alone(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(retry())]
async fn empty(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(retry = 3)]
async fn number(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(retry = nver)]
async fn word(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(retry(attempts = 0))]
async fn no_attempt(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(retry(base = "2s", cap = "1s"))]
async fn base_over_cap(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(retry(attempts = 3))]
async fn without_session(id: i64) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
