//! Callers that pass something else than a session of the databases.
#![allow(unused)]

use dbop::{AnyDb, Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

#[transactional(on = [Sqlite, Postgres])]
async fn for_both(tx: &mut Tx<'_, DB>) -> dbop::Result<i64> {
    Ok(1)
}

#[db_op(on = [Sqlite, Postgres])]
async fn for_both_op(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
    for_both(&mut *conn).await
}

#[db_op]
async fn for_one(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<i64> {
    Ok(1)
}

#[db_op(on = [Sqlite])]
async fn in_a_list(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
    Ok(1)
}

async fn calls(db: &AnyDb) {
    for_one(db).await.unwrap();
    in_a_list(db).await.unwrap();
    for_both(5).await.unwrap();
    for_both(&db).await.unwrap();
    for_both_op("db").await.unwrap();
}

#[transactional(on = [Sqlite, Postgres])]
async fn joins(tx: &mut Tx<'_, DB>) -> dbop::Result<i64> {
    for_one(&mut *tx).await
}

fn main() {}
