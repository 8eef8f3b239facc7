//! Guarded functions in the steps of a job.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dbop::jobs::{Job, JobInfo, JobState, Workers, kinds, migrate};
use dbop::{CircuitBreaker, Db, guarded, job};
use dbop_tests::sqlite::fresh_with;
use sqlx::Sqlite;

use super::service::state_of;
use super::{Answer, ServiceError, Stub};

/// How long a test waits for something that other processes delay.
const LONG: Duration = Duration::from_secs(60);

async fn waits_for(
    what: &str,
    db: &Db<Sqlite>,
    id: i64,
    fits: impl Fn(&JobInfo) -> bool,
) -> JobInfo {
    let begun = Instant::now();
    loop {
        let job = db.jobs().get(id).await.unwrap().unwrap();
        if fits(&job) {
            return job;
        }
        assert!(
            begun.elapsed() < LONG,
            "this never happened: {what}: {job:?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn workers(db: &Db<Sqlite>, only: &'static str) -> Workers<Sqlite> {
    let workers = Workers::new(db).only([only]);
    let workers = workers.elsewhere(kinds::<Sqlite>());
    workers.poll_every(Duration::from_millis(50))
}

#[guarded(breaker = "open for a job")]
async fn generate(stub: &Stub, prompt: &str, key: &str) -> Result<String, ServiceError> {
    let number = stub.ask().await?;
    Ok(format!("{prompt} {number} {key}"))
}

#[job(max_attempts = 1)]
async fn asks_an_open_circuit(job: &Job<Sqlite>, stub: &Stub) -> Result<String, ServiceError> {
    let model = job.call("model", async |key| generate(stub, "why", key).await);
    model.await
}

#[tokio::test]
async fn an_open_circuit_makes_a_job_run_later_and_costs_no_attempt() {
    let strict = CircuitBreaker::DEFAULT.refusals(1).probes(1);
    let breaker = dbop::breaker("open for a job").settings(strict);
    breaker.set().unwrap();
    let fresh = fresh_with(|builder| builder).await;
    migrate(&fresh.db).await.unwrap();
    let stub = Arc::new(Stub::new([Answer::Fails]));
    generate(&stub, "before", "none").await.unwrap_err();
    assert_eq!(state_of("open for a job"), "open");

    let workers = workers(&fresh.db, "asks_an_open_circuit");
    let working = workers.shared_state(Arc::clone(&stub)).start().await;
    let working = working.unwrap();
    let id = asks_an_open_circuit::enqueue(&fresh.db).await.unwrap().id;
    let later = |job: &JobInfo| job.state == JobState::Scheduled && job.attempted_at.is_some();
    let job = waits_for("the snooze", &fresh.db, id, later).await;
    assert_eq!((stub.asked(), job.attempt), (1, 0), "{job:?}");
    assert!(job.errors.is_empty(), "{job:?}");
    working.stop(Duration::from_secs(15)).await;
}

#[guarded(timeout = "50ms")]
async fn generate_in_a_hurry(stub: &Stub, key: &str) -> Result<String, ServiceError> {
    stub.ask().await?;
    Ok(key.to_owned())
}

#[job(max_attempts = 3, backoff(base = "1ms", max = "1ms"))]
async fn asks_again_with_its_key(job: &Job<Sqlite>, stub: &Stub) -> Result<String, ServiceError> {
    let model = job.call("model", async |key| generate_in_a_hurry(stub, key).await);
    model.await
}

#[tokio::test]
async fn a_step_whose_call_was_not_answered_in_time_is_done_again_with_its_key() {
    let fresh = fresh_with(|builder| builder).await;
    migrate(&fresh.db).await.unwrap();
    let stub = Arc::new(Stub::new([Answer::Hangs, Answer::Says(1)]));
    let workers = workers(&fresh.db, "asks_again_with_its_key");
    let working = workers.shared_state(Arc::clone(&stub)).start().await;
    let working = working.unwrap();
    let enqueued = asks_again_with_its_key::enqueue(&fresh.db).await.unwrap();
    let ended = |job: &JobInfo| job.state.is_final();
    let job = waits_for("the end", &fresh.db, enqueued.id, ended).await;
    assert_eq!(job.state, JobState::Completed, "{job:?}");
    assert_eq!((job.attempt, stub.asked()), (2, 2), "{job:?}");
    working.stop(Duration::from_secs(15)).await;
}
