//! Mistakes in the attributes and in the option.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Executor, Sqlite};

#[dbop::allow(foreign_awiat)]
#[transactional]
async fn a_name_with_a_slip(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[transactional]
#[dbop::deny(too_many_arguments)]
async fn a_lint_of_another_tool(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(allow(query_in_lop), read_only)]
async fn a_slip_in_the_option(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(allow)]
async fn an_option_without_a_name(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(allow())]
async fn an_empty_option(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(allow = "query_in_loop")]
async fn an_option_with_a_value(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[dbop::allow]
#[transactional]
async fn no_list(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[transactional]
async fn no_name_at_a_statement(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    #[dbop::expect()]
    tx.execute("SELECT 1").await?;
    #[dbop::warn(reason = "it is right here")]
    tx.execute("SELECT 2").await?;
    Ok(())
}

#[transactional]
async fn bad_reasons(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    #[dbop::allow(foreign_await, reason = "")]
    tx.execute("SELECT 1").await?;
    #[dbop::allow(foreign_await, reason)]
    tx.execute("SELECT 2").await?;
    #[dbop::allow(foreign_await, reason = 3)]
    tx.execute("SELECT 3").await?;
    #[dbop::allow(foreign_await reason = "4")]
    tx.execute("SELECT 4").await?;
    #[dbop::allow("foreign_await")]
    tx.execute("SELECT 5").await?;
    Ok(())
}

// A mistake in a level hides nothing that a lint finds.
#[dbop::allow(unfiltered_writes)]
#[db_op]
async fn beside_a_finding(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    conn.execute("DELETE FROM jobs").await?;
    Ok(())
}

fn main() {}
