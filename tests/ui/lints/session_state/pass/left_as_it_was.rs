//! What ends with the transaction, what takes a change back, and what only reads.
#![deny(warnings)]
#![allow(dead_code)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Connection, Executor, PgConnection, Postgres, Sqlite};

#[transactional]
async fn settings_of_the_transaction(tx: &mut Tx<'_, Postgres>, tenant: &str) -> dbop::Result<()> {
    tx.execute("SET LOCAL statement_timeout = '5s'").await?;
    tx.execute("SET LOCAL ROLE auditor").await?;
    tx.execute("SET CONSTRAINTS ALL DEFERRED").await?;
    sqlx::query("SELECT set_config('app.tenant', $1, true)")
        .bind(tenant)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

#[transactional]
async fn locks_of_the_transaction(tx: &mut Tx<'_, Postgres>, key: i64) -> dbop::Result<bool> {
    let lock = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)");
    Ok(lock.bind(key).fetch_one(&mut *tx).await?)
}

#[transactional]
async fn a_table_of_the_transaction(tx: &mut Tx<'_, Postgres>) -> dbop::Result<()> {
    tx.execute("CREATE TEMP TABLE best (id bigint) ON COMMIT DROP")
        .await?;
    Ok(())
}

#[db_op]
async fn words_in_other_statements(conn: &mut Conn<'_, Postgres>) -> dbop::Result<()> {
    conn.execute("UPDATE accounts SET cents = 5 WHERE id = 1")
        .await?;
    conn.execute("INSERT INTO notes (text) VALUES ('SET a = 1; LISTEN b')")
        .await?;
    conn.execute("SELECT pg_notify('jobs', 'pg_advisory_lock(1)')")
        .await?;
    Ok(())
}

#[db_op]
async fn takes_back(conn: &mut Conn<'_, Postgres>) -> dbop::Result<()> {
    conn.execute("RESET ROLE").await?;
    conn.execute("SELECT pg_advisory_unlock_all()").await?;
    conn.execute("UNLISTEN *").await?;
    Ok(())
}

#[db_op]
async fn pragmas_that_read_or_are_of_the_file(
    conn: &mut Conn<'_, Sqlite>,
) -> dbop::Result<Vec<String>> {
    conn.execute("PRAGMA user_version = 3").await?;
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").await?;
    conn.execute("PRAGMA foreign_key_check(users)").await?;
    let names = sqlx::query_scalar("SELECT name FROM pragma_table_info('users')");
    Ok(names.fetch_all(&mut *conn).await?)
}

// It is closed here, and nobody else meets it.
#[db_op]
async fn a_connection_of_its_own(conn: &mut Conn<'_, Postgres>, url: &str) -> dbop::Result<()> {
    let mut other = PgConnection::connect(url).await?;
    other.execute("SET statement_timeout = 0").await?;
    other.execute("VACUUM users").await?;
    other.close().await?;
    conn.execute("SELECT 1").await?;
    Ok(())
}

#[db_op]
#[dbop::allow(
    session_state,
    reason = "the pool is of one connection, for this job alone"
)]
async fn allowed_on_the_function(conn: &mut Conn<'_, Postgres>) -> dbop::Result<()> {
    conn.execute("SET work_mem = '1GB'").await?;
    Ok(())
}

#[transactional]
async fn expected_at_the_statement(tx: &mut Tx<'_, Postgres>) -> dbop::Result<()> {
    #[dbop::expect(session_state)]
    tx.execute("SET work_mem = '1GB'").await?;
    Ok(())
}

fn main() {}
