//! A caller that is generic over its executor, and not annotated.
#![allow(unused)]

use dbop::db_op;
use sqlx::SqliteExecutor;

#[db_op]
async fn inner(executor: impl SqliteExecutor<'_>) -> dbop::Result<()> {
    Ok(())
}

async fn outer(executor: impl SqliteExecutor<'_>) -> dbop::Result<()> {
    inner(executor).await
}

fn main() {}
