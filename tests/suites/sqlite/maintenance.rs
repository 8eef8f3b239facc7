//! Maintenance of a file: each task is claimed by a row, which expires.

use std::time::Duration;

use dbop::Db;
use dbop_tests::eventually;
use dbop_tests::trace::Trace;
use sqlx::Executor;

use super::Database;
use super::common::maintenance::{OFTEN, OPTIMIZE, has_run, nothing};
use super::common::notes::{self, soon};

const CLAIM: &str = "dbop.maintenance.claim";

#[tokio::test]
async fn a_task_that_a_dead_process_has_claimed_is_done_by_another_once_the_claim_expires() {
    let fresh = notes::open().await;
    let claimant = async || {
        let claimed = sqlx::query_scalar("SELECT claimed_by FROM dbop_maintenance");
        let claimed: String = claimed.fetch_one(fresh.pool()).await.unwrap();
        claimed
    };
    // A process that is stopped in the middle of its task leaves the claim that it has taken for as long
    // as the task may run.
    let trace = Trace::start();
    let first = nothing(&fresh).optimize(OFTEN).start();
    has_run(&trace, OPTIMIZE, 1).await;
    soon("stop", first.stop()).await;
    let dead = claimant().await;
    let in_the_middle = "UPDATE dbop_maintenance SET until = julianday('now') + 1";
    fresh.pool().execute(in_the_middle).await.unwrap();

    let (ran, claims) = (trace.spans(OPTIMIZE).len(), trace.spans(CLAIM).len());
    let second = nothing(&fresh).optimize(OFTEN).start();
    has_run(&trace, CLAIM, claims + 5).await;
    assert_eq!(trace.spans(OPTIMIZE).len(), ran, "the claim holds");
    assert_eq!(claimant().await, dead);
    let time_passes = "UPDATE dbop_maintenance SET until = julianday('now') - 1";
    fresh.pool().execute(time_passes).await.unwrap();
    has_run(&trace, OPTIMIZE, ran + 1).await;
    assert_ne!(claimant().await, dead);
    soon("stop", second.stop()).await;
}

#[tokio::test]
async fn of_two_processes_the_one_that_did_a_task_does_it_again_when_it_is_due() {
    let fresh = notes::open().await;
    let trace = Trace::start();
    let both = [(), ()].map(|()| nothing(&fresh).optimize(4 * OFTEN).start());
    has_run(&trace, OPTIMIZE, 5).await;
    has_run(&trace, CLAIM, 15).await;
    // Each time a task was done, its claim was taken and then kept: two statements. The other process
    // has only asked.
    let (ran, claims) = (trace.spans(OPTIMIZE).len(), trace.spans(CLAIM).len());
    assert!(claims > 2 * ran, "{ran} runs, {claims} claims");
    for maintenance in both {
        soon("stop", maintenance.stop()).await;
    }
}

#[tokio::test]
async fn a_vacuum_that_was_asked_for_gives_the_space_of_deleted_rows_back() {
    let fresh = notes::open().await;
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
        INSERT INTO notes SELECT i FROM n; DELETE FROM notes";
    fresh.pool().execute(fill).await.unwrap();
    let free = async || {
        let free = sqlx::query_scalar::<_, i64>("PRAGMA freelist_count");
        free.fetch_one(fresh.pool()).await.unwrap()
    };
    assert!(free().await > 0);
    let maintenance = nothing(&fresh).vacuum(Duration::from_millis(10)).start();
    eventually("the space is back", async || free().await == 0).await;
    soon("stop", maintenance.stop()).await;
}

#[tokio::test]
async fn a_process_whose_claim_has_gone_to_another_does_no_further_part_of_the_task() {
    let fresh = notes::open().await;
    fresh
        .pool()
        .execute(Db::<Database>::ONCE_SCHEMA)
        .await
        .unwrap();
    let old = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
        INSERT INTO dbop_once (op, key, fp, created_at)
        SELECT 'pay', i, 'x', '2000-01-01' FROM n;
        CREATE TRIGGER goes_on AFTER DELETE ON dbop_once BEGIN
            UPDATE dbop_maintenance SET claimed_by = 'another', until = julianday('now') + 1;
        END";
    fresh.pool().execute(old).await.unwrap();
    let trace = Trace::start();
    let maintenance = nothing(&fresh).once_markers(OFTEN).start();
    has_run(&trace, CLAIM, 5).await;
    soon("stop", maintenance.stop()).await;
    let left = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM dbop_once");
    assert_eq!(left.fetch_one(fresh.pool()).await.unwrap(), 1200 - 500);
}
