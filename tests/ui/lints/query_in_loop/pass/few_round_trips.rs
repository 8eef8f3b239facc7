//! Loops that cost no round trip for each turn, or that could not be one statement.
#![deny(warnings)]
#![allow(dead_code)]

use dbop::{Conn, Tx, db_op, transactional};
use futures_util::TryStreamExt;
use sqlx::{Postgres, QueryBuilder, Sqlite};

#[transactional]
async fn inserts_in_chunks(tx: &mut Tx<'_, Sqlite>, names: &[String]) -> dbop::Result<()> {
    for chunk in names.chunks(1_000) {
        let mut insert = QueryBuilder::new("INSERT INTO users (name) ");
        insert.push_values(chunk, |mut row, name| {
            row.push_bind(name);
        });
        insert.build().execute(&mut *tx).await?;
    }
    Ok(())
}

#[db_op(read_only)]
async fn reads_many_at_once(conn: &mut Conn<'_, Postgres>, ids: &[i64]) -> dbop::Result<i64> {
    let cents = sqlx::query_scalar::<_, i64>("SELECT cents FROM accounts WHERE id = ANY($1)");
    let mut sum = 0;
    for cents in cents.bind(ids).fetch_all(&mut *conn).await? {
        sum += cents;
    }
    Ok(sum)
}

#[db_op(read_only)]
async fn reads_a_stream(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<i64> {
    let mut rows = sqlx::query_scalar::<_, i64>("SELECT cents FROM accounts").fetch(&mut *conn);
    let mut sum = 0;
    while let Some(cents) = rows.try_next().await? {
        sum += cents;
    }
    Ok(sum)
}

// Rows go in batches, so that no lock is held for long.
#[db_op]
async fn works_in_batches(conn: &mut Conn<'_, Postgres>) -> dbop::Result<u64> {
    let mut deleted = 0;
    loop {
        let batch = "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE done LIMIT 1000)";
        let rows = sqlx::query(batch)
            .execute(&mut *conn)
            .await?
            .rows_affected();
        deleted += rows;
        if rows < 1_000 {
            return Ok(deleted);
        }
    }
}

#[transactional]
async fn credit(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    sqlx::query("UPDATE accounts SET cents = cents + 1 WHERE id = ?")
        .bind(id)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

#[transactional]
async fn calls_other_operations(tx: &mut Tx<'_, Sqlite>, ids: &[i64]) -> dbop::Result<()> {
    for id in ids {
        credit(&mut *tx, *id).await?;
    }
    Ok(())
}

// What is undone one by one cannot be one statement.
#[transactional]
async fn may_fail_one_by_one(tx: &mut Tx<'_, Sqlite>, names: &[String]) -> dbop::Result<u32> {
    let mut stored = 0;
    for name in names {
        let insert = async |sp: &mut Tx<'_, Sqlite>| -> dbop::Result<()> {
            let insert = sqlx::query("INSERT INTO users (name) VALUES (?)");
            insert.bind(name).execute(&mut *sp).await?;
            Ok(())
        };
        stored += u32::from(tx.savepoint(insert).await.is_ok());
    }
    Ok(stored)
}

struct Client;

impl Client {
    async fn execute(&self, command: &str) -> dbop::Result<usize> {
        Ok(command.len())
    }
}

#[db_op]
async fn something_else_that_executes(
    conn: &mut Conn<'_, Sqlite>,
    client: &Client,
) -> dbop::Result<usize> {
    let mut sum = 0;
    for command in ["a", "b"] {
        sum += client.execute(command).await?;
    }
    sqlx::query("SELECT 1").execute(&mut *conn).await?;
    Ok(sum)
}

fn main() {}
