//! The same jobs API: every statement is awaited and runs on its transaction, and the end of the
//! function is the commit.
#![deny(warnings)]
#![allow(dead_code)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Postgres;

#[transactional]
async fn cancel_job(tx: &mut Tx<'_, Postgres>, job: i64) -> dbop::Result<()> {
    sqlx::query("UPDATE runs SET cancelled = true WHERE job = $1")
        .bind(job)
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM jobs WHERE id = $1")
        .bind(job)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

#[transactional]
async fn finish_jobs(tx: &mut Tx<'_, Postgres>, jobs: &[i64]) -> dbop::Result<()> {
    sqlx::query("UPDATE jobs SET status = 'done' WHERE id = ANY($1)")
        .bind(jobs)
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM queue WHERE job = ANY($1)")
        .bind(jobs)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

#[transactional]
async fn enqueue(tx: &mut Tx<'_, Postgres>, job: i64) -> dbop::Result<()> {
    sqlx::query("INSERT INTO queue (job) VALUES ($1)")
        .bind(job)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

// The other operation joins this transaction.
#[transactional]
async fn create_job(tx: &mut Tx<'_, Postgres>, url: &str) -> dbop::Result<i64> {
    let job = sqlx::query_scalar("INSERT INTO jobs (url) VALUES ($1) RETURNING id")
        .bind(url)
        .fetch_one(&mut *tx)
        .await?;
    enqueue(&mut *tx, job).await?;
    Ok(job)
}

// One statement, which the nightly job calls and no request does.
#[db_op(idempotent)]
async fn clean_up(conn: &mut Conn<'_, Postgres>) -> dbop::Result<()> {
    sqlx::query("DELETE FROM jobs_seen WHERE seen < now() - interval '1 day'")
        .execute(&mut *conn)
        .await?;
    Ok(())
}

#[db_op(read_only)]
async fn list_jobs(conn: &mut Conn<'_, Postgres>) -> dbop::Result<Vec<i64>> {
    let jobs = sqlx::query_scalar("SELECT id FROM jobs ORDER BY id LIMIT 100");
    Ok(jobs.fetch_all(&mut *conn).await?)
}

fn main() {}
