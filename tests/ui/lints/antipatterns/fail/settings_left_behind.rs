//! A service for many tenants that keeps the tenant in the session, and sees to it that only one
//! report runs at a time.
//!
//! In production, a request that sets no tenant is served on a connection on which another one did, and
//! reads that tenant's rows. A report that panics leaves its lock with the connection, and no report
//! runs until that is closed.
#![deny(deprecated)]
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Executor, Postgres};

#[db_op]
async fn invoices(conn: &mut Conn<'_, Postgres>, tenant: &str) -> dbop::Result<Vec<i64>> {
    sqlx::query("SELECT set_config('app.tenant', $1, false)")
        .bind(tenant)
        .execute(&mut *conn)
        .await?;
    let ids = sqlx::query_scalar("SELECT id FROM invoices_of_tenant");
    Ok(ids.fetch_all(&mut *conn).await?)
}

#[db_op]
async fn report(conn: &mut Conn<'_, Postgres>) -> dbop::Result<i64> {
    conn.execute("SET statement_timeout = '10min'").await?;
    conn.execute("SELECT pg_advisory_lock(7)").await?;
    let sum = sqlx::query_scalar("SELECT sum(cents) FROM invoices")
        .fetch_one(&mut *conn)
        .await?;
    conn.execute("SELECT pg_advisory_unlock(7)").await?;
    Ok(sum)
}

fn main() {}
