//! Statements that say which rows they mean, and texts that get their `WHERE` later.
#![deny(warnings)]
#![allow(dead_code)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{AssertSqlSafe, Executor, Postgres, QueryBuilder, Sqlite};

#[db_op]
async fn every_row_is_meant(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    conn.execute("DELETE FROM sessions WHERE true").await?;
    conn.execute("UPDATE sessions SET expired = 1 WHERE true")
        .await?;
    Ok(())
}

// Its `UPDATE` has no `WHERE`, and changes one row.
#[transactional]
async fn upserts(tx: &mut Tx<'_, Postgres>, id: i64) -> dbop::Result<()> {
    sqlx::query(
        "INSERT INTO visits VALUES ($1, 1) ON CONFLICT (id) DO UPDATE SET count = visits.count + 1",
    )
    .bind(id)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

#[transactional]
async fn joins(tx: &mut Tx<'_, Postgres>) -> dbop::Result<()> {
    tx.execute("UPDATE sessions AS s SET seen = v.at FROM visits AS v WHERE v.session = s.id")
        .await?;
    tx.execute("DELETE FROM sessions USING visits WHERE visits.session = sessions.id")
        .await?;
    Ok(())
}

#[db_op]
async fn texts_that_grow(conn: &mut Conn<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    let mut delete = QueryBuilder::new("DELETE FROM sessions");
    delete.push(" WHERE id = ").push_bind(id);
    delete.build().execute(&mut *conn).await?;
    let mut text = String::from("DELETE FROM sessions");
    text.push_str(" WHERE expired");
    sqlx::query(AssertSqlSafe(text)).execute(&mut *conn).await?;
    Ok(())
}

#[db_op]
async fn texts_with_a_hole(conn: &mut Conn<'_, Sqlite>, filter: &str) -> dbop::Result<()> {
    sqlx::query(AssertSqlSafe(format!("DELETE FROM sessions {filter}")))
        .execute(&mut *conn)
        .await?;
    Ok(())
}

#[db_op]
async fn triggers(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    conn.execute(
        "CREATE TRIGGER one AFTER INSERT ON sessions BEGIN
             DELETE FROM last; INSERT INTO last VALUES (new.id);
         END",
    )
    .await?;
    Ok(())
}

#[db_op]
async fn allowed(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    #[dbop::allow(unfiltered_write, reason = "the table has one row")]
    conn.execute("UPDATE settings SET theme = 'dark'").await?;
    Ok(())
}

fn main() {}
