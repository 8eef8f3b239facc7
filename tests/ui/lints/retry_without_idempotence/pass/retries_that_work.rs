//! Retries that have an effect, and operations that ask for none.
#![deny(warnings)]
#![allow(dead_code)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Executor, Postgres, Sqlite};

#[db_op(retry(attempts = 8), idempotent)]
async fn may_be_applied_again(conn: &mut Conn<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    sqlx::query("UPDATE jobs SET status = 'done' WHERE id = ?")
        .bind(id)
        .execute(&mut *conn)
        .await?;
    Ok(())
}

#[db_op(retry(attempts = 8), read_only)]
async fn writes_nothing(conn: &mut Conn<'_, Postgres>) -> dbop::Result<i64> {
    let count = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE action = 'DELETE'");
    Ok(count.fetch_one(&mut *conn).await?)
}

// It only reads, and does not say so.
#[db_op(retry(attempts = 8))]
async fn happens_to_write_nothing(conn: &mut Conn<'_, Postgres>) -> dbop::Result<i64> {
    let count = sqlx::query_scalar("SELECT count(*) FROM jobs");
    Ok(count.fetch_one(&mut *conn).await?)
}

#[transactional(retry(attempts = 8))]
async fn is_replayed_as_a_whole(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    sqlx::query("UPDATE accounts SET cents = cents - 5 WHERE id = ?")
        .bind(id)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

#[db_op(retry = never)]
async fn makes_one_attempt(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    conn.execute("INSERT INTO payments (cents) VALUES (5)")
        .await?;
    Ok(())
}

#[db_op(timeout = "2s")]
async fn asks_for_no_retries(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    conn.execute("INSERT INTO payments (cents) VALUES (5)")
        .await?;
    Ok(())
}

#[db_op(
    retry(attempts = 8),
    allow(
        retry_without_idempotence,
        reason = "for conflicts of its one statement"
    )
)]
async fn allowed(conn: &mut Conn<'_, Postgres>) -> dbop::Result<()> {
    conn.execute("INSERT INTO payments (cents) VALUES (5)")
        .await?;
    Ok(())
}

fn main() {}
