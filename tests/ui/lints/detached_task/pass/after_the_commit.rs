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

// A forum has threads, and a planner has tasks.
mod thread {
    use dbop::{Tx, transactional};
    use sqlx::Sqlite;

    #[transactional]
    pub(crate) async fn spawn(tx: &mut Tx<'_, Sqlite>, title: &str) -> dbop::Result<i64> {
        let insert = sqlx::query_scalar("INSERT INTO threads (title) VALUES (?) RETURNING id");
        Ok(insert.bind(title).fetch_one(&mut *tx).await?)
    }
}

mod work {
    pub(crate) mod task {
        pub(crate) fn spawn(title: impl AsRef<str>) -> i64 {
            title.as_ref().len() as i64
        }
    }

    pub(crate) mod thread {
        pub(crate) fn spawn(run: fn() -> i64) -> i64 {
            run()
        }
    }
}

#[transactional]
async fn modules_of_that_name(tx: &mut Tx<'_, Sqlite>, title: String) -> dbop::Result<()> {
    use crate::work::task;
    let id = thread::spawn(&mut *tx, &title).await? + crate::thread::spawn(&mut *tx, "a").await?;
    store(
        tx,
        id + task::spawn("b") + task::spawn(title.trim()) + task::spawn(title),
    )
    .await
}

#[transactional]
async fn a_module_that_the_body_names(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    use self::work::thread;
    fn one() -> i64 {
        1
    }
    store(tx, thread::spawn(one) + crate::work::thread::spawn(one)).await
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
