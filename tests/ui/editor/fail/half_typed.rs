//! A half-typed body is rustc's to report; the function is still there for those who call it.
#![allow(unused)]

use dbop::{Conn, Db, Tx, db_op, transactional};
use sqlx::Sqlite;

#[transactional]
async fn half_a_method(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<i64> {
    tx.
}

#[db_op]
async fn half_a_statement(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<i64> {
    let row =
}

async fn caller(db: &Db<Sqlite>) -> dbop::Result<i64> {
    Ok(half_a_method(db, 1).await? + half_a_statement(db).await?)
}

fn main() {}
