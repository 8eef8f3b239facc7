//! As a warning, for a team that repairs one after the other.
#![deny(deprecated)]
#![allow(unused)]

use std::time::Duration;

use dbop::{Tx, transactional};
use sqlx::{PgPool, Postgres, Sqlite};

#[dbop::warn(foreign_await)]
#[transactional]
async fn waits_for_a_timer(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    tokio::time::sleep(Duration::from_millis(50)).await;
    Ok(())
}

#[transactional]
#[dbop::warn(foreign_await)]
async fn sends_a_statement_to_the_pool(
    tx: &mut Tx<'_, Postgres>,
    pool: &PgPool,
) -> dbop::Result<()> {
    sqlx::query("INSERT INTO audit (event) VALUES ('opened')")
        .execute(pool)
        .await?;
    Ok(())
}

fn main() {}
