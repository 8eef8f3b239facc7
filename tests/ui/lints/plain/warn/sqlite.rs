//! What is a warning in a plain function, on SQLite, which is asked without a round trip: of its loops
//! nothing is said.
#![allow(unused)]
#![deny(deprecated)]

use dbop::{db_op, transactional};
use diesel::prelude::*;
use rusqlite::Connection;

diesel::table! {
    accounts (id) {
        id -> BigInt,
    }
}

#[db_op(retry(attempts = 8))]
fn pay(conn: &mut Connection, ids: &[i64]) -> dbop::Result<()> {
    for id in ids {
        conn.execute("UPDATE accounts SET cents = cents - 5 WHERE id = ?1", [id])?;
    }
    Ok(())
}

#[db_op(retry(attempts = 8))]
fn open(conn: &mut SqliteConnection, ids: &[i64]) -> dbop::Result<()> {
    for id in ids {
        diesel::insert_into(accounts::table).values(accounts::id.eq(id)).execute(conn)?;
    }
    Ok(())
}

#[db_op]
fn changes_the_session(conn: &mut Connection) -> dbop::Result<()> {
    conn.pragma_update(None, "cache_size", -64_000)?;
    conn.execute_batch("CREATE TEMP TABLE best (id INTEGER)")?;
    Ok(())
}

#[db_op]
fn changes_the_session_by_diesel(conn: &mut SqliteConnection) -> dbop::Result<()> {
    diesel::sql_query("PRAGMA foreign_keys = OFF").execute(conn)?;
    Ok(())
}

fn main() {}
