//! The same on `postgres`.
#![allow(unused)]

use dbop::{DbError, db_op, transactional};
use postgres_client::{Client, NoTls};

#[transactional]
fn audit(conn: &mut Client, id: i64) -> dbop::Result<u64> {
    Ok(conn.execute("INSERT INTO audit (account) VALUES ($1)", &[&id])?)
}

#[transactional]
fn swallowed(conn: &mut Client, id: i64) -> dbop::Result<i64> {
    let _ = conn.execute("DELETE FROM accounts WHERE id = $1", &[&id]);
    audit_sync(conn, id).ok();
    let rows = conn.query("SELECT id FROM accounts", &[]).unwrap_or_default();
    if let Ok(row) = conn.query_one("SELECT cents FROM accounts WHERE id = $1", &[&id]) {
        return Ok(row.get(0));
    }
    Ok(rows.len() as i64)
}

#[db_op(read_only)]
fn reads(conn: &mut Client) -> dbop::Result<()> {
    conn.query("SELECT id FROM accounts FOR UPDATE", &[])?;
    let insert = conn.prepare("INSERT INTO audit (account) VALUES ($1)")?;
    conn.execute(&insert, &[&1_i64])?;
    conn.copy_in("COPY audit FROM STDIN")?.finish()?;
    Ok(())
}

#[db_op]
fn all_rows(conn: &mut Client) -> dbop::Result<()> {
    Ok(conn.batch_execute("UPDATE accounts SET cents = 0")?)
}

#[transactional]
fn begins(conn: &mut Client, id: i64) -> dbop::Result<()> {
    let tx = conn.transaction()?;
    tx.commit()?;
    let tx = conn.build_transaction().read_only(true).start()?;
    tx.commit()?;
    Ok(conn.batch_execute("COMMIT")?)
}

#[db_op]
fn divides(conn: &mut Client, id: i64) -> dbop::Result<()> {
    Ok(conn.batch_execute("SAVEPOINT part")?)
}

#[transactional]
fn elsewhere(conn: &mut Client, id: i64) -> dbop::Result<()> {
    let mut other = Client::connect("host=localhost", NoTls)?;
    other.execute("DELETE FROM accounts WHERE id = $1", &[&id])?;
    Ok(())
}

fn main() {}
