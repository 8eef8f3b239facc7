//! A job processor that was written against a synchronous driver and then made `async`.
//!
//! In production the service hangs: each of these calls keeps a thread of the runtime until the
//! database has answered, and a handful of jobs stop everything, health checks included. The rows
//! go in one by one, and the `COMMIT` in the middle leaves half of an audit behind when a later
//! statement fails.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Executor, Postgres};

/// Stands for the crate.
mod postgres {
    pub struct NoTls;

    pub struct Client;

    impl Client {
        pub fn connect(url: &str, tls: NoTls) -> anyhow::Result<Client> {
            Ok(Client)
        }

        pub fn query(&mut self, text: &str) -> anyhow::Result<Vec<String>> {
            Ok(Vec::new())
        }
    }
}

#[derive(Clone)]
struct Response {
    provider: String,
    text: String,
}

#[db_op]
async fn generate_queries(
    conn: &mut Conn<'_, Postgres>,
    audit: i64,
) -> anyhow::Result<Vec<String>> {
    let mut client = postgres::Client::connect("postgres://localhost/audits", postgres::NoTls)?;
    client.query("SELECT text FROM audit_queries")
}

#[db_op]
async fn company_context(conn: &mut Conn<'_, Postgres>, company: i64) -> anyhow::Result<String> {
    let runtime = tokio::runtime::Handle::current();
    let name = sqlx::query_scalar("SELECT name FROM companies WHERE id = $1").bind(company);
    Ok(runtime.block_on(name.fetch_one(&mut *conn))?)
}

#[dbop::deny(query_in_loop)]
#[transactional]
async fn store_responses(
    tx: &mut Tx<'_, Postgres>,
    audit: i64,
    responses: Vec<Response>,
) -> anyhow::Result<usize> {
    let mut stored = 0;
    for Response { provider, text } in &responses {
        sqlx::query("INSERT INTO audit_responses (audit, provider, text) VALUES ($1, $2, $3)")
            .bind(audit)
            .bind(provider)
            .bind(text)
            .execute(&mut *tx)
            .await?;
        stored += 1;
    }
    tx.execute("COMMIT").await?;
    sqlx::query("UPDATE audits SET status = 'stored' WHERE id = $1")
        .bind(audit)
        .execute(&mut *tx)
        .await?;
    Ok(stored)
}

// A pause, so that the other statement is there first.
#[db_op(read_only)]
async fn is_cancelled(conn: &mut Conn<'_, Postgres>, audit: i64) -> anyhow::Result<bool> {
    std::thread::sleep(std::time::Duration::from_millis(200));
    let cancelled = sqlx::query_scalar("SELECT cancelled FROM audits WHERE id = $1");
    Ok(cancelled.bind(audit).fetch_one(&mut *conn).await?)
}

fn main() {}
