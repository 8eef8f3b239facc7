//! A job that takes much longer than it takes to notice that a process has died.

use std::collections::{HashMap, HashSet};

use dbop::Db;
use dbop::jobs::{Job, JobState};
use dbop_tests::Fresh;
use sqlx::Executor;
use tokio::time::sleep;

use super::{
    BLOCK_HEARTBEATS, Crew, Database, NOTICED, Worker, count, finish, in_state, jobs_of, open,
    open_gate, outside, passes, rescues, runs, stop_all, until,
};

/// How often the other processes look out at least. Six times take as long as to notice a death.
const LOOKS: usize = 24;

#[dbop::job(queue = "proof_held")]
async fn proof_held(job: &Job<Database>, n: i64) -> dbop::Result<()> {
    runs(job.db(), n, job.attempt()).await?;
    passes(job.db(), "held").await?;
    finish(job.db(), job, n).await
}

/// Notes the heartbeats that stand in the database. Each look at others follows a heartbeat.
async fn notice(db: &Db<Database>, heard: &mut HashMap<String, HashSet<String>>) {
    let beats = "SELECT id, CAST(beat_at AS TEXT) FROM dbop_job_worker";
    let beats = sqlx::query_as::<_, (String, String)>(beats).fetch_all(db.pool());
    for (id, beat) in beats.await.expect("the heartbeats") {
        heard.entry(id).or_default().insert(beat);
    }
}

/// Waits until each of these has sent so many heartbeats.
async fn all_beat(db: &Db<Database>, workers: &[Worker], times: usize) {
    let mut heard = HashMap::new();
    until("all processes send heartbeats", async || {
        notice(db, &mut heard).await;
        let beats = |worker: &Worker| heard.get(&worker.id).map_or(0, HashSet::len);
        workers.iter().all(|worker| beats(worker) > times)
    })
    .await;
}

/// Starts a process that has three jobs, and two more that look out.
async fn start(fresh: &Fresh<Database>) -> Vec<Worker> {
    let jobs = [0, 1, 2].map(proof_held::new);
    proof_held::enqueue_many(&**fresh, jobs)
        .await
        .expect("the jobs");
    let crew = Crew::of_kind(&fresh.url, "proof_held", 10);
    let mut workers = vec![crew.start().await];
    until("the jobs run", async || {
        count(fresh, "SELECT count(*) FROM runs").await == 3
    })
    .await;
    workers.extend(crew.start_many(2).await);
    workers
}

/// Checks that the first process still has the jobs, and lets it end them.
async fn each_has_run_once(fresh: &Fresh<Database>, workers: Vec<Worker>) {
    for job in jobs_of(fresh, "proof_held").await.values() {
        assert_eq!((job.state, job.attempt), (JobState::Running, 1), "{job:#?}");
        assert_eq!(job.worker.as_ref(), Some(&workers[0].id), "{job:#?}");
    }
    open_gate(fresh, "held").await;
    until("the jobs are done", async || {
        in_state(fresh, "proof_held", JobState::Completed).await == 3
    })
    .await;
    stop_all(workers).await;
    assert_eq!(count(fresh, "SELECT count(*) FROM runs").await, 3);
    assert_eq!(count(fresh, "SELECT count(*) FROM effects").await, 3);
    assert!(rescues(fresh).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_job_runs_once_while_its_worker_lives_however_often_others_look_out() {
    let fresh = open().await;
    let workers = start(&fresh).await;
    all_beat(&fresh, &workers[1..], LOOKS).await;
    each_has_run_once(&fresh, workers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_in_which_no_heartbeat_arrives_makes_no_live_process_look_dead() {
    let fresh = open().await;
    let workers = start(&fresh).await;
    let mut blocker = outside(&fresh).await;
    for _ in 0..4 {
        blocker.execute(BLOCK_HEARTBEATS).await.expect("the lock");
        // All heartbeats are too old after this time.
        sleep(NOTICED + NOTICED / 2).await;
        blocker
            .execute("COMMIT")
            .await
            .expect("the end of the lock");
        all_beat(&fresh, &workers, 4).await;
    }
    each_has_run_once(&fresh, workers).await;
}
