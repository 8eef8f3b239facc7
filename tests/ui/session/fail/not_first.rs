//! A session that is neither the first parameter nor marked.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{PgConnection, Sqlite};

#[transactional]
async fn transaction(id: i64, tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
async fn session(id: i64, conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[db_op(retry = never)]
async fn connection(id: i64, conn: &mut PgConnection) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
