//! The same service for many tenants: what is set and what is locked ends with the transaction.
#![deny(warnings)]
#![allow(dead_code)]

use dbop::{Tx, transactional};
use sqlx::{Executor, Postgres};

#[transactional(read_only)]
async fn invoices(tx: &mut Tx<'_, Postgres>, tenant: &str) -> dbop::Result<Vec<i64>> {
    sqlx::query("SELECT set_config('app.tenant', $1, true)")
        .bind(tenant)
        .execute(&mut *tx)
        .await?;
    let ids = sqlx::query_scalar("SELECT id FROM invoices_of_tenant");
    Ok(ids.fetch_all(&mut *tx).await?)
}

#[transactional(timeout = "11m")]
async fn report(tx: &mut Tx<'_, Postgres>) -> dbop::Result<i64> {
    tx.execute("SET LOCAL statement_timeout = '10min'").await?;
    tx.execute("SELECT pg_advisory_xact_lock(7)").await?;
    let sum = sqlx::query_scalar("SELECT sum(cents) FROM invoices");
    Ok(sum.fetch_one(&mut *tx).await?)
}

fn main() {}
