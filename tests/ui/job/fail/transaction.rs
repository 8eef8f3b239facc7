//! A job that takes a transaction.
#![allow(unused)]

use dbop::{Tx, job};
use sqlx::Sqlite;

#[job]
async fn pay(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
