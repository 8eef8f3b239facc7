//! Code that can only be compiled for one database.
#![allow(unused)]

use dbop::{Conn, db_op};
use sqlx::{PgConnection, SqlitePool};

#[db_op(on = [Sqlite, Postgres])]
async fn checked(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
    let count = sqlx::query_scalar!("SELECT count(*) FROM notes");
    let id = sqlx::query_as_unchecked!(Note, "SELECT id FROM notes");
    Ok(1)
}

#[db_op(on = [Sqlite, Postgres])]
async fn named(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
    let driver: &mut PgConnection = conn.conn();
    let pool: Option<&SqlitePool> = None;
    let row = |row: sqlx::postgres::PgRow| 1;
    Ok(1)
}

fn main() {}
