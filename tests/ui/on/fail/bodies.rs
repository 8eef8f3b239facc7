//! Mistakes in a body that is compiled for each database. A text that names no database is reported
//! once.
#![allow(unused)]

use dbop::{Conn, db_op};

#[db_op(on = [Sqlite, Postgres])]
async fn mistyped(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
    let number: i32 = "one";
    Ok(missing)
}

#[db_op(on = [Sqlite, Postgres])]
async fn no_such_method(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
    conn.fetch();
    Ok(1)
}

/// Postgres has no unsigned numbers.
#[db_op(on = [Sqlite, Postgres])]
async fn unsigned(conn: &mut Conn<'_, DB>, id: u32) -> dbop::Result<i64> {
    let count = sqlx::query_scalar("SELECT count(*) FROM notes WHERE id = $1");
    Ok(count.bind(id).fetch_one(&mut *conn).await?)
}

/// Neither database has numbers of 128 bits.
#[db_op(on = [Sqlite, Postgres])]
async fn long(conn: &mut Conn<'_, DB>, id: i128) -> dbop::Result<i64> {
    let count = sqlx::query_scalar("SELECT count(*) FROM notes WHERE id = $1");
    Ok(count.bind(id).fetch_one(&mut *conn).await?)
}

#[db_op(on = [Sqlite, Postgres])]
async fn moved(conn: &mut Conn<'_, DB>, name: String) -> dbop::Result<usize> {
    let other = name;
    Ok(name.len() + other.len())
}

fn main() {}
