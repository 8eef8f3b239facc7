//! Callers that pass something without a session.
#![allow(unused)]

use dbop::{Conn, Db, Tx, db_op, transactional};
use sqlx::{Pool, Postgres, Sqlite};

#[transactional]
async fn write(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
async fn read(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

async fn text(name: &String) -> dbop::Result<()> {
    write(name).await
}

async fn by_value(db: Db<Sqlite>) -> dbop::Result<()> {
    write(db).await
}

async fn other_database(pool: &Pool<Postgres>) -> dbop::Result<()> {
    read(pool).await
}

async fn sqlx_transaction(pool: &Pool<Sqlite>) -> dbop::Result<()> {
    let mut tx = pool.begin().await?;
    write(&mut tx).await
}

fn main() {}
