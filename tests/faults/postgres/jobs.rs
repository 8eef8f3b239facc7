//! Durable jobs of a server that is stopped at once and started again.

use dbop::jobs::{Job, JobState};
use dbop::{Db, Tx, transactional};
use dbop_tests::cluster::Cluster;
use sqlx::{Executor, Postgres};

use super::common::jobs::{
    Crew, count, effect, finish, in_state, jobs_of, rescues, runs, set_up, stop_all, until,
};
use super::servers::ONE_AT_A_TIME;

const JOBS: i64 = 600;

/// Half of the jobs end with their last effect, and half by returning. An attempt that meets the outage
/// fails, and is made again soon.
#[dbop::job(queue = "proof_outage", backoff(base = "50ms", max = "200ms"))]
async fn proof_outage(job: &Job<Postgres>, n: i64) -> dbop::Result<()> {
    runs(job.db(), n, job.attempt()).await?;
    let step = job.write("step", async |tx| -> dbop::Result<()> {
        effect(&mut *tx, n, "step").await
    });
    step.await?;
    if n % 2 == 0 {
        return finish(job.db(), job, n).await;
    }
    job.write("end", async |tx| -> dbop::Result<()> {
        effect(&mut *tx, n, "end").await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_the_server_loses_no_job_doubles_no_effect_and_makes_no_process_look_dead() {
    let _only_one = ONE_AT_A_TIME.lock().await;
    let mut cluster = Cluster::start(&[]).await;
    let url = cluster.url.clone();
    let db = Db::<Postgres>::connect(&url).await.expect("the server");
    set_up(&db).await;
    let jobs = (0..JOBS).map(proof_outage::new);
    proof_outage::enqueue_many(&db, jobs)
        .await
        .expect("the jobs");
    let crew = Crew {
        url: &url,
        kinds: "proof_outage",
        queue: "proof_outage",
        at_once: 10,
    };
    let workers = crew.start_many(3).await;
    let completed = async || in_state(&db, "proof_outage", JobState::Completed).await;
    for round in 1..=3 {
        until("a part of the jobs is done", async || {
            completed().await >= JOBS * round / 5
        })
        .await;
        cluster.stop_at_once().await;
        // The processes look for the server meanwhile, in vain.
        tokio::time::sleep(super::common::jobs::NOTICED * 2 * (round % 2).try_into().unwrap())
            .await;
        cluster.restart().await;
        until("the server answers", async || {
            sqlx::query("SELECT 1").execute(db.pool()).await.is_ok()
        })
        .await;
    }
    assert!(
        completed().await < JOBS,
        "the server was stopped in the middle"
    );
    let done = super::common::jobs::holds_in_time(async || completed().await == JOBS).await;
    let jobs = jobs_of(&db, "proof_outage").await;
    let left: Vec<_> = jobs
        .values()
        .filter(|job| job.state != JobState::Completed)
        .collect();
    assert!(done, "these are never done: {left:#?}");
    assert!(
        rescues(&db).await.is_empty(),
        "a live process was taken for dead"
    );
    let known = sqlx::query_scalar::<_, String>("SELECT id FROM dbop_job_worker");
    let known = known.fetch_all(db.pool()).await.expect("the processes");
    assert!(
        workers.iter().all(|worker| known.contains(&worker.id)),
        "{known:?}"
    );
    stop_all(workers).await;
    assert_eq!(i64::try_from(jobs.len()).unwrap(), JOBS);
    assert_eq!(count(&db, "SELECT count(*) FROM effects").await, 2 * JOBS);
    let wrong = "SELECT count(*) FROM (
            SELECT n, what FROM effects GROUP BY n, what HAVING count(*) <> 1
        ) AS wrong";
    assert_eq!(count(&db, wrong).await, 0, "an effect is there twice");
    db.close().await;
}

/// The last effect of an attempt, and the end of its job.
#[transactional(retry = never)]
async fn finish_once(tx: &mut Tx<'_, Postgres>, job: &Job<Postgres>, n: i64) -> dbop::Result<()> {
    effect(&mut *tx, n, &format!("attempt {}", job.attempt())).await?;
    job.complete(&mut *tx).await
}

#[dbop::job(queue = "proof_unsure", backoff(base = "50ms", max = "200ms"))]
async fn proof_unsure(job: &Job<Postgres>, n: i64) -> dbop::Result<()> {
    finish_once(job.db(), job, n).await
}

/// The effect of the first attempt is checked when its transaction commits, which takes a long time.
const SLOW_AT_COMMIT: &str = "CREATE FUNCTION sleep() RETURNS TRIGGER LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(1000); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON effects DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (NEW.what = 'attempt 1') EXECUTE FUNCTION sleep()";

const COMMITS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'COMMIT'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_commit_was_cut_off_runs_again_because_it_ends_with_its_effect_or_not_at_all() {
    let _only_one = ONE_AT_A_TIME.lock().await;
    let mut cluster = Cluster::start(&[]).await;
    let url = cluster.url.clone();
    let db = Db::<Postgres>::connect(&url).await.expect("the server");
    set_up(&db).await;
    db.pool()
        .execute(SLOW_AT_COMMIT)
        .await
        .expect("the trigger");
    proof_unsure::enqueue(&db, 1).await.expect("the job");
    let crew = Crew {
        url: &url,
        kinds: "proof_unsure",
        queue: "proof_unsure",
        at_once: 1,
    };
    let worker = crew.start().await;
    until("the job commits", async || count(&db, COMMITS).await == 1).await;
    cluster.stop_at_once().await;
    cluster.restart().await;
    until("the server answers", async || {
        sqlx::query("SELECT 1").execute(db.pool()).await.is_ok()
    })
    .await;
    until("the job has come to its end", async || {
        jobs_of(&db, "proof_unsure").await[&1].state.is_final()
    })
    .await;
    let job = jobs_of(&db, "proof_unsure")
        .await
        .remove(&1)
        .expect("the job");
    assert_eq!(
        (job.state, job.attempt),
        (JobState::Completed, 2),
        "{job:#?}"
    );
    worker.stop().await;
    let effects = sqlx::query_scalar::<_, String>("SELECT what FROM effects");
    let effects = effects.fetch_all(db.pool()).await.expect("the effects");
    assert_eq!(effects, ["attempt 2"]);
    db.close().await;
}
