//! A job is enqueued with the transaction of its caller, or not at all.

use dbop::jobs::Job;
use dbop::{AnyDb, Tx, job, transactional};
use sqlx::Connection as _;

use super::super::notes::{insert, stored};
use super::*;

#[job]
async fn joined(job: &Job<Database>, id: i64) -> dbop::Result<()> {
    let _ = (job, id);
    Ok(())
}

#[job(on = [Sqlite, Postgres])]
async fn joined_on_either(job: &Job<DB>, id: i64) -> dbop::Result<()> {
    let _ = (job, id);
    Ok(())
}

/// Returns the arguments of all jobs.
async fn enqueued(db: &Db<Database>) -> Vec<i64> {
    let jobs = db.jobs().list(&dbop::jobs::JobFilter::new()).await;
    let jobs = jobs.expect("the jobs");
    let ids = jobs.iter().map(|job| job.arguments["id"].as_i64());
    ids.map(|id| id.expect("a number")).collect()
}

#[transactional]
async fn orders(tx: &mut Tx<'_, Database>, id: i64, refuse: bool) -> Result<(), Trouble> {
    insert(&mut *tx, id).await?;
    joined::enqueue(&mut *tx, id).await?;
    joined_on_either::enqueue(&mut *tx, id + 1).await?;
    match refuse {
        true => Err(Trouble::Refused),
        false => Ok(()),
    }
}

#[tokio::test]
async fn a_job_is_there_with_the_transaction_that_has_enqueued_it_or_not_at_all() {
    let fresh = open().await;
    let mut ear = Ear::new(&fresh).await;
    orders(&fresh.db, 1, true).await.unwrap_err();
    assert!(enqueued(&fresh).await.is_empty());
    assert!(ear.heard().await.is_empty());
    orders(&fresh.db, 1, false).await.unwrap();
    assert_eq!(enqueued(&fresh).await, [1, 2]);
    assert_eq!(stored(&fresh).await, [1]);
    assert!(!ear.heard().await.is_empty());
}

#[transactional]
#[dbop::allow(foreign_await, reason = "others look while the transaction is open")]
async fn orders_and_waits(tx: &mut Tx<'_, Database>, gate: &Gate) -> Result<(), Trouble> {
    joined::enqueue(&mut *tx, 1).await?;
    gate.pass().await;
    Ok(())
}

#[tokio::test]
async fn nobody_sees_or_hears_of_a_job_before_the_commit() {
    // On SQLite, this connection is one that reads.
    let fresh = open().await;
    let gate = Gate::default();
    let looks = async {
        gate.arrival().await;
        let mut beside = super::super::outside(&fresh).await;
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM river_job")
            .fetch_one(&mut beside)
            .await
            .unwrap();
        assert_eq!(count, 0);
        gate.open(1);
    };
    let (ordered, ()) = tokio::join!(orders_and_waits(&fresh.db, &gate), looks);
    ordered.unwrap();
    assert_eq!(enqueued(&fresh).await, [1]);
}

#[transactional]
async fn rolls_a_savepoint_back(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    joined::enqueue(&mut *tx, 1).await?;
    let inner = tx
        .savepoint(async |tx| -> Result<(), Trouble> {
            joined::new(2).queue("lost").enqueue(&mut *tx).await?;
            Err(Trouble::Refused)
        })
        .await;
    inner.unwrap_err();
    tx.savepoint(async |tx| -> Result<(), Trouble> {
        joined::enqueue(&mut *tx, 3).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_job_of_a_savepoint_that_is_rolled_back_leaves_neither_a_row_nor_a_notification() {
    let fresh = open().await;
    let mut ear = Ear::new(&fresh).await;
    rolls_a_savepoint_back(&fresh.db).await.unwrap();
    assert_eq!(enqueued(&fresh).await, [1, 3]);
    let heard = ear.heard().await;
    assert!(heard.iter().all(|it| it.contains("default")), "{heard:?}");
    assert!(!heard.is_empty());
}

#[tokio::test]
async fn a_job_joins_a_transaction_of_sqlx() {
    let fresh = open().await;
    let mut ear = Ear::new(&fresh).await;
    for commits in [false, true] {
        let mut conn = super::super::outside(&fresh).await;
        let mut transaction = conn.begin().await.unwrap();
        joined::enqueue(&mut transaction, 1).await.unwrap();
        joined_on_either::enqueue(&mut transaction, 2)
            .await
            .unwrap();
        match commits {
            true => transaction.commit().await.unwrap(),
            false => transaction.rollback().await.unwrap(),
        }
        assert_eq!(enqueued(&fresh).await.len(), if commits { 2 } else { 0 });
        assert_eq!(ear.heard().await.is_empty(), !commits);
    }
}

#[tokio::test]
async fn a_job_is_enqueued_on_a_handle_a_pool_and_a_handle_of_either_database() {
    let fresh = open().await;
    joined::enqueue(&fresh.db, 1).await.unwrap();
    joined::enqueue(fresh.pool(), 2).await.unwrap();
    joined_on_either::enqueue(&fresh.db, 3).await.unwrap();
    joined_on_either::enqueue(fresh.pool(), 4).await.unwrap();
    let any = AnyDb::connect(&fresh.url).await.unwrap();
    joined_on_either::enqueue(&any, 5).await.unwrap();
    let many = [6, 7].map(joined_on_either::new);
    joined_on_either::enqueue_many(&any, many).await.unwrap();
    assert_eq!(enqueued(&fresh).await, [1, 2, 3, 4, 5, 6, 7]);
    any.close().await;
}

#[transactional(retry(attempts = 3, base = "1ms", cap = "1ms"))]
async fn orders_at_last(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    joined::enqueue(&mut *tx, 1).await?;
    match runs.next() {
        3 => Ok(()),
        _ => Err(Trouble::NotNow),
    }
}

#[tokio::test]
async fn a_transaction_that_is_replayed_enqueues_its_job_once() {
    let fresh = open().await;
    orders_at_last(&fresh.db, &Runs::default()).await.unwrap();
    assert_eq!(enqueued(&fresh).await, [1]);
}

#[transactional]
async fn enqueues_what_is_not_valid(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    let wrong = joined::new(1).queue("No Queue").enqueue(&mut *tx);
    wrong.await.unwrap_err();
    insert(&mut *tx, 1).await?;
    joined::enqueue(&mut *tx, 2).await?;
    Ok(())
}

#[tokio::test]
async fn a_job_that_is_not_valid_leaves_the_transaction_as_it_is() {
    let fresh = open().await;
    enqueues_what_is_not_valid(&fresh.db).await.unwrap();
    assert_eq!(enqueued(&fresh).await, [2]);
    assert_eq!(stored(&fresh).await, [1]);
}
