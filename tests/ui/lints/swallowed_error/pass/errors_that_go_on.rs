//! Errors that reach the caller, or are answered, or that a savepoint keeps apart.
#![deny(warnings)]
#![allow(dead_code)]

use anyhow::{Context, anyhow};
use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Postgres, Sqlite};

async fn insert(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<i64> {
    let insert = sqlx::query_scalar("INSERT INTO audit (account) VALUES (?) RETURNING id");
    Ok(insert.bind(id).fetch_one(&mut *tx).await?)
}

// What is not used is the value and not the error.
#[transactional]
async fn values_that_nobody_needs(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    let _ = insert(&mut *tx, id).await?;
    let _row = sqlx::query("SELECT 1").fetch_optional(&mut *tx).await?;
    insert(tx, id).await.map(drop)
}

#[transactional]
async fn errors_of_the_application(tx: &mut Tx<'_, Sqlite>, id: i64) -> anyhow::Result<i64> {
    let first = insert(&mut *tx, id).await.ok().context("no audit")?;
    let second = insert(&mut *tx, id)
        .await
        .ok()
        .ok_or_else(|| anyhow!("none"))?;
    match insert(&mut *tx, id).await {
        Ok(third) => Ok(first + second + third),
        Err(error) => Err(error.into()),
    }
}

#[transactional]
async fn errors_that_are_looked_at(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<i64> {
    let inserted = insert(&mut *tx, id).await;
    if let Err(error) = &inserted {
        eprintln!("{error}");
    }
    if let Ok(id) = inserted {
        Ok(id)
    } else {
        insert(tx, -id).await
    }
}

// `Ok(None)` is no error.
#[db_op(read_only)]
async fn rows_that_may_be_missing(conn: &mut Conn<'_, Postgres>) -> dbop::Result<i64> {
    let number: Option<i64> = sqlx::query_scalar("SELECT id FROM audit WHERE id = 1")
        .fetch_optional(&mut *conn)
        .await?;
    Ok(number.unwrap_or_default())
}

// It is undone alone.
#[transactional]
async fn savepoints(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    let attempt = async |sp: &mut Tx<'_, Sqlite>| insert(sp, id).await;
    let _ = tx.savepoint(attempt).await;
    tx.savepoint(attempt).await.ok();
    Ok(())
}

async fn count(tx: &mut Tx<'_, Sqlite>) {
    let _ = tx;
}

#[transactional]
async fn results_of_something_else(tx: &mut Tx<'_, Sqlite>, text: &str) -> dbop::Result<i64> {
    let () = count(&mut *tx).await;
    let _ = text.parse::<i64>();
    tx.after_commit(async move {
        let _ = tokio::task::spawn_blocking(|| 1).await;
    });
    insert(tx, text.parse().unwrap_or_default()).await
}

fn main() {}
