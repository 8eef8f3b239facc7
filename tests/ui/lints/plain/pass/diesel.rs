//! Plain functions on diesel in which nothing is wrong.
#![deny(warnings)]
#![allow(dead_code)]

use dbop::{db_op, transactional};
use diesel::prelude::*;

diesel::table! {
    accounts (id) {
        id -> BigInt,
        cents -> BigInt,
    }
}

#[transactional]
fn close(conn: &mut SqliteConnection, id: i64) -> dbop::Result<usize> {
    Ok(diesel::delete(accounts::table.find(id)).execute(conn)?)
}

#[transactional]
fn parts(conn: &mut SqliteConnection, ids: Vec<i64>) -> dbop::Result<()> {
    for id in ids {
        // A savepoint, which is undone alone.
        let _ = conn.transaction(|conn| close_sync(conn, id));
        diesel::update(accounts::table)
            .filter(accounts::id.eq(id))
            .set(accounts::cents.eq(0))
            .execute(conn)?;
    }
    Ok(())
}

#[db_op(read_only)]
fn cents(conn: &mut SqliteConnection, id: i64) -> dbop::Result<i64> {
    let cents = accounts::table.find(id).select(accounts::cents).first(conn).optional()?;
    let all = accounts::table.select(accounts::cents).load_iter::<i64, _>(conn)?;
    let all = all.collect::<Result<Vec<_>, _>>()?;
    Ok(cents.unwrap_or_else(|| all.first().copied().unwrap_or_default()))
}

#[db_op]
fn all_rows(conn: &mut SqliteConnection) -> dbop::Result<usize> {
    use diesel::sql_types::Bool;

    let all = diesel::delete(accounts::table).filter(true.into_sql::<Bool>());
    Ok(all.execute(conn)?)
}

fn main() {}
