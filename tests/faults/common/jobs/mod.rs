//! Durable jobs while processes die, stand still and end.
//!
//! The workers run in processes of their own. What they do is told by three tables: each run of a body is
//! noted outside of the job's own transactions, so that repeats can be counted, and each effect in a
//! transaction of the job.

mod enqueued;
mod graceful;
mod held;
mod killed;
mod own;
mod poison;
mod soak;
mod steps;
mod stopped;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use dbop::jobs::{Job, JobFilter, JobInfo, JobState, Workers, Working};
use dbop::{Conn, Db, Tx, db_op, transactional};
use dbop_tests::Fresh;
use dbop_tests::process::{Process, say, test_name, wait_for_parent};
use sqlx::Executor;
use tokio::time::sleep;

use super::{BLOCK_HEARTBEATS, Database, SESSIONS_OF, WRITE_FAILURE, fresh_with, outside};

const URL: &str = "DBOP_TEST_JOBS_URL";
const KINDS: &str = "DBOP_TEST_JOBS_KINDS";
const QUEUE: &str = "DBOP_TEST_JOBS_QUEUE";
const AT_ONCE: &str = "DBOP_TEST_JOBS_AT_ONCE";
const STOP_MS: &str = "DBOP_TEST_JOBS_STOP_MS";

/// How soon a process that has died is noticed.
pub(crate) const NOTICED: Duration = Duration::from_secs(2);

const SCHEMA: &str =
    "CREATE TABLE runs (n BIGINT NOT NULL, attempt BIGINT NOT NULL, process BIGINT NOT NULL);
    CREATE TABLE effects (n BIGINT NOT NULL, what TEXT NOT NULL);
    CREATE TABLE notes (n BIGINT NOT NULL, note TEXT NOT NULL);
    CREATE TABLE gates (name TEXT PRIMARY KEY)";

// --- what the bodies do ---------------------------------------------------------------------------

/// Notes that a body runs, whatever becomes of the job.
#[transactional(idempotent)]
pub(crate) async fn runs(tx: &mut Tx<'_, Database>, n: i64, attempt: i32) -> dbop::Result<()> {
    let insert = sqlx::query("INSERT INTO runs VALUES ($1, $2, $3)");
    let insert = insert.bind(n).bind(i64::from(attempt));
    insert
        .bind(i64::from(std::process::id()))
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Notes something, whatever becomes of the job.
#[transactional(idempotent)]
async fn note(tx: &mut Tx<'_, Database>, n: i64, note: &str) -> dbop::Result<()> {
    let insert = sqlx::query("INSERT INTO notes VALUES ($1, $2)");
    insert.bind(n).bind(note).execute(&mut *tx).await?;
    Ok(())
}

/// The effect of a job, in a transaction of the job.
pub(crate) async fn effect(tx: &mut Tx<'_, Database>, n: i64, what: &str) -> dbop::Result<()> {
    let insert = sqlx::query("INSERT INTO effects VALUES ($1, $2)");
    insert.bind(n).bind(what).execute(&mut *tx).await?;
    Ok(())
}

/// The last effect of a job, and its end.
#[transactional]
pub(crate) async fn finish(
    tx: &mut Tx<'_, Database>,
    job: &Job<Database>,
    n: i64,
) -> dbop::Result<()> {
    effect(&mut *tx, n, "end").await?;
    job.complete(&mut *tx).await
}

#[db_op(read_only)]
async fn is_open(conn: &mut Conn<'_, Database>, gate: &str) -> dbop::Result<bool> {
    let rows = sqlx::query_scalar("SELECT count(*) FROM gates WHERE name = $1");
    let rows: i64 = rows.bind(gate).fetch_one(&mut *conn).await?;
    Ok(rows > 0)
}

/// Waits until the test opens the gate.
async fn passes(db: &Db<Database>, gate: &str) -> dbop::Result<()> {
    while !is_open(db, gate).await? {
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// A job that nobody enqueues. Workers of this kind look out for the dead, and lead.
#[dbop::job(queue = "proof_idle")]
async fn proof_idle(job: &Job<Database>) -> dbop::Result<()> {
    let _ = job;
    Ok(())
}

// --- the processes --------------------------------------------------------------------------------

/// Returns workers of these kinds, and of no others.
pub(crate) fn workers(db: &Db<Database>, kinds: &[&str]) -> Workers<Database> {
    Workers::new(db)
        .only(kinds.iter().copied())
        .elsewhere(dbop::jobs::kinds::<Database>())
        .leads(true)
        .noticed_within(NOTICED)
        .poll_every(Duration::from_millis(50))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by other tests, in a process of its own"]
async fn works_until_it_is_told_to_end() {
    let Ok(url) = std::env::var(URL) else { return };
    // What the workers warn of is read when a test has failed.
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN);
    log.with_ansi(false).with_writer(std::io::stderr).init();
    let setting = |name| std::env::var(name).expect(name);
    let number = |name| setting(name).parse::<u64>().expect(name);
    let kinds = setting(KINDS);
    let kinds: Vec<&str> = kinds.split(',').collect();
    let db = Db::<Database>::builder().url(&url).max_connections(8);
    let db = db.connect().await.expect("the database");
    let at_once = usize::try_from(number(AT_ONCE)).expect(AT_ONCE);
    let working = workers(&db, &kinds)
        .queue(setting(QUEUE), at_once)
        .start()
        .await
        .expect("workers");
    say(working.id());
    wait_for_parent().await;
    let mut stop = std::pin::pin!(working.stop(Duration::from_millis(number(STOP_MS))));
    let has_ended = futures_util::poll!(&mut stop).is_ready();
    // From now on, no more jobs are looked for.
    say("stopping");
    if !has_ended {
        stop.await;
    }
    say("stopped");
}

/// Starts workers in this process that make jobs available whose time has come, and rescue jobs.
async fn start_leader(db: &Db<Database>) -> Working<Database> {
    let leader = workers(db, &["proof_idle"]).start().await;
    leader.expect("a leader")
}

async fn stop_leader(leader: Working<Database>) {
    leader.stop(Duration::from_secs(20)).await;
}

/// How processes of workers are started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crew<'a> {
    pub(crate) url: &'a str,
    pub(crate) kinds: &'a str,
    pub(crate) queue: &'a str,
    pub(crate) at_once: usize,
}

/// A process that works jobs.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) process: Process,
    /// The name of the process in the jobs that it has fetched.
    pub(crate) id: String,
    /// The name of its sessions.
    name: String,
}

impl<'a> Crew<'a> {
    /// Processes that work one kind, whose queue has the name of the kind.
    pub(crate) fn of_kind(url: &'a str, kind: &'a str, at_once: usize) -> Self {
        Self {
            url,
            kinds: kind,
            queue: kind,
            at_once,
        }
    }
}

impl Crew<'_> {
    pub(crate) async fn start(self) -> Worker {
        self.start_with(Duration::from_secs(20)).await
    }

    /// Starts a process that gives its jobs so much time when it is told to end.
    pub(crate) async fn start_with(self, stop: Duration) -> Worker {
        let worker = self.start_unless_it_ends(stop).await;
        worker.expect("the workers start")
    }

    /// Starts a process. Returns `None` if a job has ended the process before its workers are ready.
    pub(crate) async fn start_unless_it_ends(self, stop: Duration) -> Option<Worker> {
        let name = format!("worker {:016x}", fastrand::u64(..));
        let test = test_name(module_path!(), "works_until_it_is_told_to_end");
        let settings = [
            (URL, self.url),
            (KINDS, self.kinds),
            (QUEUE, self.queue),
            (AT_ONCE, &self.at_once.to_string()),
            (STOP_MS, &stop.as_millis().to_string()),
            ("PGAPPNAME", &name),
        ];
        let mut process = Process::start(&test, &settings);
        let id = process.hear().await?;
        Some(Worker { process, id, name })
    }

    pub(crate) async fn start_many(self, count: usize) -> Vec<Worker> {
        let mut workers = Vec::new();
        for _ in 0..count {
            workers.push(self.start().await);
        }
        workers
    }
}

impl Worker {
    /// Kills the process, and returns when the database has noticed.
    pub(crate) async fn kill(mut self, db: &Db<Database>) -> String {
        self.process.kill();
        until("the sessions of a killed process end", async || {
            let left = sqlx::query_scalar::<_, i64>(SESSIONS_OF).bind(&self.name);
            left.fetch_one(db.pool()).await.expect("the sessions") == 0
        })
        .await;
        self.id
    }

    /// Lets the process stand still, but not while it writes: on SQLite nobody else could write then.
    pub(crate) async fn pause(&self, db: &Db<Database>) {
        loop {
            self.process.pause();
            let writes = tokio::time::timeout(Duration::from_secs(1), note(db, 0, "can write"));
            if matches!(writes.await, Ok(Ok(()))) {
                return;
            }
            self.process.resume();
        }
    }

    /// Tells the process to end, and waits for that.
    pub(crate) async fn stop(mut self) {
        self.process.go_on();
        let said = self.process.end().await;
        assert_eq!(said, ["stopping", "stopped"]);
    }
}

pub(crate) async fn stop_all(workers: Vec<Worker>) {
    futures_util::future::join_all(workers.into_iter().map(Worker::stop)).await;
}

// --- what the tests see ---------------------------------------------------------------------------

pub(crate) async fn open() -> Fresh<Database> {
    let fresh = fresh_with(|builder| builder).await;
    set_up(&fresh).await;
    fresh
}

pub(crate) async fn set_up(db: &Db<Database>) {
    dbop::jobs::migrate(db).await.expect("the tables of jobs");
    db.pool().execute(SCHEMA).await.expect("the tables");
}

/// Waits until the condition holds, for at most a minute.
pub(crate) async fn until(what: &str, condition: impl AsyncFnMut() -> bool) {
    assert!(
        holds_in_time(condition).await,
        "this never happened: {what}"
    );
}

/// Whether the condition comes to hold within a minute.
pub(crate) async fn holds_in_time(mut condition: impl AsyncFnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !condition().await {
        if begun.elapsed() > Duration::from_secs(60) {
            return false;
        }
        sleep(Duration::from_millis(20)).await;
    }
    true
}

pub(crate) async fn count(db: &Db<Database>, sql: &'static str) -> i64 {
    let count = sqlx::query_scalar::<_, i64>(sql).fetch_one(db.pool());
    count.await.expect("a number")
}

async fn open_gate(db: &Db<Database>, gate: &str) {
    let insert = sqlx::query("INSERT INTO gates VALUES ($1)").bind(gate);
    insert
        .execute(db.pool())
        .await
        .expect("a gate that is closed");
}

/// How often each number is in a table, by the numbers.
pub(crate) async fn tally(db: &Db<Database>, sql: &'static str) -> HashMap<i64, i64> {
    let rows = sqlx::query_as::<_, (i64, i64)>(sql).fetch_all(db.pool());
    rows.await.expect("the tally").into_iter().collect()
}

/// Returns the jobs of a kind, by their arguments `n`.
pub(crate) async fn jobs_of(db: &Db<Database>, kind: &str) -> HashMap<i64, JobInfo> {
    let mut jobs = HashMap::new();
    let mut filter = JobFilter::new().kinds([kind]).limit(500);
    loop {
        let page = db.jobs().list(&filter).await.expect("the jobs");
        let Some(last) = page.last() else { return jobs };
        filter = filter.after(last.id);
        for job in page {
            let n = job.arguments["n"].as_i64().expect("a number");
            let before = jobs.insert(n, job);
            assert!(before.is_none(), "the job {n} is there twice");
        }
    }
}

pub(crate) async fn rescues(db: &Db<Database>) -> HashMap<i64, i64> {
    let sql = "SELECT id, CAST(metadata ->> 'river:rescue_count' AS BIGINT) FROM river_job
        WHERE metadata ->> 'river:rescue_count' IS NOT NULL";
    tally(db, sql).await
}

pub(crate) async fn in_state(db: &Db<Database>, kind: &str, state: JobState) -> i64 {
    let sql = "SELECT count(*) FROM river_job WHERE kind = $1 AND CAST(state AS TEXT) = $2";
    let state = serde_json::to_value(state).expect("a text");
    let count = sqlx::query_scalar::<_, i64>(sql).bind(kind);
    let count = count.bind(state.as_str().expect("a text"));
    count.fetch_one(db.pool()).await.expect("a number")
}
