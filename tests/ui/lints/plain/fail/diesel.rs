//! The same on diesel.
#![allow(unused)]

use dbop::{db_op, transactional};
use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::dsl::delete;
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
fn swallowed(conn: &mut SqliteConnection, id: i64) -> dbop::Result<i64> {
    let _ = diesel::update(accounts::table.find(id)).set(accounts::cents.eq(0)).execute(conn);
    let _ = close_sync(conn, id);
    let count: i64 = accounts::table.count().get_result(conn).unwrap_or(0);
    let cents = accounts::table.find(id).select(accounts::cents).first::<i64>(conn).ok();
    Ok(count + cents.unwrap_or_default())
}

#[db_op(read_only)]
fn reads(conn: &mut SqliteConnection) -> dbop::Result<usize> {
    diesel::insert_into(accounts::table).values(accounts::cents.eq(1)).execute(conn)?;
    delete(accounts::table.find(1)).execute(conn)?;
    Ok(diesel::sql_query("UPDATE accounts SET cents = 0 WHERE id = 1").execute(conn)?)
}

#[db_op]
fn all_rows(conn: &mut SqliteConnection) -> dbop::Result<usize> {
    diesel::update(accounts::table).set(accounts::cents.eq(0)).execute(conn)?;
    Ok(diesel::delete(accounts::table).execute(conn)?)
}

#[db_op]
fn begins(conn: &mut SqliteConnection, id: i64) -> dbop::Result<usize> {
    conn.transaction(|conn| close_sync(conn, id))
}

#[transactional]
fn begins_again(conn: &mut SqliteConnection, id: i64) -> dbop::Result<usize> {
    AnsiTransactionManager::begin_transaction(&mut *conn)?;
    conn.immediate_transaction(|conn| close_sync(conn, id))
}

#[transactional]
fn waits_in_a_savepoint(conn: &mut SqliteConnection, id: i64) -> dbop::Result<usize> {
    conn.transaction(|conn| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        close_sync(conn, id)
    })
}

fn main() {}
