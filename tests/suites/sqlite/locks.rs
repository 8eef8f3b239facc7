//! One file, and another process that writes to it.

use std::time::Duration;

use dbop::{ErrorKind, Outcome, Tx, transactional};
use sqlx::{Executor, Sqlite};
use tokio::time::timeout;

use super::HURRY;
use super::common::bank::{self, balance, total};
use super::common::blocker::Blocker;
use super::common::replay::{Failure, Runs, add};
use super::outside;

/// Several times as long as SQLite itself waits for a lock under dbop.
const LONG: Duration = Duration::from_millis(1200);
const NEVER: Duration = Duration::from_secs(30);

#[transactional]
async fn deposit(tx: &mut Tx<'_, Sqlite>, runs: &Runs) -> Result<(), Failure> {
    runs.next();
    Ok(add(&mut *tx, 1).await?)
}

/// Only one test calls this, and looks at its counts.
#[transactional(name = "locks.patient")]
async fn deposit_patiently(tx: &mut Tx<'_, Sqlite>, runs: &Runs) -> Result<(), Failure> {
    runs.next();
    Ok(add(&mut *tx, 1).await?)
}

#[tokio::test]
async fn a_transaction_waits_in_line_for_the_files_lock_and_that_is_no_attempt() {
    let db = bank::open().await;
    let (blocker, runs) = (Blocker::locked(&db).await, Runs::default());
    let mut waiting = std::pin::pin!(deposit_patiently(&*db, &runs));
    assert!(
        timeout(LONG, &mut waiting).await.is_err(),
        "the call gave up after a busy timeout"
    );
    blocker.unlock().await;
    timeout(NEVER, waiting)
        .await
        .expect("the lock is free")
        .unwrap();
    assert_eq!(runs.count(), 1);
    assert_eq!(balance(&*db, 1).await.unwrap(), 101);
    let metrics = dbop::metrics();
    let metrics = metrics
        .iter()
        .find(|op| op.name == "locks.patient")
        .unwrap();
    assert_eq!((metrics.calls, metrics.attempts), (1, 1));
}

#[transactional(timeout = "700ms")]
async fn deposit_soon(tx: &mut Tx<'_, Sqlite>, runs: &Runs) -> Result<(), Failure> {
    runs.next();
    Ok(add(&mut *tx, 1).await?)
}

#[tokio::test]
async fn a_lock_that_stays_ends_the_call_at_its_deadline() {
    let db = bank::open().await;
    let (blocker, runs) = (Blocker::locked(&db).await, Runs::default());
    let ended = timeout(NEVER, deposit_soon(&*db, &runs))
        .await
        .expect("the call ends at its deadline");
    let error = ended.unwrap_err().database();
    assert!(
        matches!(error.kind(), ErrorKind::Lock | ErrorKind::Timeout),
        "{error}"
    );
    assert_eq!(
        (runs.count(), error.outcome().unwrap()),
        (0, Outcome::RolledBack)
    );
    blocker.unlock().await;
    deposit(&*db, &runs).await.unwrap();
    assert_eq!(balance(&*db, 1).await.unwrap(), 101);
}

#[tokio::test]
async fn readers_go_on_while_somebody_else_writes() {
    let db = bank::open().await;
    let (blocker, runs) = (Blocker::locked(&db).await, Runs::default());
    blocker.execute("UPDATE accounts SET cents = 0").await;
    let mut waiting = std::pin::pin!(deposit(&*db, &runs));
    for _ in 0..100 {
        tokio::select! {
            biased;
            read = total(&*db) => assert_eq!(read.unwrap(), 400, "not what is uncommitted"),
            _ = &mut waiting => panic!("the file is locked"),
        }
    }
    blocker.unlock().await;
    waiting.await.unwrap();
    assert_eq!(total(&*db).await.unwrap(), 401);
}

/// Reads first and writes later, with other tasks in between. If transactions began DEFERRED, this
/// would deadlock when it upgrades its lock, or fail with BUSY_SNAPSHOT.
#[transactional]
async fn read_then_add(tx: &mut Tx<'_, Sqlite>, runs: &Runs) -> Result<(), Failure> {
    runs.next();
    let read = sqlx::query_scalar("SELECT cents FROM accounts WHERE id = 1");
    let cents: i64 = read.fetch_one(&mut *tx).await?;
    // Lets the other tasks run between the read and the write.
    tokio::task::yield_now().await;
    let write = sqlx::query("UPDATE accounts SET cents = $1 WHERE id = 1");
    write.bind(cents + 1).execute(&mut *tx).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_share_one_writer_without_a_busy_error() {
    let db = bank::open().await;
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let db = db.db.clone();
            tokio::spawn(async move {
                let runs = Runs::default();
                for _ in 0..20 {
                    read_then_add(&db, &runs).await.unwrap();
                }
                runs.count()
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(
            task.await.unwrap(),
            20,
            "runs of a task: each call ran once"
        );
    }
    assert_eq!(balance(&*db, 1).await.unwrap(), 100 + 32 * 20);
}

#[tokio::test]
async fn a_lock_on_a_connection_of_the_callers_is_an_error_and_not_waited_for_in_line() {
    let db = bank::open().await;
    let mut own = outside(&db).await;
    own.execute(HURRY).await.unwrap();
    let (blocker, runs) = (Blocker::locked(&db).await, Runs::default());
    let error = timeout(NEVER, deposit(&mut own, &runs)).await;
    let error = error.expect("no wait in line").unwrap_err().database();
    assert_eq!(error.kind(), ErrorKind::Lock);
    assert_eq!(error.outcome(), Some(Outcome::RolledBack));
    blocker.unlock().await;
    deposit(&mut own, &runs).await.unwrap();
    assert_eq!(runs.count(), 1);
}
