//! A future does nothing until it is awaited: these statements never run.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Executor, Postgres, Sqlite};

#[transactional]
async fn not_awaited(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    sqlx::query("DELETE FROM jobs WHERE id = ?")
        .bind(id)
        .execute(&mut *tx);
    Ok(())
}

#[transactional]
async fn kept_in_nothing(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    let _ = sqlx::query("DELETE FROM jobs WHERE id = ?")
        .bind(id)
        .execute(&mut *tx);
    Ok(())
}

#[db_op]
async fn not_awaited_on_a_connection(conn: &mut Conn<'_, Postgres>) -> dbop::Result<()> {
    conn.execute("DELETE FROM jobs WHERE done");
    Ok(())
}

fn main() {}
