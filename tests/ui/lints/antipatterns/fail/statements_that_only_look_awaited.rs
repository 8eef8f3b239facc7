//! A jobs API after its move from synchronous sessions, where some calls had to be awaited and
//! others must not be.
//!
//! In production a cancelled job goes on, because the statement that deletes it was never sent; a
//! bulk update whose second half fails has already committed its first; and the nightly clean-up
//! empties a table in the transaction of a request.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Executor, Postgres};

/// Stands for the crate.
mod diesel {
    pub struct PgConnection;

    impl PgConnection {
        pub fn establish(url: &str) -> anyhow::Result<PgConnection> {
            Ok(PgConnection)
        }
    }

    pub struct Query;

    pub fn sql_query(text: &str) -> Query {
        Query
    }

    impl Query {
        pub fn load(self, connection: &mut PgConnection) -> anyhow::Result<Vec<i64>> {
            Ok(Vec::new())
        }
    }
}

// It marks nothing for deletion: without `.await` nothing happens at all.
#[transactional]
async fn cancel_job(tx: &mut Tx<'_, Postgres>, job: i64) -> dbop::Result<()> {
    sqlx::query("UPDATE runs SET cancelled = true WHERE job = $1")
        .bind(job)
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM jobs WHERE id = $1")
        .bind(job)
        .execute(&mut *tx);
    Ok(())
}

// The habit of `session.commit()` after each write.
#[transactional]
async fn finish_jobs(tx: &mut Tx<'_, Postgres>, jobs: &[i64]) -> dbop::Result<()> {
    sqlx::query("UPDATE jobs SET status = 'done' WHERE id = ANY($1)")
        .bind(jobs)
        .execute(&mut *tx)
        .await?;
    sqlx::query("COMMIT").execute(&mut *tx).await?;
    sqlx::query("DELETE FROM queue WHERE job = ANY($1)")
        .bind(jobs)
        .execute(&mut *tx)
        .await?;
    sqlx::query("COMMIT").execute(&mut *tx).await?;
    Ok(())
}

// A second session, as `SessionLocal()` was opened wherever one was needed.
#[transactional]
async fn create_job(
    tx: &mut Tx<'_, Postgres>,
    pool: &sqlx::PgPool,
    url: &str,
) -> dbop::Result<i64> {
    let job = sqlx::query_scalar("INSERT INTO jobs (url) VALUES ($1) RETURNING id")
        .bind(url)
        .fetch_one(&mut *tx)
        .await?;
    sqlx::query("INSERT INTO queue (job) VALUES ($1)")
        .bind(job)
        .execute(pool)
        .await?;
    Ok(job)
}

// The synchronous session that nobody has moved yet.
#[db_op(read_only)]
async fn export_jobs(conn: &mut Conn<'_, Postgres>) -> anyhow::Result<Vec<i64>> {
    let mut session = diesel::PgConnection::establish("postgres://localhost/jobs")?;
    let jobs = diesel::sql_query("SELECT id FROM jobs").load(&mut session)?;
    conn.execute("SELECT 1").await?;
    Ok(jobs)
}

// A request that only reads, and cleans up on the way: twice wrong.
#[db_op(read_only)]
async fn list_jobs(conn: &mut Conn<'_, Postgres>) -> dbop::Result<Vec<i64>> {
    conn.execute("DELETE FROM jobs_seen").await?;
    let jobs = sqlx::query_scalar("SELECT id FROM jobs ORDER BY id LIMIT 100");
    Ok(jobs.fetch_all(&mut *conn).await?)
}

fn main() {}
