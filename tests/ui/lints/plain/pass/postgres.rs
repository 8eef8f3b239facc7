//! Plain functions on `postgres` in which nothing is wrong.
#![deny(warnings)]
#![allow(dead_code)]

use std::io::Write;

use dbop::{db_op, transactional};
use postgres_client::Client;

#[transactional]
fn audit(conn: &mut Client, id: i64) -> dbop::Result<u64> {
    Ok(conn.execute("INSERT INTO audit (account) VALUES ($1)", &[&id])?)
}

#[db_op(read_only)]
fn cents(conn: &mut Client, id: i64) -> dbop::Result<i64> {
    let row = conn.query_opt("SELECT cents FROM accounts WHERE id = $1", &[&id])?;
    for row in conn.query("SELECT name FROM accounts", &[])? {
        let _: String = row.try_get(0).unwrap_or_default();
    }
    Ok(row.map(|row| row.get(0)).unwrap_or_default())
}

// Its client has no other savepoint.
#[transactional]
fn parts(conn: &mut Client, id: i64) -> dbop::Result<()> {
    conn.batch_execute("SAVEPOINT part")?;
    if audit_sync(conn, id).is_err() {
        conn.batch_execute("ROLLBACK TO SAVEPOINT part")?;
    }
    Ok(conn.batch_execute("RELEASE SAVEPOINT part")?)
}

#[db_op]
fn import(conn: &mut Client, ids: &[i64]) -> dbop::Result<u64> {
    for chunk in ids.chunks(500) {
        conn.execute("DELETE FROM audit WHERE account = ANY($1)", &[&chunk])?;
    }
    let mut rows = conn.copy_in("COPY audit (account) FROM STDIN")?;
    for id in ids {
        writeln!(rows, "{id}").map_err(|error| dbop::Error::from(sqlx::Error::Io(error)))?;
    }
    Ok(rows.finish()?)
}

fn main() {}
