//! `once` where it contradicts another option, and marks that say nothing.
#![allow(unused)]

use std::collections::HashSet;

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

#[transactional(once = id, read_only)]
async fn reads(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    Ok(())
}

#[transactional(once = id, idempotent)]
async fn both(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    Ok(())
}

#[transactional(once)]
async fn no_key(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    Ok(())
}

#[db_op(once = id)]
async fn operation(conn: &mut Conn<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    Ok(())
}

#[transactional]
async fn skips_nothing(tx: &mut Tx<'_, Sqlite>, #[once(skip)] id: i64) -> dbop::Result<()> {
    Ok(())
}

#[transactional(once = id)]
async fn skips_the_session(#[once(skip)] tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    Ok(())
}

#[transactional(once = id)]
async fn misspelt(tx: &mut Tx<'_, Sqlite>, #[once(skipp)] id: i64) -> dbop::Result<()> {
    Ok(())
}

#[transactional(once = id)]
async fn taken_apart(tx: &mut Tx<'_, Sqlite>, (id, cents): (i64, i64)) -> dbop::Result<()> {
    Ok(())
}

#[transactional(once = 7, retry = never)]
async fn taken_apart_once(tx: &mut Tx<'_, Sqlite>, (id, cents): (i64, i64)) -> dbop::Result<()> {
    Ok(())
}

#[transactional(once = 7)]
async fn unordered(tx: &mut Tx<'_, Sqlite>, tags: &HashSet<i64>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
