//! Tasks that start when the transaction has committed, and what only sounds like one.
#![deny(warnings)]
#![allow(dead_code)]

use std::process::Command;

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

async fn send_receipt(order: i64) {
    println!("{order}");
}

async fn store(tx: &mut Tx<'_, Sqlite>, order: i64) -> dbop::Result<()> {
    sqlx::query("INSERT INTO orders (id) VALUES (?)")
        .bind(order)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

#[transactional]
async fn a_task_after_the_commit(tx: &mut Tx<'_, Sqlite>, order: i64) -> dbop::Result<()> {
    store(tx, order).await?;
    tx.after_commit(async move {
        tokio::spawn(send_receipt(order));
    });
    Ok(())
}

#[transactional]
async fn a_task_when_the_outcome_is_known(tx: &mut Tx<'_, Sqlite>, order: i64) -> dbop::Result<()> {
    tx.after_rollback(async move {
        tokio::spawn(send_receipt(-order));
    });
    tx.on_unknown(async move {
        tokio::spawn(send_receipt(0));
    });
    store(tx, order).await
}

// There is nothing that could roll back.
#[db_op]
async fn a_task_of_an_operation(conn: &mut Conn<'_, Sqlite>, order: i64) -> dbop::Result<()> {
    tokio::spawn(send_receipt(order));
    sqlx::query("SELECT 1").execute(&mut *conn).await?;
    Ok(())
}

struct Spawner;

impl Spawner {
    fn spawned(&self) -> i64 {
        1
    }
}

#[transactional]
async fn names_with_the_word(tx: &mut Tx<'_, Sqlite>, spawner: &Spawner) -> anyhow::Result<()> {
    let spawn = spawner.spawned();
    store(tx, spawn).await?;
    Ok(())
}

#[transactional]
async fn a_process(tx: &mut Tx<'_, Sqlite>, order: i64) -> anyhow::Result<()> {
    let _child = Command::new("true").spawn()?;
    store(tx, order).await?;
    Ok(())
}

#[transactional]
async fn functions_inside(tx: &mut Tx<'_, Sqlite>, order: i64) -> dbop::Result<()> {
    fn start(order: i64) {
        tokio::spawn(send_receipt(order));
    }
    store(tx, order).await?;
    tx.after_commit(async move { start(order) });
    Ok(())
}

fn main() {}
