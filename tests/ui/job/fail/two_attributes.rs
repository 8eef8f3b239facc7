//! A function that is a job and an operation.
#![allow(unused)]

use dbop::{Tx, job, transactional};
use sqlx::Sqlite;

#[job]
#[transactional]
async fn pay(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
