//! A transaction cannot begin on a session that somebody else holds.
#![allow(unused)]

use dbop::{Conn, Db, Tx, db_op, transactional};
use sqlx::Sqlite;

#[transactional]
async fn write(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
async fn from_a_session(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    write(&mut *conn).await
}

#[tokio::main]
async fn main() -> dbop::Result<()> {
    let db = Db::<Sqlite>::connect("sqlite::memory:").await?;
    from_a_session(&db).await
}
