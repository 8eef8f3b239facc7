//! A job that takes its whole process down.

use std::time::Duration;

use dbop::jobs::{Discarded, Job, JobState};
use tokio::time::timeout;

use super::{
    Crew, Database, count, finish, in_state, jobs_of, note, open, runs, start_leader, stop_leader,
    tally,
};

const ATTEMPTS: i64 = 3;
const OTHERS: i64 = 40;

/// The number of the job that aborts its process. The others are behind it.
const POISON: i64 = 0;

#[dbop::job(queue = "proof_poison", max_attempts = 3, discarded = proof_poison_told)]
async fn proof_poison(job: &Job<Database>, n: i64) -> dbop::Result<()> {
    runs(job.db(), n, job.attempt()).await?;
    std::process::abort();
}

#[dbop::job(queue = "proof_poison")]
async fn proof_beside(job: &Job<Database>, n: i64) -> dbop::Result<()> {
    finish(job.db(), job, n).await
}

#[dbop::job(queue = "proof_poison")]
async fn proof_poison_told(job: &Job<Database>, discarded: Discarded) -> dbop::Result<()> {
    note(job.db(), discarded.id, &discarded.error).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_aborts_its_process_runs_no_more_often_than_it_may_and_is_told_of_once() {
    let fresh = open().await;
    let poison = proof_poison::enqueue(&*fresh, POISON)
        .await
        .expect("the job")
        .id;
    let others = (1..=OTHERS).map(proof_beside::new);
    let others = proof_beside::enqueue_many(&*fresh, others).await;
    others.expect("the other jobs");
    // Somebody who lives makes jobs available whose time has come.
    let leader = start_leader(&fresh).await;
    let crew = Crew {
        url: &fresh.url,
        kinds: "proof_poison,proof_beside,proof_poison_told",
        queue: "proof_poison",
        at_once: 4,
    };
    let mut ended = 0;
    let mut process = None;
    let is_over = async || {
        in_state(&fresh, "proof_poison_told", JobState::Completed).await == 1
            && in_state(&fresh, "proof_beside", JobState::Completed).await == OTHERS
    };
    let begun = std::time::Instant::now();
    while !is_over().await {
        let told = format!("{:#?}", jobs_of(&fresh, "proof_poison").await);
        assert!(begun.elapsed() < Duration::from_secs(90), "{told}");
        let Some(worker) = &mut process else {
            process = crew.start_unless_it_ends(Duration::from_secs(20)).await;
            ended += i64::from(process.is_none());
            continue;
        };
        let said = timeout(Duration::from_millis(50), worker.process.hear()).await;
        if let Ok(None) = said {
            ended += 1;
            process = None;
        }
    }
    process.expect("the last one lives").stop().await;
    stop_leader(leader).await;
    assert_eq!(ended, ATTEMPTS, "only that job ends a process");
    let ran = tally(&fresh, "SELECT n, count(*) FROM runs GROUP BY n").await;
    assert_eq!(ran[&POISON], ATTEMPTS);
    let job = fresh
        .jobs()
        .get(poison)
        .await
        .expect("the job")
        .expect("there");
    assert_eq!(
        (job.state, job.attempt),
        (JobState::Discarded, 3),
        "{job:#?}"
    );
    assert_eq!(job.errors.len(), 3, "{job:#?}");
    let told = sqlx::query_as::<_, (i64, String)>("SELECT n, note FROM notes");
    let told = told.fetch_all(fresh.pool()).await.expect("the notes");
    let [(id, error)] = &*told else {
        panic!("the job was told of once: {told:?}")
    };
    assert_eq!(*id, poison);
    assert!(error.contains("has died"), "{error}");
    let twice = "SELECT count(*) FROM river_job WHERE kind = 'proof_poison_told'";
    assert_eq!(count(&fresh, twice).await, 1);
    assert_eq!(count(&fresh, "SELECT count(*) FROM effects").await, OTHERS);
    assert_eq!(
        count(&fresh, "SELECT count(DISTINCT n) FROM effects").await,
        OTHERS
    );
}
