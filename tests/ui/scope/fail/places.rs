//! What cannot stand behind the `&mut` of an operation.
#![allow(unused)]

use dbop::{Conn, Db, db_op, transactional};
use sqlx::{Postgres, Sqlite, SqliteConnection};

#[db_op]
async fn read(conn: &mut SqliteConnection) -> dbop::Result<()> {
    Ok(())
}

#[transactional]
async fn write(conn: &mut SqliteConnection) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
async fn from_a_session(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    read(conn).await?;
    write(conn).await
}

async fn from_another_database(db: &Db<Postgres>) -> dbop::Result<()> {
    read(&mut &*db).await
}

async fn from_a_handle(db: &Db<Sqlite>) -> dbop::Result<()> {
    read(db).await
}

fn main() {}
