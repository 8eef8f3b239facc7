//! A process that was taken for dead, and gets its own job again.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use dbop::jobs::{Job, JobState};

use super::{
    Crew, Database, count, effect, in_state, jobs_of, note, open, passes, rescues, runs,
    start_leader, stop_leader, until,
};

/// How many attempts run in this process.
static RUNNING: AtomicU32 = AtomicU32::new(0);

struct Running;

impl Running {
    fn begin() -> (Self, u32) {
        (Self, RUNNING.fetch_add(1, SeqCst))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, SeqCst);
    }
}

/// Stays in its first attempt for ever, and ends in a later one.
#[dbop::job(queue = "proof_own", backoff(base = "1ms", max = "1ms"))]
async fn proof_own(job: &Job<Database>, n: i64) -> dbop::Result<()> {
    let (_running, others) = Running::begin();
    if others > 0 {
        note(job.db(), n, "two attempts at once").await?;
    }
    runs(job.db(), n, job.attempt()).await?;
    if job.attempt() == 1 {
        passes(job.db(), "never").await?;
    }
    job.write("end", async |tx| -> dbop::Result<()> {
        effect(&mut *tx, n, "end").await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_gets_its_own_job_again_runs_one_attempt_after_the_other() {
    let fresh = open().await;
    let crew = Crew::of_kind(&fresh.url, "proof_own", 4);
    let stops = crew.start().await;
    proof_own::enqueue(&*fresh, 1).await.expect("the job");
    until("the job runs", async || {
        count(&fresh, "SELECT count(*) FROM runs").await == 1
    })
    .await;
    stops.pause(&fresh).await;
    // Somebody who has no such jobs takes the process for dead.
    let leader = start_leader(&fresh).await;
    until("the job is taken away", async || {
        in_state(&fresh, "proof_own", JobState::Available).await == 1
    })
    .await;
    stops.process.resume();
    until("the job is done", async || {
        in_state(&fresh, "proof_own", JobState::Completed).await == 1
    })
    .await;
    let id = stops.id.clone();
    stops.stop().await;
    stop_leader(leader).await;
    let job = jobs_of(&fresh, "proof_own")
        .await
        .remove(&1)
        .expect("the job");
    assert_eq!(job.worker, Some(id), "{job:#?}");
    assert_eq!(rescues(&fresh).await[&job.id], 1, "{job:#?}");
    assert_eq!(count(&fresh, "SELECT count(*) FROM effects").await, 1);
    let at_once = "SELECT count(*) FROM notes WHERE n = 1";
    assert_eq!(count(&fresh, at_once).await, 0, "two attempts ran at once");
}
