//! The same interview service: `Ok` commits, `Err` rolls back, and a part that may fail by itself is
//! a savepoint.
#![deny(warnings)]
#![allow(dead_code)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Executor, Postgres};

#[transactional]
async fn create_session(
    tx: &mut Tx<'_, Postgres>,
    user: i64,
    questions: &[String],
) -> dbop::Result<i64> {
    let session: i64 =
        sqlx::query_scalar("INSERT INTO sessions (user_id) VALUES ($1) RETURNING id")
            .bind(user)
            .fetch_one(&mut *tx)
            .await?;
    sqlx::query("INSERT INTO questions (session, text) SELECT $1, unnest($2::text[])")
        .bind(session)
        .bind(questions)
        .execute(&mut *tx)
        .await?;
    Ok(session)
}

#[transactional]
async fn close_session(tx: &mut Tx<'_, Postgres>, session: i64) -> dbop::Result<bool> {
    sqlx::query("UPDATE sessions SET open = false WHERE id = $1")
        .bind(session)
        .execute(&mut *tx)
        .await?;
    let rate = async |sp: &mut Tx<'_, Postgres>| -> dbop::Result<()> {
        sqlx::query("INSERT INTO ratings (session) VALUES ($1)")
            .bind(session)
            .execute(&mut *sp)
            .await?;
        Ok(())
    };
    Ok(tx.savepoint(rate).await.is_ok())
}

#[db_op]
async fn parse_job_description(
    conn: &mut Conn<'_, Postgres>,
    path: &str,
) -> anyhow::Result<String> {
    let text = tokio::fs::read_to_string(path).await?;
    conn.execute("SELECT 1").await?;
    Ok(text)
}

fn main() {}
