//! Lists of databases that say nothing, or what dbop does not know; and `once` without a name.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};

#[db_op(on = [Sqlite, Mysql])]
async fn unknown(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
    Ok(1)
}

#[db_op(on = [Sqlite, Postgresql])]
async fn misspelled(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
    Ok(1)
}

#[db_op(on = [Sqlite, Postgres, Sqlite])]
async fn twice(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
    Ok(1)
}

#[db_op(on = [])]
async fn empty(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
    Ok(1)
}

#[db_op(on = Sqlite)]
async fn no_list(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
    Ok(1)
}

#[db_op(on)]
async fn nothing(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
    Ok(1)
}

#[transactional(on = [Sqlite, Postgres], once = id)]
async fn once(tx: &mut Tx<'_, DB>, id: i64) -> dbop::Result<i64> {
    Ok(id)
}

fn main() {}
