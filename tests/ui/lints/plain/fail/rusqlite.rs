//! The faults of async operations, in plain functions on rusqlite.
#![allow(unused)]

use std::time::Duration;

use dbop::{db_op, transactional};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

#[transactional]
fn audit(conn: &mut Connection, id: i64) -> dbop::Result<usize> {
    Ok(conn.execute("INSERT INTO audit (account) VALUES (?1)", [id])?)
}

async fn ask_model(id: i64) -> dbop::Result<i64> {
    Ok(id)
}

#[transactional]
fn waits(conn: &mut Connection, id: i64) -> dbop::Result<()> {
    std::thread::sleep(Duration::from_millis(5));
    let answer = dbop::blocking::block_on(ask_model(id))?;
    let worker = std::thread::spawn(move || answer + 1).join();
    let other = Connection::open("other.db")?;
    audit_sync(conn, id)?;
    Ok(())
}

#[transactional]
fn detached(conn: &mut Connection, id: i64) -> dbop::Result<()> {
    audit_sync(conn, id)?;
    std::thread::spawn(move || println!("{id}"));
    Ok(())
}

#[transactional]
fn swallowed(conn: &mut Connection, id: i64) -> dbop::Result<Vec<String>> {
    let _ = conn.execute("DELETE FROM accounts WHERE id = ?1", params![id]);
    audit_sync(conn, id).ok();
    drop(audit_sync(conn, id));
    match audit_sync(conn, id) {
        Ok(changed) => println!("{changed}"),
        Err(_) => {}
    }
    let mut select = conn.prepare("SELECT name FROM accounts")?;
    let names = select.query_map([], |row| row.get(0))?.flatten();
    Ok(names.collect())
}

// In an operation every statement commits by itself, and its error is lost all the same.
#[db_op]
fn a_value_in_its_place(conn: &mut Connection, id: i64) -> dbop::Result<(i64, Option<i64>)> {
    let count = conn.query_row("SELECT count(*) FROM accounts", [], |row| row.get(0)).unwrap_or_default();
    let cents = conn.query_row("SELECT cents FROM accounts WHERE id = ?1", [id], |row| row.get(0)).ok();
    let mut select = conn.prepare("SELECT id FROM accounts")?;
    for id in select.query_map([], |row| row.get::<_, i64>(0))? {
        if let Ok(id) = id {
            println!("{id}");
        }
    }
    Ok((count, cents))
}

#[db_op(read_only)]
fn reads(conn: &mut Connection, id: i64) -> dbop::Result<usize> {
    let mut update = conn.prepare_cached("UPDATE accounts SET seen = 1 WHERE id = ?1")?;
    Ok(update.execute([id])?)
}

#[db_op]
fn all_rows(conn: &mut Connection) -> dbop::Result<()> {
    conn.execute("UPDATE accounts SET cents = ?1", (0,))?;
    Ok(conn.execute_batch("DELETE FROM accounts; DELETE FROM audit")?)
}

#[transactional]
fn commits(conn: &mut Connection, id: i64) -> dbop::Result<()> {
    audit_sync(conn, id)?;
    conn.execute_batch("COMMIT; BEGIN")?;
    let tx = conn.transaction()?;
    tx.commit()?;
    let tx = Transaction::new(conn, TransactionBehavior::Immediate)?;
    Ok(tx.commit()?)
}

#[db_op]
fn begins(conn: &mut Connection, id: i64) -> dbop::Result<()> {
    let tx = conn.unchecked_transaction()?;
    tx.execute("DELETE FROM accounts WHERE id = ?1", [id])?;
    Ok(tx.commit()?)
}

fn main() {}
