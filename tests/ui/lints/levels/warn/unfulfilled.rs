//! An expectation that finds nothing is told, so that it does not stay when its cause is gone.
#![deny(deprecated)]
#![allow(unused)]

use std::time::Duration;

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Executor, Sqlite};

#[dbop::expect(foreign_await, reason = "waits for its turn")]
#[transactional]
async fn above(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    tx.execute("SELECT 1").await?;
    Ok(())
}

#[db_op]
#[dbop::expect(unfiltered_write, query_in_loop)]
async fn one_of_two(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    conn.execute("DELETE FROM jobs").await?;
    Ok(())
}

#[transactional]
async fn at_a_statement(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    #[dbop::expect(foreign_await)]
    tx.execute("SELECT 1").await?;
    #[dbop::expect(foreign_await)]
    tokio::time::sleep(Duration::from_millis(1)).await;
    Ok(())
}

// What is expected for less is not found by what is expected for all.
#[transactional]
#[dbop::expect(foreign_await)]
async fn nested(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    #[dbop::expect(foreign_await)]
    tokio::time::sleep(Duration::from_millis(1)).await;
    Ok(())
}

#[db_op]
#[dbop::warn(unfiltered_write)]
async fn an_error_that_is_a_warning(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    conn.execute("DELETE FROM jobs").await?;
    Ok(())
}

fn main() {}
