//! Executors that cannot become a session.
#![allow(unused)]

use dbop::db_op;
use sqlx::{Executor, Sqlite, SqliteExecutor};

#[db_op]
async fn copied(executor: impl SqliteExecutor<'_> + Copy) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
async fn cloned<'e, E>(executor: E) -> dbop::Result<()>
where
    E: Executor<'e, Database = Sqlite> + Clone,
{
    Ok(())
}

#[db_op]
async fn two<'e, E: SqliteExecutor<'e>>(executor: E, other: Vec<E>) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
async fn returned<'e, E: SqliteExecutor<'e>>(executor: E) -> dbop::Result<Option<E>> {
    Ok(None)
}

#[db_op]
async fn named<'e, E: SqliteExecutor<'e>>(executor: E) -> dbop::Result<()> {
    let other: Option<E> = None;
    Ok(())
}

fn main() {}
