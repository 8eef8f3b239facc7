//! Durable jobs: what is enqueued, what becomes of it, and what holds while a worker runs it.
//!
//! All jobs of this binary are collected together, so each test works kinds of its own alone.

use std::time::{Duration, Instant};

use dbop::jobs::{JobInfo, JobState, Workers, Working, kinds};
use dbop::{Db, DbBuilder};
use dbop_tests::Fresh;
use sqlx::Executor;
use tokio::sync::Semaphore;

use super::notes::{self, Runs, Trouble, soon};
use super::{Database, Ear, JOB_ROW, MADE_OLDER, NOW_MS};

mod admin;
mod browser;
mod chunks;
mod completes_in_step;
mod fence;
mod joins;
mod limits;
mod nested_steps;
mod odd_texts;
mod page;
mod queues;
mod rows;
mod schedule;
mod start;
mod step_names;
mod steps;
mod stop;
mod unique;
mod verdicts;
mod watch;

/// How long a test waits for something that other processes delay. Nothing is wrong while this lasts.
const LONG: Duration = Duration::from_secs(60);

pub(crate) async fn open() -> Fresh<Database> {
    open_with(|builder| builder).await
}

pub(crate) async fn open_with(
    configure: fn(DbBuilder<Database>) -> DbBuilder<Database>,
) -> Fresh<Database> {
    let fresh = notes::open_with(configure).await;
    soon("the migration", dbop::jobs::migrate(&fresh.db))
        .await
        .expect("the tables of jobs");
    fresh
}

/// Returns workers of these kinds.
pub(crate) fn workers<const N: usize>(db: &Db<Database>, only: [&str; N]) -> Workers<Database> {
    Workers::new(db)
        .only(only)
        .elsewhere(kinds::<Database>())
        .poll_every(Duration::from_millis(50))
        .noticed_within(Duration::from_secs(2))
}

pub(crate) async fn stop(working: Working<Database>) {
    soon("the stop", working.stop(Duration::from_secs(15))).await;
}

pub(crate) async fn info(db: &Db<Database>, id: i64) -> JobInfo {
    let job = db.jobs().get(id).await.expect("the job can be read");
    job.expect("the job is there")
}

/// Waits until a job meets a condition.
pub(crate) async fn waits_for(
    what: &str,
    db: &Db<Database>,
    id: i64,
    fits: impl Fn(&JobInfo) -> bool,
) -> JobInfo {
    let begun = Instant::now();
    loop {
        let job = info(db, id).await;
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

/// Waits until a job is in this state.
pub(crate) async fn becomes(db: &Db<Database>, id: i64, state: JobState) -> JobInfo {
    waits_for(&format!("{state:?}"), db, id, |job| job.state == state).await
}

/// Returns all columns of a job.
pub(crate) async fn row(db: &Db<Database>, id: i64) -> serde_json::Value {
    let row: String = sqlx::query_scalar(JOB_ROW)
        .bind(id)
        .fetch_one(db.pool())
        .await
        .expect("the row");
    serde_json::from_str(&row).expect("JSON")
}

pub(crate) async fn count_jobs(db: &Db<Database>) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM river_job");
    count.fetch_one(db.pool()).await.expect("River's table")
}

pub(crate) async fn run_sql(db: &Db<Database>, sql: &'static str) {
    db.pool().execute(sql).await.expect(sql);
}

pub(crate) async fn now_ms(db: &Db<Database>) -> i64 {
    let now = sqlx::query_scalar(NOW_MS);
    now.fetch_one(db.pool()).await.expect("a clock")
}

/// Where bodies wait until the test lets them go on.
#[derive(Debug)]
pub(crate) struct Gate {
    arrived: Semaphore,
    open: Semaphore,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            arrived: Semaphore::new(0),
            open: Semaphore::new(0),
        }
    }
}

impl Gate {
    /// Called by a body: tells the test, and waits.
    pub(crate) async fn pass(&self) {
        self.arrived.add_permits(1);
        self.open.acquire().await.expect("never closed").forget();
    }

    /// Called by the test: waits for a body.
    pub(crate) async fn arrival(&self) {
        let arrived = tokio::time::timeout(LONG, self.arrived.acquire()).await;
        arrived
            .expect("no body has arrived")
            .expect("never closed")
            .forget();
    }

    /// Lets so many bodies go on.
    pub(crate) fn open(&self, bodies: usize) {
        self.open.add_permits(bodies);
    }
}
