//! Plain functions on rusqlite in which nothing is wrong.
#![deny(warnings)]
#![allow(dead_code)]

use std::collections::HashMap;
use std::time::Duration;

use dbop::{db_op, transactional};
use rusqlite::{Connection, OptionalExtension, params};

#[transactional]
fn audit(conn: &mut Connection, id: i64) -> dbop::Result<usize> {
    Ok(conn.execute("INSERT INTO audit (account) VALUES (?1)", [id])?)
}

#[db_op(read_only)]
fn names(conn: &Connection) -> dbop::Result<HashMap<i64, String>> {
    let mut found = HashMap::new();
    let mut select = conn.prepare_cached("SELECT id, name FROM accounts")?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1).unwrap_or_default())))?;
    for row in rows {
        let (id, name) = row?;
        let _ = found.insert(id, name);
    }
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let _: i64 = row.get(0).unwrap_or_default();
    }
    drop(rows);
    let all = select.query_map([], |row| row.get::<_, i64>(0))?;
    let all = all.collect::<Result<Vec<_>, _>>()?;
    let _ = all.len();
    Ok(found)
}

#[db_op(read_only)]
fn cents(conn: &mut Connection, id: i64) -> dbop::Result<i64> {
    let select = "SELECT cents FROM accounts WHERE id = ?1";
    let cents = conn.query_row(select, [id], |row| row.get(0)).optional()?;
    Ok(cents.unwrap_or_default())
}

#[transactional]
fn parts(conn: &mut Connection, ids: Vec<i64>) -> dbop::Result<()> {
    for id in ids {
        let mut savepoint = conn.savepoint()?;
        if savepoint.execute("DELETE FROM accounts WHERE id = ?1", params![id])? > 1 {
            savepoint.rollback()?;
        }
        savepoint.commit()?;
        audit_sync(conn, id)?;
    }
    let id = conn.last_insert_rowid();
    let (sender, _receiver) = std::sync::mpsc::channel();
    let _ = sender.send(id);
    let _ = std::fs::read_to_string("notes.txt");
    std::thread::scope(|scope| {
        scope.spawn(|| println!("{id}"));
    });
    Ok(())
}

// No transaction waits for it, and its thread is there for that.
#[db_op]
fn slow(conn: &mut Connection, id: i64) -> dbop::Result<()> {
    std::thread::sleep(Duration::from_millis(5));
    for id in 0..id {
        conn.execute("UPDATE accounts SET cents = 0 WHERE id = ?1", (id,))?;
    }
    Ok(())
}

#[transactional]
fn allowed(conn: &mut Connection, id: i64) -> dbop::Result<()> {
    #[dbop::allow(swallowed_error, reason = "an audit that is missing is found by night")]
    let _ = audit_sync(conn, id);
    Ok(())
}

fn main() {}
