//! As an error, which underlines the text.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Executor, Postgres, Sqlite};

#[dbop::deny(session_state)]
#[transactional]
async fn above(tx: &mut Tx<'_, Postgres>) -> dbop::Result<()> {
    tx.execute("SET ROLE auditor").await?;
    Ok(())
}

#[db_op]
async fn at_the_statement(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    #[dbop::deny(session_state)]
    conn.execute("PRAGMA synchronous = OFF").await?;
    Ok(())
}

fn main() {}
