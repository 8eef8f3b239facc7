//! Transactions that are begun and ended past dbop.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Connection, Executor, Postgres, Sqlite};

#[db_op]
async fn begins_and_commits_as_text(
    conn: &mut Conn<'_, Sqlite>,
    from: i64,
    to: i64,
) -> dbop::Result<()> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *conn).await?;
    sqlx::query("UPDATE accounts SET cents = cents - 5 WHERE id = ?")
        .bind(from)
        .execute(&mut *conn)
        .await?;
    sqlx::query("UPDATE accounts SET cents = cents + 5 WHERE id = ?")
        .bind(to)
        .execute(&mut *conn)
        .await?;
    sqlx::query("COMMIT").execute(&mut *conn).await?;
    Ok(())
}

#[db_op]
async fn begins_with_sqlx(conn: &mut Conn<'_, Postgres>) -> dbop::Result<()> {
    let mut transaction = conn.conn().begin().await?;
    transaction
        .execute("INSERT INTO audit (event) VALUES ('a')")
        .await?;
    transaction.commit().await?;
    Ok(())
}

#[transactional]
async fn commits_the_first_half(tx: &mut Tx<'_, Postgres>) -> dbop::Result<()> {
    tx.execute("INSERT INTO audit (event) VALUES ('a')").await?;
    tx.execute("COMMIT").await?;
    tx.execute("INSERT INTO audit (event) VALUES ('b')").await?;
    Ok(())
}

#[transactional]
async fn rolls_back_by_itself(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<bool> {
    let deleted = sqlx::query("DELETE FROM jobs WHERE id = ?")
        .bind(id)
        .execute(&mut *tx)
        .await?;
    if deleted.rows_affected() == 0 {
        sqlx::query("ROLLBACK").execute(&mut *tx).await?;
        return Ok(false);
    }
    Ok(true)
}

#[transactional]
async fn sets_its_own_savepoint(tx: &mut Tx<'_, Postgres>) -> dbop::Result<()> {
    tx.execute("SAVEPOINT before").await?;
    if tx
        .execute("INSERT INTO audit (event) VALUES ('a')")
        .await
        .is_err()
    {
        tx.execute("ROLLBACK TO before").await?;
    }
    Ok(())
}

#[db_op]
async fn begins_and_commits_in_one_text(conn: &mut Conn<'_, Postgres>) -> dbop::Result<()> {
    sqlx::raw_sql("BEGIN; DELETE FROM jobs WHERE done; COMMIT")
        .execute(&mut *conn)
        .await?;
    Ok(())
}

fn main() {}
