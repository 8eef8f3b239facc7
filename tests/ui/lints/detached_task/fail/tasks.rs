//! A task that a transaction starts is no part of it: there is one for each attempt, and it runs on
//! when the transaction rolls back.
#![allow(unused)]

use std::thread;

use dbop::{Tx, transactional};
use sqlx::{PgPool, Postgres, Sqlite};
use tokio::task::{self, JoinSet};

fn work() {}

async fn send_receipt(order: i64) {
    println!("{order}");
}

#[transactional]
async fn spawns_a_function(tx: &mut Tx<'_, Sqlite>, order: i64) -> dbop::Result<()> {
    tokio::spawn(send_receipt(order));
    Ok(())
}

#[transactional]
async fn spawns_a_block(tx: &mut Tx<'_, Postgres>, pool: PgPool) -> dbop::Result<()> {
    tokio::task::spawn(async move {
        let audit = sqlx::query("INSERT INTO audit (event) VALUES ('ordered')");
        audit.execute(&pool).await
    });
    Ok(())
}

#[transactional]
async fn spawns_for_each(tx: &mut Tx<'_, Sqlite>, orders: Vec<i64>) -> dbop::Result<()> {
    for order in orders {
        tokio::spawn(send_receipt(order));
    }
    Ok(())
}

#[transactional]
async fn spawns_on_a_handle(tx: &mut Tx<'_, Sqlite>, order: i64) -> dbop::Result<()> {
    tokio::runtime::Handle::current().spawn(send_receipt(order));
    let mut tasks = JoinSet::new();
    tasks.spawn(send_receipt(order));
    Ok(())
}

#[transactional]
async fn spawns_threads(tx: &mut Tx<'_, Sqlite>, order: i64) -> dbop::Result<()> {
    std::thread::spawn(move || println!("{order}"));
    tokio::task::spawn_blocking(move || println!("{order}"));
    Ok(())
}

#[transactional]
async fn spawns_by_a_short_path(tx: &mut Tx<'_, Sqlite>, order: i64) -> dbop::Result<()> {
    task::spawn(send_receipt(order));
    thread::spawn(move || println!("{order}"));
    thread::spawn(work);
    let later = move || println!("{order}");
    thread::spawn(later);
    Ok(())
}

#[transactional]
async fn spawns_in_a_savepoint(tx: &mut Tx<'_, Sqlite>, order: i64) -> dbop::Result<()> {
    tx.savepoint(async |_: &mut Tx<'_, Sqlite>| -> dbop::Result<()> {
        tokio::spawn(send_receipt(order));
        Ok(())
    })
    .await
}

fn main() {}
