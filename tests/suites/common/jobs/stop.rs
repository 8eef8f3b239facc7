//! The end of workers.

use std::sync::Arc;

use dbop::job;
use dbop::jobs::Job;

use super::*;

#[job]
async fn ends_when_told(job: &Job<Database>, gate: &Gate) -> dbop::Result<i64> {
    let _ = job;
    gate.pass().await;
    Ok(1)
}

async fn start(fresh: &Fresh<Database>, kind: &'static str) -> (Arc<Gate>, Working<Database>) {
    let gate = Arc::new(Gate::default());
    let working = workers(fresh, [kind]).shared_state(Arc::clone(&gate));
    (gate, working.start().await.unwrap())
}

/// Returns how many processes work, by the database.
async fn processes(db: &Db<Database>) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM dbop_job_worker");
    count.fetch_one(db.pool()).await.unwrap()
}

#[tokio::test]
async fn workers_that_stop_wait_for_the_jobs_that_run_and_fetch_no_others() {
    let fresh = open().await;
    let (gate, working) = start(&fresh, "ends_when_told").await;
    let running = ends_when_told::enqueue(&fresh.db).await.unwrap().id;
    gate.arrival().await;
    let mut stopping = tokio::spawn(working.stop(LONG));
    let later = ends_when_told::enqueue(&fresh.db).await.unwrap().id;
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert!(!stopping.is_finished());
    gate.open(1);
    soon("the stop", &mut stopping).await.unwrap();
    assert_eq!(info(&fresh, running).await.state, JobState::Completed);
    let later = info(&fresh, later).await;
    if later.state != JobState::Available {
        // The workers had fetched the job before they were told.
        assert_eq!(later.state, JobState::Completed);
    }
    assert_eq!(processes(&fresh).await, 0);
}

#[job]
async fn ends_if_it_must(job: &Job<Database>, gate: &Gate) -> Result<i64, Trouble> {
    gate.pass().await;
    job.cancelled().await;
    Err(Trouble::Refused)
}

#[tokio::test]
async fn jobs_that_have_not_ended_in_time_are_told_to_stop_and_their_attempt_does_not_count() {
    let fresh = open().await;
    let (gate, working) = start(&fresh, "ends_if_it_must").await;
    let id = ends_if_it_must::enqueue(&fresh.db).await.unwrap().id;
    gate.arrival().await;
    gate.open(1);
    soon("the stop", working.stop(Duration::from_millis(1))).await;
    let job = info(&fresh, id).await;
    assert_eq!(
        (job.state, job.attempt),
        (JobState::Available, 0),
        "{:?}",
        job.errors
    );
    assert!(job.errors.is_empty());
    assert_eq!(processes(&fresh).await, 0);
}

#[job]
async fn never_ends(job: &Job<Database>, gate: &Gate) -> dbop::Result<()> {
    let _ = job;
    gate.pass().await;
    std::future::pending().await
}

#[tokio::test]
async fn a_body_that_does_not_listen_is_dropped_and_its_job_is_available_again() {
    let fresh = open().await;
    let (gate, working) = start(&fresh, "never_ends").await;
    let id = never_ends::enqueue(&fresh.db).await.unwrap().id;
    gate.arrival().await;
    gate.open(1);
    soon("the stop", working.stop(Duration::from_millis(1))).await;
    let job = info(&fresh, id).await;
    assert_eq!((job.state, job.attempt), (JobState::Available, 0));
}

#[tokio::test]
async fn workers_end_with_their_handle_and_another_process_goes_on_with_their_jobs() {
    let fresh = open().await;
    let (gate, working) = start(&fresh, "ends_when_told").await;
    let id = ends_when_told::enqueue(&fresh.db).await.unwrap().id;
    gate.arrival().await;
    let former = working.id().to_owned();
    drop(working);
    let (next, working) = start(&fresh, "ends_when_told").await;
    next.open(1);
    let job = becomes(&fresh, id, JobState::Completed).await;
    assert_ne!(job.worker, Some(former));
    stop(working).await;
}

#[tokio::test]
async fn the_shutdown_of_a_handle_whose_workers_run_ends_in_time() {
    let fresh = open().await;
    let (gate, working) = start(&fresh, "never_ends").await;
    let id = never_ends::enqueue(&fresh.db).await.unwrap().id;
    gate.arrival().await;
    let shutdown = fresh.shutdown(Duration::from_secs(1));
    let shutdown = soon("the shutdown", shutdown).await;
    assert!(shutdown.closed, "{shutdown:?}");
    let stopping = working.stop(Duration::from_millis(1));
    let limit = Duration::from_secs(60);
    let stopped = tokio::time::timeout(limit, stopping).await;
    stopped.expect("workers stop although their database is closed");
    let again = Db::<Database>::connect(&fresh.url).await.unwrap();
    let job = info(&again, id).await;
    assert!(
        matches!(job.state, JobState::Running | JobState::Available),
        "{job:?}"
    );
    again.close().await;
}
