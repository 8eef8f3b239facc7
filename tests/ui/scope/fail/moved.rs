//! `tx` where `&mut *tx` is meant: a generic parameter does not reborrow.
#![allow(unused)]

use dbop::{Tx, transactional};
use sqlx::Sqlite;

#[transactional]
async fn pay(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    let _ = id;
    Ok(())
}

#[transactional]
async fn payday(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    pay(tx, 1).await?;
    pay(tx, 2).await
}

fn main() {}
