//! Processes that are killed in the middle of many jobs.

use std::collections::HashMap;

use dbop::Db;
use dbop::jobs::{Job, JobFilter, JobState};
use dbop_tests::seed;

use super::{
    Crew, Database, Worker, count, effect, finish, holds_in_time, in_state, jobs_of, open, rescues,
    runs, stop_all, tally, until,
};

const JOBS: i64 = 2_000;
const AT_ONCE: usize = 10;

/// Half of the jobs end with their last effect, and half by returning.
#[dbop::job(queue = "proof_killed")]
async fn proof_killed(job: &Job<Database>, n: i64) -> dbop::Result<()> {
    runs(job.db(), n, job.attempt()).await?;
    let step = async |tx: &mut dbop::Tx<'_, Database>| -> dbop::Result<()> {
        effect(&mut *tx, n, "step").await
    };
    job.write("step", step).await?;
    if n % 2 == 0 {
        return finish(job.db(), job, n).await;
    }
    job.write("end", async |tx| -> dbop::Result<()> {
        effect(&mut *tx, n, "end").await
    })
    .await
}

pub(crate) fn crew(url: &str) -> Crew<'_> {
    Crew::of_kind(url, "proof_killed", AT_ONCE)
}

/// Enqueues jobs with the numbers from `first`.
pub(crate) async fn enqueue(db: &Db<Database>, first: i64, jobs: i64) {
    let all: Vec<i64> = (first..first + jobs).collect();
    for some in all.chunks(1_000) {
        let jobs = some.iter().map(|n| proof_killed::new(*n));
        let enqueued = proof_killed::enqueue_many(db, jobs).await;
        assert_eq!(enqueued.expect("the jobs").len(), some.len());
    }
}

pub(crate) async fn completed(db: &Db<Database>) -> i64 {
    in_state(db, "proof_killed", JobState::Completed).await
}

/// How often each job was running when its worker was killed.
#[derive(Debug, Default)]
pub(crate) struct Interrupted(pub(crate) HashMap<i64, i64>);

impl Interrupted {
    /// Kills these, and notes the jobs that they had.
    pub(crate) async fn kill(&mut self, db: &Db<Database>, workers: Vec<Worker>) {
        let mut dead = Vec::new();
        for worker in workers {
            dead.push(worker.kill(db).await);
        }
        let running = JobFilter::new().states([JobState::Running]).limit(1_000);
        for job in db.jobs().list(&running).await.expect("the running jobs") {
            if dead.iter().any(|id| job.worker.as_ref() == Some(id)) {
                *self
                    .0
                    .entry(job.arguments["n"].as_i64().expect("a number"))
                    .or_default() += 1;
            }
        }
    }

    fn all(&self) -> i64 {
        self.0.values().sum()
    }
}

/// Waits until all jobs are done, and tells what the others wait for if they never are.
pub(crate) async fn all_completed(db: &Db<Database>, jobs: i64) {
    if !holds_in_time(async || completed(db).await == jobs).await {
        let left = jobs_of(db, "proof_killed").await;
        let left = left.values().filter(|job| job.state != JobState::Completed);
        panic!(
            "these are never done: {:#?}",
            left.take(5).collect::<Vec<_>>()
        );
    }
}

/// Checks that no job is lost, that each effect is there once, and that each repeat is explained.
pub(crate) async fn audit(db: &Db<Database>, jobs: i64, interrupted: &Interrupted) {
    let found = jobs_of(db, "proof_killed").await;
    assert_eq!(i64::try_from(found.len()).unwrap(), jobs, "a job is lost");
    let (rescues, runs) = (
        rescues(db).await,
        tally(db, "SELECT n, count(*) FROM runs GROUP BY n").await,
    );
    let mut repeats = 0;
    for (n, job) in &found {
        let rescued = rescues.get(&job.id).copied().unwrap_or(0);
        let interrupted = interrupted.0.get(n).copied().unwrap_or(0);
        let ran = runs.get(n).copied().unwrap_or(0);
        let told = format!(
            "{rescued} rescues, interrupted {interrupted} times, ran {ran} times: {job:#?}"
        );
        assert_eq!(job.state, JobState::Completed, "{told}");
        assert_eq!(i64::from(job.attempt), 1 + rescued, "{told}");
        assert!(rescued <= interrupted, "{told}");
        assert!((1..=1 + rescued).contains(&ran), "{told}");
        assert_eq!(i64::try_from(job.errors.len()).unwrap(), rescued, "{told}");
        let explained = |error: &str| error.starts_with("the worker of the job has died");
        assert!(job.errors.iter().all(|it| explained(&it.error)), "{told}");
        repeats += ran - 1;
    }
    assert!(repeats <= interrupted.all(), "{repeats} repeats");
    let wrong = "SELECT count(*) FROM (
            SELECT n, what FROM effects GROUP BY n, what HAVING count(*) <> 1
        ) AS wrong";
    assert_eq!(count(db, wrong).await, 0, "an effect is there twice");
    assert_eq!(count(db, "SELECT count(*) FROM effects").await, 2 * jobs);
    println!(
        "{jobs} jobs, {} of them running when their workers were killed, {repeats} repeats",
        interrupted.all()
    );
}

/// Works all jobs with so many processes, of which so many are killed, twice.
async fn works_all(processes: usize, killed: usize) {
    let mut random = fastrand::Rng::with_seed(seed());
    let fresh = open().await;
    enqueue(&fresh, 0, JOBS).await;
    let crew = crew(&fresh.url);
    let mut interrupted = Interrupted::default();
    let mut workers = crew.start_many(processes).await;
    for round in 1..=2 {
        let enough = JOBS * round / 3 + random.i64(0..JOBS / 10);
        until("a part of the jobs is done", async || {
            completed(&fresh).await >= enough
        })
        .await;
        let dead = workers.drain(..killed).collect();
        interrupted.kill(&fresh, dead).await;
        workers.extend(crew.start_many(killed).await);
    }
    assert!(
        completed(&fresh).await < JOBS,
        "the processes died in the middle"
    );
    all_completed(&fresh, JOBS).await;
    stop_all(workers).await;
    audit(&fresh, JOBS, &interrupted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_is_lost_and_each_effect_is_there_once_when_both_processes_are_killed_twice() {
    works_all(2, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_is_lost_and_each_effect_is_there_once_when_two_of_four_processes_are_killed_twice()
{
    works_all(4, 2).await;
}
