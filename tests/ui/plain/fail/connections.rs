//! Parameters that are no connection of a plain function.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use rusqlite::Connection;
use sqlx::Sqlite;

#[db_op]
fn dbops(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[transactional]
fn dbops_transaction(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[transactional]
fn of_rusqlite(tx: &mut rusqlite::Transaction<'_>, n: i64) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
fn of_postgres(tx: &mut postgres_client::Transaction<'_>, n: i64) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
fn savepoint(tx: &rusqlite::Savepoint<'_>) -> dbop::Result<()> {
    Ok(())
}

#[transactional]
fn by_value(conn: Connection) -> dbop::Result<()> {
    Ok(())
}

#[transactional]
fn marked_by_value(#[session] conn: Connection) -> dbop::Result<()> {
    Ok(())
}

#[transactional]
fn without_one(n: i64) -> dbop::Result<()> {
    Ok(())
}

#[transactional]
fn with_nothing() -> dbop::Result<()> {
    Ok(())
}

#[db_op]
fn not_first_and_shared(n: i64, conn: &Connection) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
fn twice(#[session] one: &mut Connection, #[session] other: &mut Connection) -> dbop::Result<()> {
    Ok(())
}

struct Repo;

impl Repo {
    #[db_op]
    fn marked_self(#[session] &self, n: i64) -> dbop::Result<()> {
        Ok(())
    }
}

fn main() {}
