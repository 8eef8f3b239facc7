//! Jobs whose transaction does not commit.

use dbop::jobs::Job;
use dbop::{Db, Tx, transactional};
use dbop_tests::Trouble;
use dbop_tests::process::{Process, say, test_name, wait_for_parent};

use super::{Crew, Database, count, effect, open, runs, until};

const URL: &str = "DBOP_TEST_ENQUEUED_URL";
const ALL: &str = "SELECT count(*) FROM river_job";

#[dbop::job(queue = "proof_enqueued")]
async fn proof_enqueued(job: &Job<Database>, n: i64) -> dbop::Result<()> {
    runs(job.db(), n, job.attempt()).await
}

#[transactional]
async fn enqueue_and_refuse(tx: &mut Tx<'_, Database>, n: i64) -> Result<(), Trouble> {
    effect(&mut *tx, n, "row").await?;
    proof_enqueued::enqueue(&mut *tx, n).await?;
    let more = [n, n].map(proof_enqueued::new);
    proof_enqueued::enqueue_many(&mut *tx, more).await?;
    Err(Trouble::Refused)
}

#[transactional(retry = never)]
#[dbop::allow(foreign_await, reason = "the test holds the transaction open")]
async fn enqueue_when_told(tx: &mut Tx<'_, Database>, n: i64) -> Result<(), Trouble> {
    effect(&mut *tx, n, "row").await?;
    proof_enqueued::enqueue(&mut *tx, n).await?;
    say("enqueued");
    wait_for_parent().await;
    Ok(())
}

#[tokio::test]
#[ignore = "run by another test, in a process of its own"]
async fn enqueues_and_waits_before_it_commits() {
    let Ok(url) = std::env::var(URL) else { return };
    let db = Db::<Database>::connect(&url).await.expect("the database");
    enqueue_when_told(&db, 1).await.expect("the commit");
    say("committed");
}

#[tokio::test]
async fn a_job_that_was_enqueued_in_a_transaction_that_fails_is_not_there() {
    let fresh = open().await;
    let refused = enqueue_and_refuse(&*fresh, 1).await;
    assert!(matches!(refused, Err(Trouble::Refused)), "{refused:?}");
    assert_eq!(count(&fresh, ALL).await, 0);
    assert_eq!(count(&fresh, "SELECT count(*) FROM effects").await, 0);
}

#[tokio::test]
async fn a_process_that_is_killed_before_its_commit_leaves_no_job_and_one_that_commits_leaves_one()
{
    let fresh = open().await;
    let crew = Crew::of_kind(&fresh.url, "proof_enqueued", 2);
    let worker = crew.start().await;
    let test = test_name(module_path!(), "enqueues_and_waits_before_it_commits");
    let settings = [(URL, &*fresh.url)];
    let mut killed = Process::start(&test, &settings);
    killed.expect("enqueued").await;
    killed.kill();
    let mut commits = Process::start(&test, &settings);
    commits.expect("enqueued").await;
    assert_eq!(count(&fresh, ALL).await, 0);
    commits.go_on();
    commits.expect("committed").await;
    until("the job runs", async || {
        count(&fresh, "SELECT count(*) FROM runs").await > 0
    })
    .await;
    worker.stop().await;
    assert_eq!(count(&fresh, ALL).await, 1);
    assert_eq!(count(&fresh, "SELECT count(*) FROM runs").await, 1);
    assert_eq!(count(&fresh, "SELECT count(*) FROM effects").await, 1);
}
