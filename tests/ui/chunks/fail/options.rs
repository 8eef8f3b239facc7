//! Options that do not go with a function in chunks, and those that need one.

use dbop::{Tx, transactional};
use sqlx::Sqlite;

#[transactional(chunk = 500, read_only)]
async fn reads(tx: &mut Tx<'_, Sqlite>, items: &[i64]) -> dbop::Result<()> {
    let _ = (tx, items);
    Ok(())
}

#[transactional(chunk = 500, once = key)]
async fn once(tx: &mut Tx<'_, Sqlite>, key: i64, items: &[i64]) -> dbop::Result<()> {
    let _ = (tx, key, items);
    Ok(())
}

#[transactional(chunk = 500, nested)]
async fn nested(tx: &mut Tx<'_, Sqlite>, items: &[i64]) -> dbop::Result<()> {
    let _ = (tx, items);
    Ok(())
}

#[transactional(chunk = 0)]
async fn none_at_a_time(tx: &mut Tx<'_, Sqlite>, items: &[i64]) -> dbop::Result<()> {
    let _ = (tx, items);
    Ok(())
}

#[transactional(resume = key)]
async fn without_chunks(tx: &mut Tx<'_, Sqlite>, key: i64) -> dbop::Result<()> {
    let _ = (tx, key);
    Ok(())
}

#[transactional(chunk = 500, name = "sized", resume = items.len())]
async fn key_of_items(tx: &mut Tx<'_, Sqlite>, items: &[i64]) -> dbop::Result<()> {
    let _ = (tx, items);
    Ok(())
}

#[transactional(chunk = 500, progress = |done| bar.set(done.items))]
async fn moved_bar(tx: &mut Tx<'_, Sqlite>, items: &[i64], bar: Bar) -> dbop::Result<()> {
    let _ = (tx, items, bar);
    Ok(())
}

#[derive(Clone)]
struct Bar;

impl Bar {
    fn set(&self, _: u64) {}
}

#[transactional(chunk = 500, resume = key)]
async fn without_name(tx: &mut Tx<'_, Sqlite>, key: i64, items: &[i64]) -> dbop::Result<()> {
    let _ = (tx, key, items);
    Ok(())
}

#[dbop::db_op(chunk = 500)]
async fn operation(conn: &mut dbop::Conn<'_, Sqlite>, items: &[i64]) -> dbop::Result<()> {
    let _ = (conn, items);
    Ok(())
}

fn main() {}
