//! What callers of a function in chunks cannot pass.

use dbop::{Db, Tx, transactional};
use sqlx::Sqlite;

#[transactional(chunk = 500)]
async fn store(tx: &mut Tx<'_, Sqlite>, items: &[i64]) -> dbop::Result<()> {
    let _ = (tx, items);
    Ok(())
}

#[transactional]
async fn in_a_transaction(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    store(&mut *tx, &[1]).await?;
    Ok(())
}

async fn with_an_iterator(db: &Db<Sqlite>) -> dbop::Result<()> {
    store(db, 1..=5).await?;
    Ok(())
}

#[transactional(chunk = 500, name = "resumed", resume = key)]
async fn resumed(tx: &mut Tx<'_, Sqlite>, key: i64, items: &[Unserializable]) -> dbop::Result<()> {
    let _ = (tx, key, items);
    Ok(())
}

struct Unserializable;

fn main() {}
