//! A placeholder that one of the databases does not know.
#![allow(unused)]

use dbop::{Conn, db_op};

#[db_op(on = [Sqlite, Postgres])]
async fn bare(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
    let count = sqlx::query_scalar("SELECT count(*) FROM notes WHERE id = ?");
    Ok(count.bind(1).fetch_one(&mut *conn).await?)
}

#[db_op(on = [Sqlite, Postgres])]
async fn in_a_variable(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
    let text = "SELECT count(*) FROM notes WHERE id = ?1";
    Ok(sqlx::query_scalar(text).bind(1).fetch_one(&mut *conn).await?)
}

#[db_op(on = [Sqlite, Postgres])]
async fn one_text(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
    let count = sqlx::query_scalar(dbop::sql!(sqlite = "SELECT 1"));
    Ok(count.fetch_one(&mut *conn).await?)
}

fn main() {}
