//! As a warning, on the function and on one statement.
#![deny(deprecated)]
#![allow(unused)]

use dbop::{Conn, db_op};
use sqlx::Sqlite;

#[db_op]
#[dbop::warn(unfiltered_write)]
async fn on_the_function(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    sqlx::query("DELETE FROM sessions")
        .execute(&mut *conn)
        .await?;
    Ok(())
}

#[db_op]
async fn on_the_statement(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    #[dbop::warn(unfiltered_write)]
    sqlx::query("UPDATE sessions SET expired = 1")
        .execute(&mut *conn)
        .await?;
    Ok(())
}

fn main() {}
