//! The same job processor on the session: each audit is one transaction, with one statement for all
//! of its rows, and no thread waits.
#![deny(warnings)]
#![allow(dead_code)]

use std::time::Duration;

use dbop::{Conn, Db, Tx, db_op, transactional};
use sqlx::{Postgres, QueryBuilder};

#[derive(Clone)]
struct Response {
    provider: String,
    text: String,
}

#[db_op(read_only)]
async fn queries(conn: &mut Conn<'_, Postgres>, audit: i64) -> dbop::Result<Vec<String>> {
    let queries = sqlx::query_scalar("SELECT text FROM audit_queries WHERE audit = $1");
    Ok(queries.bind(audit).fetch_all(&mut *conn).await?)
}

#[transactional]
async fn store_responses(
    tx: &mut Tx<'_, Postgres>,
    audit: i64,
    responses: &[Response],
) -> dbop::Result<u64> {
    let mut stored = 0;
    for chunk in responses.chunks(1_000) {
        let mut insert = QueryBuilder::new("INSERT INTO audit_responses (audit, provider, text) ");
        insert.push_values(chunk, |mut row, response| {
            row.push_bind(audit)
                .push_bind(&response.provider)
                .push_bind(&response.text);
        });
        stored += insert.build().execute(&mut *tx).await?.rows_affected();
    }
    sqlx::query("UPDATE audits SET status = 'stored' WHERE id = $1")
        .bind(audit)
        .execute(&mut *tx)
        .await?;
    Ok(stored)
}

#[db_op(read_only)]
async fn is_cancelled(conn: &mut Conn<'_, Postgres>, audit: i64) -> dbop::Result<bool> {
    let cancelled = sqlx::query_scalar("SELECT cancelled FROM audits WHERE id = $1");
    Ok(cancelled.bind(audit).fetch_one(&mut *conn).await?)
}

async fn wait_until_cancelled(db: &Db<Postgres>, audit: i64) -> dbop::Result<()> {
    while !is_cancelled(db, audit).await? {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

fn main() {}
