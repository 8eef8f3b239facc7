//! A handle to either database, for a function that is compiled for one.
#![allow(unused)]

use dbop::{AnyDb, Conn, Tx, db_op, transactional};
use sqlx::{Postgres, Sqlite};

#[db_op]
async fn read(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[transactional]
async fn write(tx: &mut Tx<'_, Postgres>) -> dbop::Result<()> {
    Ok(())
}

async fn either(db: &AnyDb) -> dbop::Result<()> {
    read(db).await?;
    write(db).await
}

fn main() {}
