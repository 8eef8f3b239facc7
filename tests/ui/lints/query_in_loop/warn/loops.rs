//! A round trip for each turn of a loop. By default a warning.
#![deny(deprecated)]
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{PgPool, Postgres, Sqlite};

// sqlx's own needs a database to compile against; what the lint reads is the same.
macro_rules! query {
    ($text:literal $(, $value:expr)*) => { sqlx::query($text)$(.bind($value))* };
}

#[transactional]
async fn inserts_one_by_one(tx: &mut Tx<'_, Sqlite>, names: &[String]) -> dbop::Result<()> {
    for name in names {
        sqlx::query("INSERT INTO users (name) VALUES (?)")
            .bind(name)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

#[db_op(read_only)]
async fn reads_one_by_one(conn: &mut Conn<'_, Postgres>, ids: Vec<i64>) -> dbop::Result<i64> {
    let mut sum = 0;
    for id in ids.iter().rev() {
        sum += sqlx::query_scalar::<_, i64>("SELECT cents FROM accounts WHERE id = $1")
            .bind(id)
            .fetch_one(&mut *conn)
            .await?;
    }
    Ok(sum)
}

#[db_op]
async fn empties_a_queue(conn: &mut Conn<'_, Sqlite>, mut queue: Vec<i64>) -> dbop::Result<()> {
    while let Some(id) = queue.pop() {
        query!("DELETE FROM jobs WHERE id = ?", id)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

// It ends with the first error, and is a loop all the same.
#[db_op]
async fn does_not_know_its_end(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    loop {
        sqlx::query("UPDATE counters SET n = n + 1 WHERE id = 1")
            .execute(&mut *conn)
            .await?;
    }
}

#[db_op(idempotent)]
async fn has_no_session(pool: &PgPool, ids: &[i64]) -> dbop::Result<()> {
    for id in ids {
        sqlx::query("DELETE FROM jobs WHERE id = $1")
            .bind(id)
            .execute(pool)
            .await?;
    }
    Ok(())
}

fn main() {}
