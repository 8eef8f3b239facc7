//! The session of the other attribute, and sqlx's transaction.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Postgres, Sqlite, Transaction};

#[transactional]
async fn conn(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[transactional]
async fn sqlx(tx: &mut Transaction<'_, Postgres>) -> dbop::Result<()> {
    Ok(())
}

#[transactional]
async fn sqlx_value(mut tx: sqlx::Transaction<'_, Postgres>) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
async fn tx(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
