//! Changes of the session that the next borrower of the connection would meet. By default a warning.
#![deny(deprecated)]
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Executor, PgPool, Postgres, Sqlite};

#[transactional]
async fn a_setting(tx: &mut Tx<'_, Postgres>) -> dbop::Result<()> {
    sqlx::query("SET search_path = audit")
        .execute(&mut *tx)
        .await?;
    Ok(())
}

#[transactional]
async fn a_tenant(tx: &mut Tx<'_, Postgres>, tenant: &str) -> dbop::Result<String> {
    let set = sqlx::query_scalar("SELECT set_config('app.tenant', $1, false)");
    Ok(set.bind(tenant).fetch_one(&mut *tx).await?)
}

#[db_op]
async fn locks(conn: &mut Conn<'_, Postgres>, key: i64) -> dbop::Result<bool> {
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(key)
        .execute(&mut *conn)
        .await?;
    let other = sqlx::query_scalar("SELECT pg_try_advisory_lock_shared($1)");
    Ok(other.bind(key + 1).fetch_one(&mut *conn).await?)
}

#[transactional]
async fn temporary_objects(tx: &mut Tx<'_, Postgres>) -> dbop::Result<()> {
    tx.execute("CREATE TEMP TABLE best AS SELECT * FROM users WHERE score > 9")
        .await?;
    tx.execute("SELECT * INTO TEMP worst FROM users WHERE score < 1")
        .await?;
    tx.execute("CREATE TEMP VIEW some AS SELECT * FROM best")
        .await?;
    Ok(())
}

#[db_op]
async fn other_commands(conn: &mut Conn<'_, Postgres>, channel: &str) -> dbop::Result<()> {
    let listen = sqlx::AssertSqlSafe(format!("LISTEN {channel}"));
    sqlx::query(listen).execute(&mut *conn).await?;
    conn.execute("PREPARE one AS SELECT 1").await?;
    conn.execute("DISCARD ALL").await?;
    conn.execute("DECLARE rows CURSOR WITH HOLD FOR SELECT 1")
        .await?;
    conn.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        .await?;
    Ok(())
}

#[db_op]
async fn of_sqlite(conn: &mut sqlx::SqliteConnection, file: &str) -> dbop::Result<()> {
    conn.execute("PRAGMA foreign_keys = OFF").await?;
    sqlx::query("ATTACH ? AS archive")
        .bind(file)
        .execute(&mut *conn)
        .await?;
    Ok(())
}

#[db_op]
async fn has_no_session(pool: &PgPool) -> dbop::Result<()> {
    let mut conn = pool.acquire().await?;
    conn.execute("SET statement_timeout = '5s'").await?;
    Ok(())
}

fn main() {}
