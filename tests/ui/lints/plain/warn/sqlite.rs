//! SQLite is asked without a round trip, so of its loops nothing is said.
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

fn main() {}
