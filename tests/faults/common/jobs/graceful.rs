//! Processes of workers that are told to end.

use std::time::Duration;

use dbop::jobs::{Job, JobState};

use super::{
    Crew, Database, count, finish, in_state, jobs_of, open, open_gate, passes, rescues, runs, until,
};

/// Waits for a gate. Even numbers have one gate, and odd numbers another.
#[dbop::job(queue = "proof_graceful", max_attempts = 1)]
async fn proof_graceful(job: &Job<Database>, n: i64) -> dbop::Result<()> {
    runs(job.db(), n, job.attempt()).await?;
    passes(job.db(), &format!("graceful {}", n % 2)).await?;
    finish(job.db(), job, n).await
}

fn crew(url: &str) -> Crew<'_> {
    Crew::of_kind(url, "proof_graceful", 4)
}

const RUNS: &str = "SELECT count(*) FROM runs";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_run_when_their_process_is_to_end_are_finished_and_no_others_are_begun() {
    let fresh = open().await;
    let mut ends = crew(&fresh.url).start_with(Duration::from_secs(60)).await;
    let jobs = (0..3).map(|n| proof_graceful::new(2 * n));
    proof_graceful::enqueue_many(&*fresh, jobs)
        .await
        .expect("the jobs");
    until("the jobs run", async || count(&fresh, RUNS).await == 3).await;
    ends.process.go_on();
    ends.process.expect("stopping").await;
    let more = (0..10).map(|n| proof_graceful::new(100 + 2 * n));
    proof_graceful::enqueue_many(&*fresh, more)
        .await
        .expect("more jobs");
    open_gate(&fresh, "graceful 0").await;
    ends.process.expect("stopped").await;
    let begun = count(&fresh, RUNS).await;
    assert_eq!(
        in_state(&fresh, "proof_graceful", JobState::Completed).await,
        begun
    );
    assert_eq!(count(&fresh, "SELECT count(*) FROM effects").await, begun);
    let waits = in_state(&fresh, "proof_graceful", JobState::Available).await;
    assert_eq!(
        begun + waits,
        count(&fresh, "SELECT count(*) FROM river_job").await
    );
    // There was one more place, for which a job may have been fetched at that moment.
    assert!(waits >= 9, "{waits}");
    assert!(rescues(&fresh).await.is_empty());
    let left = "SELECT count(*) FROM dbop_job_worker";
    assert_eq!(count(&fresh, left).await, 0, "the process has signed off");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_outlast_the_time_of_a_stop_run_elsewhere_and_have_not_used_up_their_attempt() {
    let fresh = open().await;
    let ends = crew(&fresh.url)
        .start_with(Duration::from_millis(200))
        .await;
    let jobs = (0..3).map(|n| proof_graceful::new(2 * n + 1));
    proof_graceful::enqueue_many(&*fresh, jobs)
        .await
        .expect("the jobs");
    until("the jobs run", async || count(&fresh, RUNS).await == 3).await;
    let first = ends.id.clone();
    ends.stop().await;
    for job in jobs_of(&fresh, "proof_graceful").await.values() {
        assert_eq!(
            (job.state, job.attempt),
            (JobState::Available, 0),
            "{job:#?}"
        );
        assert!(job.errors.is_empty(), "{job:#?}");
        assert_eq!(job.worker.as_ref(), Some(&first), "{job:#?}");
    }
    open_gate(&fresh, "graceful 1").await;
    let next = crew(&fresh.url).start().await;
    until("the jobs are done", async || {
        in_state(&fresh, "proof_graceful", JobState::Completed).await == 3
    })
    .await;
    next.stop().await;
    for job in jobs_of(&fresh, "proof_graceful").await.values() {
        assert_eq!(job.attempt, 1, "{job:#?}");
    }
    assert_eq!(count(&fresh, "SELECT count(*) FROM effects").await, 3);
    assert!(rescues(&fresh).await.is_empty());
}
