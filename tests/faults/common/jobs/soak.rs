//! Processes that are killed at random moments, for as long as one likes.

use std::time::{Duration, Instant};

use dbop::jobs::JobState;
use dbop_tests::{seed, setting};
use sqlx::Executor;
use tokio::time::sleep;

use super::killed::{Interrupted, all_completed, audit, completed, crew, enqueue};
use super::{in_state, open, stop_all, until};

const PROCESSES: usize = 3;

const NO_MORE_WAITS: &str = "UPDATE river_job SET scheduled_at = created_at
    WHERE CAST(state AS TEXT) = 'retryable' AND scheduled_at > created_at";

/// `DBOP_TEST_SOAK_SECONDS` sets how long this takes, and `DBOP_TEST_SEED` seeds the random numbers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_are_killed_at_random_moments_lose_no_job_and_double_no_effect() {
    let time = Duration::from_secs(setting("DBOP_TEST_SOAK_SECONDS").unwrap_or(4));
    let mut random = fastrand::Rng::with_seed(seed());
    let fresh = open().await;
    let crew = crew(&fresh.url);
    let mut workers = crew.start_many(PROCESSES).await;
    let mut interrupted = Interrupted::default();
    let (mut jobs, mut killed) = (0, 0);
    let begun = Instant::now();
    while begun.elapsed() < time {
        // There is always work, and never so much that it takes longer than the faults.
        while jobs - completed(&fresh).await < 300 {
            enqueue(&fresh, jobs, 100).await;
            jobs += 100;
        }
        sleep(Duration::from_millis(random.u64(0..400))).await;
        let dies = workers.swap_remove(random.usize(0..workers.len()));
        interrupted.kill(&fresh, vec![dies]).await;
        killed += 1;
        workers.push(crew.start().await);
    }
    // A job that was interrupted four times would wait for more than a minute.
    until("nothing waits for its next attempt", async || {
        // Another process may be writing, and then this is tried again.
        drop(fresh.pool().execute(NO_MORE_WAITS).await);
        in_state(&fresh, "proof_killed", JobState::Running).await == 0
            && in_state(&fresh, "proof_killed", JobState::Retryable).await == 0
    })
    .await;
    all_completed(&fresh, jobs).await;
    stop_all(workers).await;
    println!("{killed} processes were killed");
    audit(&fresh, jobs, &interrupted).await;
}
