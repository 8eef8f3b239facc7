//! What SQLite and its driver do by themselves, and what a dbop call does instead.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use dbop::{Conn, Db, ErrorKind, Outcome, Tx, db_op, transactional};
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;
use sqlx::{Connection, Executor, Sqlite};

use super::common::tried::{Trouble, insert, open, stored};
use super::outside;

/// What dbop does: `locks::many_tasks_share_one_writer_without_a_busy_error`.
#[tokio::test]
async fn a_deferred_transaction_that_reads_and_then_writes_is_refused_without_a_wait() {
    let db = open().await;
    let mut conn = outside(&db).await;
    conn.execute("PRAGMA busy_timeout = 60000").await.unwrap();
    let begun = Instant::now();
    let mut tx = conn.begin().await.unwrap();
    tx.execute("SELECT * FROM notes").await.unwrap();
    insert(db.pool(), 1).await.unwrap();
    let error = insert(&mut *tx, 2).await.unwrap_err();
    let code = error.as_database_error().and_then(|error| error.code());
    assert_eq!(
        code.as_deref(),
        Some("517"),
        "the extended code, in decimal"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "the statement waited"
    );
}

#[db_op]
async fn delete(conn: &mut Conn<'_, Sqlite>) -> Result<(), Trouble> {
    conn.execute("DELETE FROM notes WHERE true").await?;
    Ok(())
}

#[tokio::test]
async fn a_delete_that_is_restricted_is_a_foreign_key_although_sqlite_says_trigger() {
    let db = open().await;
    let children = "CREATE TABLE children (id BIGINT REFERENCES notes ON DELETE RESTRICT)";
    db.pool().execute(children).await.unwrap();
    insert(db.pool(), 1).await.unwrap();
    let child = "INSERT INTO children VALUES (1)";
    db.pool().execute(child).await.unwrap();
    let error = delete(&db.db).await.unwrap_err();
    let error = error.database();
    assert_eq!(
        (error.kind(), error.outcome().unwrap()),
        (ErrorKind::ForeignKey, Outcome::RolledBack)
    );
    let raw = db.pool().execute("DELETE FROM notes").await.unwrap_err();
    let code = raw.as_database_error().and_then(|error| error.code());
    assert_eq!(code.as_deref(), Some("1811"));
    assert_eq!(stored(&db).await, [1]);
}

#[tokio::test]
async fn sqlx_panics_when_an_error_is_taken_for_another_databases() {
    let db = open().await;
    insert(db.pool(), 1).await.unwrap();
    let error = insert(db.pool(), 1).await.unwrap_err();
    let error = error.as_database_error().unwrap();
    assert!(error.try_downcast_ref::<PgDatabaseError>().is_none());
    assert!(error.try_downcast_ref::<SqliteError>().is_some());
    let wrong = AssertUnwindSafe(|| error.downcast_ref::<PgDatabaseError>().severity());
    assert!(std::panic::catch_unwind(wrong).is_err());
}

#[transactional]
#[dbop::allow(
    foreign_await,
    reason = "holds the lock for a while, as work does that is more than one statement"
)]
async fn work(tx: &mut Tx<'_, Sqlite>, id: i64) -> Result<(), Trouble> {
    insert(&mut *tx, id).await?;
    tokio::time::sleep(Duration::from_millis(1)).await;
    tx.execute("SELECT COUNT(*) FROM notes").await?;
    Ok(())
}

async fn work_until(db: Db<Sqlite>, task: i64, until: Instant) -> i64 {
    let mut done = 0;
    while Instant::now() < until {
        let worked = work(&db, task * 10_000 + done).await;
        worked.expect("nobody is refused");
        done += 1;
    }
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_writer_serves_its_callers_in_turn() {
    let db = open().await;
    let until = Instant::now() + Duration::from_secs(2);
    let tasks = (0..32).map(|task| tokio::spawn(work_until(db.db.clone(), task, until)));
    let tasks: Vec<_> = tasks.collect();
    let mut counts = Vec::new();
    for task in tasks {
        counts.push(task.await.unwrap());
    }
    let (least, most) = (*counts.iter().min().unwrap(), *counts.iter().max().unwrap());
    println!("{least} to {most} transactions a task");
    assert!(least > 0 && most <= least * 3 / 2 + 3, "{counts:?}");
    let total = usize::try_from(counts.iter().sum::<i64>()).unwrap();
    assert_eq!(stored(&db).await.len(), total);
}
