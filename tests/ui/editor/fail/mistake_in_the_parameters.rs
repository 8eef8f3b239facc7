//! A mistake in the parameters is the only one that is reported: callers see the session as it is meant.
#![allow(unused)]

use std::pin::Pin;

use dbop::{Conn, Db, Tx, db_op, transactional};
use sqlx::{Sqlite, SqliteConnection, Transaction};

#[transactional]
async fn shared(tx: &Tx<'_, Sqlite>) -> dbop::Result<i64> {
    Ok(1)
}

#[transactional]
async fn value(mut tx: Transaction<'_, Sqlite>) -> dbop::Result<i64> {
    let one = sqlx::query_scalar("SELECT 1").fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(one)
}

#[transactional(retry = never)]
async fn connection(conn: &mut SqliteConnection) -> dbop::Result<i64> {
    Ok(sqlx::query_scalar("SELECT 1").fetch_one(conn).await?)
}

#[db_op]
async fn last(id: i64, conn: &mut Conn<'_, Sqlite>) -> dbop::Result<i64> {
    Ok(id)
}

#[db_op]
fn boxed<'t>(tx: &'t mut Tx<'_, Sqlite>) -> Pin<Box<dyn Future<Output = dbop::Result<i64>> + Send + 't>> {
    Box::pin(async move { Ok(1) })
}

async fn caller(db: &Db<Sqlite>) -> dbop::Result<i64> {
    let parts = [shared(db).await?, value(db).await?, connection(db).await?, last(2, db).await?, boxed(db).await?];
    Ok(parts.iter().sum())
}

fn main() {}
