//! Texts with the words of a write that only read, and texts that are not sent to the database.
#![deny(warnings)]
#![allow(dead_code)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{AssertSqlSafe, Executor, Postgres, Sqlite};

#[db_op(read_only)]
async fn words_in_strings_and_comments(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<Vec<i64>> {
    conn.execute("SELECT 'DELETE FROM users'").await?;
    let ids = sqlx::query_scalar(
        "SELECT id -- UPDATE users SET id = 1
         FROM \"update\" WHERE action IN ('INSERT', 'DELETE') /* DROP TABLE users */",
    );
    Ok(ids.fetch_all(&mut *conn).await?)
}

#[db_op(read_only)]
async fn words_as_names(conn: &mut Conn<'_, Postgres>) -> dbop::Result<()> {
    conn.execute(
        "SELECT updated_at, deleted, insert_count FROM users WHERE replace(name, 'a', 'b') = 'c'",
    )
    .await?;
    conn.execute("EXPLAIN DELETE FROM users WHERE id = 1")
        .await?;
    Ok(())
}

#[transactional(read_only)]
async fn texts_for_somebody_else(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<&'static str> {
    let hint = "UPDATE users SET name = 'a' WHERE id = 1";
    sqlx::query("SELECT 1 WHERE ? <> ''")
        .bind(hint)
        .execute(&mut *tx)
        .await?;
    println!("DELETE FROM users");
    Ok(hint)
}

// Nobody knows it before it runs.
#[db_op(read_only)]
async fn texts_that_come_from_elsewhere(
    conn: &mut Conn<'_, Sqlite>,
    report: &str,
) -> dbop::Result<()> {
    sqlx::query(AssertSqlSafe(report.to_owned()))
        .execute(&mut *conn)
        .await?;
    Ok(())
}

#[db_op]
async fn operations_that_may_write(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    conn.execute("DELETE FROM users WHERE name = 'a'").await?;
    Ok(())
}

// It runs later, on a session of its own.
#[transactional(read_only)]
async fn writes_after_it(tx: &mut Tx<'_, Sqlite>, pool: sqlx::SqlitePool) -> dbop::Result<()> {
    tx.execute("SELECT 1").await?;
    tx.after_commit(async move { pool.execute("UPDATE users SET seen = 1 WHERE id = 1").await });
    Ok(())
}

// PostgreSQL lets a transaction that only reads write there.
#[db_op(read_only)]
#[dbop::allow(write_in_read_only, reason = "a temporary table")]
async fn temporary_tables(conn: &mut Conn<'_, Postgres>) -> dbop::Result<()> {
    conn.execute("INSERT INTO scratch (id) SELECT id FROM users")
        .await?;
    Ok(())
}

fn main() {}
