//! A body in chunks that returns a value.

use dbop::{Tx, transactional};
use sqlx::Sqlite;

#[transactional(chunk = 500)]
async fn count(tx: &mut Tx<'_, Sqlite>, items: &[i64]) -> dbop::Result<u64> {
    let _ = tx;
    Ok(items.len() as u64)
}

fn main() {}
