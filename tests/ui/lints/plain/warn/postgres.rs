//! What is a warning in a plain function, on `postgres`.
#![allow(unused)]
#![deny(deprecated)]

use dbop::{db_op, transactional};
use postgres_client::Client;

#[transactional]
fn in_a_loop(conn: &mut Client, ids: &[i64]) -> dbop::Result<u64> {
    let mut deleted = 0;
    let delete = conn.prepare("DELETE FROM accounts WHERE id = $1")?;
    for id in ids {
        deleted += conn.execute(&delete, &[id])?;
    }
    for id in ids {
        conn.query_opt("SELECT cents FROM accounts WHERE id = $1", &[id])?;
    }
    Ok(deleted)
}

#[db_op(retry(attempts = 8))]
fn pay(conn: &mut Client, id: i64) -> dbop::Result<u64> {
    Ok(conn.execute("UPDATE accounts SET cents = cents - 5 WHERE id = $1", &[&id])?)
}

#[db_op]
fn changes_the_session(conn: &mut Client) -> dbop::Result<()> {
    conn.batch_execute("SET lock_timeout = 100; SELECT pg_advisory_lock(7)")?;
    Ok(())
}

fn main() {}
