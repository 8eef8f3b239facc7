//! Statements that a session that only reads refuses each time they run.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{AssertSqlSafe, Executor, Postgres, QueryBuilder, Sqlite};

// sqlx's own needs a database to compile against; what the lint reads is the same.
macro_rules! query {
    ($text:literal $(, $value:expr)*) => { sqlx::query($text)$(.bind($value))* };
}

#[db_op(read_only)]
async fn counts_a_visit(conn: &mut Conn<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    sqlx::query("UPDATE users SET visits = visits + 1 WHERE id = ?")
        .bind(id)
        .execute(&mut *conn)
        .await?;
    Ok(())
}

#[transactional(read_only)]
async fn returns_what_it_wrote(tx: &mut Tx<'_, Postgres>) -> dbop::Result<i64> {
    let id = sqlx::query_scalar("INSERT INTO users (name) VALUES ('a') RETURNING id");
    Ok(id.fetch_one(&mut *tx).await?)
}

// The word at the beginning is not the one that writes.
#[db_op(read_only)]
async fn writes_in_a_with(conn: &mut Conn<'_, Postgres>) -> dbop::Result<Vec<i64>> {
    let gone = sqlx::query_scalar(
        "WITH gone AS (DELETE FROM users WHERE name = 'a' RETURNING id) SELECT id FROM gone",
    );
    Ok(gone.fetch_all(&mut *conn).await?)
}

#[db_op(read_only)]
async fn locks_rows(conn: &mut Conn<'_, Postgres>) -> dbop::Result<i64> {
    let id = sqlx::query_scalar("SELECT id FROM jobs LIMIT 1 FOR UPDATE SKIP LOCKED");
    Ok(id.fetch_one(&mut *conn).await?)
}

#[db_op(read_only)]
async fn gets_its_text_from_a_name(conn: &mut Conn<'_, Sqlite>, fast: bool) -> dbop::Result<()> {
    const SCHEMA: &str = "CREATE TABLE cache (id INTEGER)";
    conn.execute(SCHEMA).await?;
    let text = if fast { "SELECT 1" } else { "DROP TABLE cache" };
    conn.execute(text).await?;
    Ok(())
}

#[db_op(read_only)]
async fn puts_its_text_together(conn: &mut Conn<'_, Sqlite>, table: &str) -> dbop::Result<()> {
    sqlx::query(AssertSqlSafe(format!("DELETE FROM {table} WHERE old")))
        .execute(&mut *conn)
        .await?;
    let mut insert = QueryBuilder::new("INSERT INTO users (name) ");
    insert.push_values(["a", "b"], |mut row, name| {
        row.push_bind(name);
    });
    insert.build().execute(&mut *conn).await?;
    Ok(())
}

#[db_op(read_only)]
async fn writes_through_a_macro(conn: &mut Conn<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    query!("REPLACE INTO users (id, name) VALUES (?, 'a')", id)
        .execute(&mut *conn)
        .await?;
    Ok(())
}

fn main() {}
