//! Levels on what is no database operation.
#![allow(unused)]

use dbop::{Tx, db_op, transactional};
use sqlx::{Executor, Sqlite};

#[dbop::allow(foreign_await)]
async fn a_helper(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    tx.execute("SELECT 1").await?;
    Ok(())
}

#[dbop::deny(query_in_loop)]
struct Jobs;

#[dbop::warn(foreign_await)]
impl Jobs {
    #[transactional]
    async fn a_method(&self, tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
        tx.execute("SELECT 1").await?;
        Ok(())
    }
}

#[dbop::expect(foreign_await)]
mod operations {}

fn main() {}
