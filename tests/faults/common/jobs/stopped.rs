//! A process that stands still for so long that it is taken for dead, and goes on then.

use std::time::Duration;

use dbop::Db;
use dbop::jobs::{Job, JobFilter, JobInfo, JobState};
use dbop_tests::Trouble;

use super::{
    Crew, Database, WRITE_FAILURE, Worker, count, effect, finish, in_state, note, open, open_gate,
    passes, runs, until,
};

/// In how many ways the first attempt ends.
const WAYS: i64 = 6;
const JOBS: i64 = 2 * WAYS;
/// How far apart the numbers of two rounds are.
const APART: i64 = 1_000;
const ROUNDS: i64 = 3;

fn gate(n: i64, attempt: i32) -> String {
    format!("round {}, attempt {attempt}", n / APART)
}

/// The first attempt ends in one of six ways, and the second one completes the job.
#[dbop::job(queue = "proof_stopped")]
async fn proof_stopped(job: &Job<Database>, n: i64) -> Result<(), Trouble> {
    runs(job.db(), n, job.attempt()).await?;
    let is_first = job.attempt() == 1;
    let insists = (is_first && n % WAYS >= 3).then(|| tokio::spawn(insist(job.clone(), n)));
    passes(job.db(), &gate(n, job.attempt())).await?;
    if !is_first {
        return Ok(finish(job.db(), job, n).await?);
    }
    match n % WAYS {
        0 => Ok(()),
        1 => Err(Trouble::Refused),
        2 => {
            job.snooze(Duration::from_millis(1));
            Ok(())
        }
        _ => {
            insists.expect("a task").await.expect("no panic");
            Ok(())
        }
    }
}

/// Writes although the job is another worker's by now. The body is dropped meanwhile, and this is not.
async fn insist(job: Job<Database>, n: i64) {
    let db = job.db();
    passes(db, &gate(n, 1)).await.expect("the gate");
    let result = match n % WAYS {
        3 => finish(db, &job, n).await,
        4 => {
            let late = job.write("late", async |tx| -> dbop::Result<()> {
                effect(&mut *tx, n, "late").await
            });
            late.await
        }
        _ => job.progress(1, 1, "late").await,
    };
    let told = match result {
        Ok(()) => "written".to_owned(),
        Err(error) => error.kind().to_string(),
    };
    note(db, n, &told).await.expect("the note");
}

/// Runs until the gate opens, and shows by that that a place is free.
#[dbop::job(queue = "proof_stopped")]
async fn proof_place(job: &Job<Database>, n: i64) -> dbop::Result<()> {
    runs(job.db(), n, job.attempt()).await?;
    passes(job.db(), &gate(n, 0)).await
}

/// Whether a process is among those that work. A process that was taken for dead enters again once it
/// has dropped its jobs.
const KNOWN: &str = "SELECT count(*) FROM dbop_job_worker WHERE id = $1";

async fn jobs_of_round(db: &Db<Database>, round: i64) -> Vec<JobInfo> {
    let all = JobFilter::new().kinds(["proof_stopped"]).limit(1_000);
    let mut jobs = db.jobs().list(&all).await.expect("the jobs");
    jobs.retain(|job| job.arguments["n"].as_i64().expect("a number") / APART == round);
    jobs
}

async fn runs_of(db: &Db<Database>, first: i64, attempt: i64) -> i64 {
    let sql = "SELECT count(*) FROM runs WHERE n >= $1 AND n < $1 + $2 AND attempt = $3";
    let count = sqlx::query_scalar::<_, i64>(sql).bind(first).bind(JOBS);
    count
        .bind(attempt)
        .fetch_one(db.pool())
        .await
        .expect("a number")
}

/// Waits until the process has written the results of all jobs that it had: it has as many places as
/// jobs, and writes the results in their order.
async fn all_results_are_written(db: &Db<Database>, round: i64) {
    let first = round * APART + APART / 2;
    let places = (first..first + JOBS).map(proof_place::new);
    proof_place::enqueue_many(db, places)
        .await
        .expect("the jobs");
    until("all places are free", async || {
        let began = "SELECT count(DISTINCT n) FROM runs WHERE n >= $1 AND n < $1 + $2";
        let began = sqlx::query_scalar::<_, i64>(began).bind(first).bind(JOBS);
        began.fetch_one(db.pool()).await.expect("a number") == JOBS
    })
    .await;
    open_gate(db, &gate(first, 0)).await;
    until("the results are written", async || {
        in_state(db, "proof_place", JobState::Completed).await == JOBS * round
    })
    .await;
}

async fn round(db: &Db<Database>, url: &str, stops: &Worker, round: i64) {
    let first = round * APART;
    let jobs = (first..first + JOBS).map(proof_stopped::new);
    proof_stopped::enqueue_many(db, jobs)
        .await
        .expect("the jobs");
    until("the jobs run", async || runs_of(db, first, 1).await == JOBS).await;
    stops.pause(db).await;
    let takes_over = crew(url, "proof_stopped").start().await;
    until("the jobs are taken over", async || {
        runs_of(db, first, 2).await == JOBS
    })
    .await;
    open_gate(db, &gate(first, 1)).await;
    stops.process.resume();
    let insisting = JOBS / 2 * round;
    until("the stopped process has tried to write", async || {
        count(db, "SELECT count(*) FROM notes WHERE n > 0").await == insisting
    })
    .await;
    until(
        "the process has found that it was taken for dead",
        async || {
            let known = sqlx::query_scalar::<_, i64>(KNOWN).bind(&stops.id);
            known.fetch_one(db.pool()).await.expect("a number") == 1
        },
    )
    .await;
    all_results_are_written(db, round).await;
    let written = "SELECT count(*) FROM notes WHERE n > 0 AND note <> 'interrupted'";
    assert_eq!(
        count(db, written).await,
        0,
        "the stopped process was not refused"
    );
    let jobs = jobs_of_round(db, round).await;
    assert_eq!(i64::try_from(jobs.len()).unwrap(), JOBS);
    for job in jobs {
        assert_eq!((job.state, job.attempt), (JobState::Running, 2), "{job:#?}");
        assert_eq!(job.worker.as_ref(), Some(&takes_over.id), "{job:#?}");
        assert_eq!(job.errors.len(), 1, "{job:#?}");
        assert!(job.errors[0].error.contains("has died"), "{job:#?}");
        assert!(job.steps.is_empty() && job.progress.is_none(), "{job:#?}");
    }
    let effects = "SELECT count(*) FROM effects";
    assert_eq!(count(db, effects).await, JOBS * (round - 1));
    open_gate(db, &gate(first, 2)).await;
    until("the jobs are done", async || {
        in_state(db, "proof_stopped", JobState::Completed).await == JOBS * round
    })
    .await;
    assert_eq!(count(db, effects).await, JOBS * round);
    takes_over.stop().await;
}

fn crew<'a>(url: &'a str, kinds: &'a str) -> Crew<'a> {
    Crew {
        url,
        kinds,
        queue: "proof_stopped",
        at_once: usize::try_from(JOBS).expect("few"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_taken_for_dead_writes_nothing_about_the_jobs_that_another_one_has() {
    let fresh = open().await;
    let stops = crew(&fresh.url, "proof_stopped,proof_place").start().await;
    for number in 1..=ROUNDS {
        round(&fresh, &fresh.url, &stops, number).await;
    }
    stops.stop().await;
    let effects = "SELECT count(DISTINCT n) FROM effects WHERE what = 'end'";
    assert_eq!(count(&fresh, effects).await, JOBS * ROUNDS);
    let attempts = "SELECT count(*) FROM runs WHERE attempt > 2";
    assert_eq!(count(&fresh, attempts).await, 0);
}

/// Fails, and then runs until the gate opens.
#[dbop::job(queue = "proof_repeated", backoff(base = "1ms", max = "1ms"))]
async fn proof_repeated(job: &Job<Database>, n: i64) -> Result<(), Trouble> {
    if job.attempt() == 1 {
        return Err(Trouble::Refused);
    }
    runs(job.db(), n, job.attempt()).await?;
    passes(job.db(), "repeated").await?;
    Ok(finish(job.db(), job, n).await?)
}

/// A worker that does not hear that its result was written, because the answer is lost, writes the
/// result again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_that_is_written_a_second_time_changes_nothing_once_the_next_attempt_runs() {
    let fresh = open().await;
    let crew = Crew::of_kind(&fresh.url, "proof_repeated", 1);
    let worker = crew.start().await;
    let job = proof_repeated::enqueue(&*fresh, 1)
        .await
        .expect("the job")
        .id;
    until("the second attempt runs", async || {
        count(&fresh, "SELECT count(*) FROM runs").await == 1
    })
    .await;
    let again = sqlx::query(WRITE_FAILURE)
        .bind(job)
        .bind(format!("{}/1", worker.id));
    again
        .execute(fresh.pool())
        .await
        .expect("nothing or success");
    let after = fresh
        .jobs()
        .get(job)
        .await
        .expect("the job")
        .expect("there");
    assert_eq!(
        (after.state, after.attempt),
        (JobState::Running, 2),
        "{after:#?}"
    );
    open_gate(&fresh, "repeated").await;
    until("the job is done", async || {
        in_state(&fresh, "proof_repeated", JobState::Completed).await == 1
    })
    .await;
    worker.stop().await;
    assert_eq!(count(&fresh, "SELECT count(*) FROM effects").await, 1);
}
