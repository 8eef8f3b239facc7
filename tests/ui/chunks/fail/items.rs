//! Items that a function in chunks cannot have.

use dbop::{Tx, transactional};
use sqlx::{Sqlite, SqliteConnection};

#[transactional(chunk = 500)]
async fn no_items(tx: &mut Tx<'_, Sqlite>, count: i64) -> dbop::Result<()> {
    let _ = (tx, count);
    Ok(())
}

#[transactional(chunk = 500)]
async fn two_slices(tx: &mut Tx<'_, Sqlite>, first: &[i64], second: &[i64]) -> dbop::Result<()> {
    let _ = (tx, first, second);
    Ok(())
}

#[transactional(chunk = 500)]
async fn marked_vector(tx: &mut Tx<'_, Sqlite>, #[items] rows: Vec<i64>) -> dbop::Result<()> {
    let _ = (tx, rows);
    Ok(())
}

#[transactional(chunk = 500)]
async fn borrowed(tx: &mut Tx<'_, Sqlite>, items: &[&str]) -> dbop::Result<()> {
    let _ = (tx, items);
    Ok(())
}

#[transactional(chunk = 500)]
async fn on_a_connection(conn: &mut SqliteConnection, items: &[i64]) -> dbop::Result<()> {
    let _ = (conn, items);
    Ok(())
}

#[transactional]
async fn marked_without_chunks(tx: &mut Tx<'_, Sqlite>, #[items] rows: &[i64]) -> dbop::Result<()> {
    let _ = (tx, rows);
    Ok(())
}

#[transactional(chunk = 500)]
fn plain(conn: &mut rusqlite::Connection, items: &[i64]) -> dbop::Result<()> {
    let _ = (conn, items);
    Ok(())
}

fn main() {}
