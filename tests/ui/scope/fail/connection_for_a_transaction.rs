//! A transaction cannot begin on a raw connection, of which dbop does not know what goes on in it.
#![allow(unused)]

use dbop::{Tx, transactional};
use sqlx::{Connection, Sqlite, SqliteConnection};

#[transactional]
async fn write(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[tokio::main]
async fn main() -> dbop::Result<()> {
    let mut conn = SqliteConnection::connect("sqlite::memory:").await?;
    write(&mut conn).await
}
