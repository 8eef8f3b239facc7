//! An error that nobody sees: half of the work is committed, or all that follows is refused.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use futures_util::TryStreamExt;
use sqlx::{Executor, Postgres, Sqlite};

#[transactional]
async fn audit(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<i64> {
    let audit = sqlx::query_scalar("INSERT INTO audit (account) VALUES (?) RETURNING id");
    Ok(audit.bind(id).fetch_one(&mut *tx).await?)
}

#[transactional]
async fn let_underscore(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    let _ = sqlx::query("INSERT INTO audit (account) VALUES (?)")
        .bind(id)
        .execute(&mut *tx)
        .await;
    _ = audit(&mut *tx, id).await;
    Ok(())
}

#[transactional]
async fn made_an_option(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<Option<i64>> {
    audit(&mut *tx, id).await.ok();
    let id = audit(&mut *tx, id).await.map_err(|error| dbg!(error)).ok();
    Ok(id)
}

// In an operation every statement commits by itself, and its error is lost all the same.
#[db_op]
async fn a_value_in_its_place(conn: &mut Conn<'_, Postgres>) -> dbop::Result<i64> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM accounts")
        .fetch_one(&mut *conn)
        .await
        .unwrap_or_default();
    let sum: i64 = sqlx::query_scalar("SELECT sum(cents) FROM accounts")
        .fetch_one(&mut *conn)
        .await
        .unwrap_or(0);
    Ok(count + sum)
}

#[db_op]
async fn an_unused_result(conn: &mut Conn<'_, Postgres>) -> dbop::Result<()> {
    conn.execute("INSERT INTO audit (account) VALUES (1)").await;
    drop(conn.execute("INSERT INTO audit (account) VALUES (2)").await);
    Ok(())
}

#[transactional]
async fn only_what_went_well(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<i64> {
    let mut sum = 0;
    if let Ok(id) = audit(&mut *tx, id).await {
        sum += id;
    }
    let mut ids = sqlx::query_scalar::<_, i64>("SELECT id FROM audit").fetch(&mut *tx);
    while let Ok(Some(id)) = ids.try_next().await {
        sum += id;
    }
    Ok(sum)
}

#[transactional]
async fn an_arm_that_does_nothing(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    match audit(&mut *tx, id).await {
        Ok(id) => println!("{id}"),
        Err(_) => {}
    }
    Ok(())
}

fn main() {}
