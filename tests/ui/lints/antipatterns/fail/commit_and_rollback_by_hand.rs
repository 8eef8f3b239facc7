//! An interview service that commits when all went well, rolls back in each `catch`, and falls back
//! to sync code where the async one is switched off.
//!
//! In production the one path that forgets its rollback hands the connection on with the transaction
//! open; a rollback that fails hides the error that it was for; and the fallback stops the endpoint
//! that nobody had switched over. Half of the questions are stored when the client goes away.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Connection, Executor, Postgres};

#[db_op]
async fn create_session(
    conn: &mut Conn<'_, Postgres>,
    user: i64,
    questions: &[String],
) -> anyhow::Result<i64> {
    let mut transaction = conn.conn().begin().await?;
    let session: i64 =
        sqlx::query_scalar("INSERT INTO sessions (user_id) VALUES ($1) RETURNING id")
            .bind(user)
            .fetch_one(&mut *transaction)
            .await?;
    let added = sqlx::query("INSERT INTO questions (session, text) SELECT $1, unnest($2::text[])")
        .bind(session)
        .bind(questions)
        .execute(&mut *transaction)
        .await;
    match added {
        Ok(_) => transaction.commit().await?,
        Err(error) => {
            transaction.rollback().await?;
            return Err(error.into());
        }
    }
    Ok(session)
}

#[transactional]
async fn close_session(tx: &mut Tx<'_, Postgres>, session: i64) -> dbop::Result<bool> {
    let closed = sqlx::query("UPDATE sessions SET open = false WHERE id = $1")
        .bind(session)
        .execute(&mut *tx)
        .await;
    match closed {
        Ok(_) => {
            tx.execute("COMMIT").await?;
            Ok(true)
        }
        Err(error) => {
            eprintln!("rolled back: {error}");
            tx.execute("ROLLBACK").await?;
            Ok(false)
        }
    }
}

#[db_op]
async fn parse_job_description(
    conn: &mut Conn<'_, Postgres>,
    path: &str,
    is_async: bool,
) -> anyhow::Result<String> {
    let text = if is_async {
        tokio::fs::read_to_string(path).await?
    } else {
        std::fs::read_to_string(path)?
    };
    conn.execute("SELECT 1").await?;
    Ok(text)
}

fn main() {}
