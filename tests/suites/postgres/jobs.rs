//! What the suites about jobs have to know about Postgres, and jobs whose connections fail.

use std::sync::Arc;

use dbop::jobs::{Job, JobFilter, JobState, Workers};
use dbop::{Db, Tx, job, transactional};
use dbop_tests::Fresh;
use dbop_tests::proxy::Proxy;
use sqlx::postgres::PgListener;
use sqlx::{Executor as _, Postgres};

use super::Database;
use super::common::jobs::{Gate, becomes, open, open_with, stop, workers};
use super::common::notes::{Runs, Trouble, insert, soon, stored};

/// All columns of a job as JSON, with times as milliseconds since 1970.
pub(crate) const JOB_ROW: &str = "SELECT (to_jsonb(job) || jsonb_build_object(
        'created_at', (extract(epoch FROM created_at) * 1000)::bigint,
        'scheduled_at', (extract(epoch FROM scheduled_at) * 1000)::bigint
    ))::text FROM river_job AS job WHERE id = $1";

/// Makes each available job wait for an hour more.
pub(crate) const MADE_OLDER: &str = "UPDATE river_job SET scheduled_at = scheduled_at - interval '1 hour' WHERE state = 'available'";

/// The clock of the database, in milliseconds since 1970.
pub(crate) const NOW_MS: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

const CHANNEL: &str = "public.river_insert";
const LAST: &str = "the last one";

/// Hears which queues are told of new jobs.
pub(crate) struct Ear<'a> {
    fresh: &'a Fresh<Postgres>,
    listener: PgListener,
}

impl<'a> Ear<'a> {
    pub(crate) async fn new(fresh: &'a Fresh<Postgres>) -> Self {
        let mut listener = PgListener::connect(&fresh.url).await.expect("a session");
        listener.listen(CHANNEL).await.expect("LISTEN");
        Self { fresh, listener }
    }

    /// Returns the notifications since the last call. They arrive in the order of their commits.
    pub(crate) async fn heard(&mut self) -> Vec<String> {
        let last = sqlx::query("SELECT pg_notify($1, $2)");
        let last = last.bind(CHANNEL).bind(LAST).execute(self.fresh.pool());
        last.await.expect("a notification");
        let mut heard = Vec::new();
        loop {
            let next = self.listener.recv().await.expect("a notification");
            match next.payload() {
                LAST => return heard,
                payload => heard.push(payload.to_owned()),
            }
        }
    }
}

// --- jobs whose connections fail -------------------------------------------------------------------

/// Returns workers whose bodies use a handle of their own that connects through a proxy. River's
/// connections do so as well.
async fn behind(proxy: &Proxy, kind: &'static str) -> Workers<Database> {
    let builder = Db::builder().url(&proxy.url).max_connections(2);
    let db = builder.connect().await.expect("the proxy's database");
    workers(&db, [kind])
}

#[job(max_attempts = 3, backoff(base = "1ms", max = "1ms"))]
async fn writes_through_a_proxy(
    job: &Job<Database>,
    runs: &Runs,
    proxy: &Proxy,
) -> Result<(), Trouble> {
    let write = job.write("write", async |tx| -> Result<(), Trouble> {
        if runs.next() == 1 {
            proxy.lose_answer_to("COMMIT");
        }
        // There is no key that would stop a second row.
        tx.execute("INSERT INTO written VALUES (1)").await?;
        Ok(())
    });
    write.await
}

#[tokio::test]
async fn a_write_step_is_done_exactly_once_although_the_answer_to_its_commit_is_lost() {
    let fresh = open().await;
    fresh
        .pool()
        .execute("CREATE TABLE written (id BIGINT)")
        .await
        .unwrap();
    let proxy = Arc::new(Proxy::before(&fresh.url).await);
    let runs = Arc::new(Runs::default());
    let working = behind(&proxy, "writes_through_a_proxy").await;
    let working = working
        .shared_state(Arc::clone(&runs))
        .shared_state(Arc::clone(&proxy));
    let working = working.start().await.unwrap();
    let id = writes_through_a_proxy::enqueue(&fresh.db).await.unwrap().id;
    let job = becomes(&fresh, id, JobState::Completed).await;
    let written = sqlx::query_scalar("SELECT count(*) FROM written");
    let written: i64 = written.fetch_one(fresh.pool()).await.unwrap();
    assert_eq!((written, runs.count()), (1, 1), "{:?}", job.errors);
    assert_eq!(job.attempt, 2, "the second attempt has found the result");
    stop(working).await;
}

#[transactional]
async fn notes_without_once(
    tx: &mut Tx<'_, Database>,
    proxy: &Proxy,
    runs: &Runs,
) -> Result<(), Trouble> {
    if runs.next() == 1 {
        proxy.lose_answer_to("COMMIT");
    }
    tx.execute("INSERT INTO written VALUES (1)").await?;
    Ok(())
}

#[transactional(once = key)]
async fn notes_once(
    tx: &mut Tx<'_, Database>,
    key: &str,
    #[once(skip)] proxy: &Proxy,
    #[once(skip)] runs: &Runs,
) -> Result<(), Trouble> {
    if runs.next() == 1 {
        proxy.lose_answer_to("COMMIT");
    }
    tx.execute("INSERT INTO written VALUES (1)").await?;
    Ok(())
}

#[job(max_attempts = 3, backoff(base = "1ms", max = "1ms"))]
async fn loses_an_answer(
    job: &Job<Database>,
    runs: &Runs,
    proxy: &Proxy,
    once: bool,
) -> Result<(), Trouble> {
    match once {
        true => notes_once(job.db(), &job.key("note"), proxy, runs).await,
        false => notes_without_once(job.db(), proxy, runs).await,
    }
}

#[tokio::test]
async fn a_lost_answer_cancels_the_job_unless_the_operation_is_once() {
    let fresh = open().await;
    fresh
        .pool()
        .execute("CREATE TABLE written (id BIGINT)")
        .await
        .unwrap();
    fresh
        .pool()
        .execute(Db::<Database>::ONCE_SCHEMA)
        .await
        .unwrap();
    let proxy = Arc::new(Proxy::before(&fresh.url).await);
    for (once, state) in [(false, JobState::Cancelled), (true, JobState::Completed)] {
        fresh.pool().execute("TRUNCATE written").await.unwrap();
        let working = behind(&proxy, "loses_an_answer").await;
        let working = working
            .state(Runs::default())
            .shared_state(Arc::clone(&proxy));
        let working = working.start().await.unwrap();
        let id = loses_an_answer::enqueue(&fresh.db, once).await.unwrap().id;
        let job = becomes(&fresh, id, state).await;
        if !once {
            let said = &job.errors[0].error;
            assert!(
                said.contains("nobody knows whether this took effect"),
                "{said}"
            );
        }
        let written = sqlx::query_scalar("SELECT count(*) FROM written");
        let written: i64 = written.fetch_one(fresh.pool()).await.unwrap();
        assert_eq!(written, 1, "{once}");
        stop(working).await;
    }
}

/// A step that writes, and waits at the gate before its transaction ends.
async fn writes_at_the_gate(job: &Job<Database>, gate: &Gate) -> Result<(), Trouble> {
    let write = job.write("write", async |tx| -> Result<(), Trouble> {
        insert(&mut *tx, 1).await?;
        gate.pass().await;
        Ok(())
    });
    write.await
}

#[job(max_attempts = 1)]
async fn is_cancelled_as_it_writes(job: &Job<Database>, gate: &Gate) -> Result<(), Trouble> {
    writes_at_the_gate(job, gate).await
}

#[tokio::test]
async fn a_cancelled_job_rolls_the_step_back_that_it_is_in() {
    let fresh = open().await;
    let gate = Arc::new(Gate::default());
    let working = workers(&fresh, ["is_cancelled_as_it_writes"]).shared_state(Arc::clone(&gate));
    let working = working.start().await.unwrap();
    let id = is_cancelled_as_it_writes::enqueue(&fresh.db)
        .await
        .unwrap()
        .id;
    gate.arrival().await;
    let filter = JobFilter::new().ids([id]);
    assert_eq!(fresh.jobs().cancel(&filter).await.unwrap(), 1);
    let job = becomes(&fresh, id, JobState::Cancelled).await;
    assert!(job.steps.is_empty());
    assert!(stored(&fresh).await.is_empty());
    stop(working).await;
}

#[job(max_attempts = 1)]
async fn has_the_only_connection(job: &Job<Database>, gate: &Gate) -> Result<(), Trouble> {
    writes_at_the_gate(job, gate).await
}

#[tokio::test]
async fn workers_go_on_while_bodies_have_all_connections_of_the_handle() {
    let fresh = open_with(|builder| builder.max_connections(1)).await;
    let gate = Arc::new(Gate::default());
    let working = workers(&fresh, ["has_the_only_connection"]).shared_state(Arc::clone(&gate));
    let working = soon("the start", working.start()).await.unwrap();
    let beside = Db::<Database>::connect(&fresh.url).await.unwrap();
    let first = has_the_only_connection::enqueue(&beside).await.unwrap().id;
    gate.arrival().await;
    becomes(&beside, first, JobState::Running).await;
    // A heartbeat is sent although no connection of the handle is free.
    let beat = async || -> f64 {
        let beat =
            sqlx::query_scalar("SELECT extract(epoch FROM beat_at)::float8 FROM dbop_job_worker");
        beat.fetch_one(beside.pool()).await.unwrap()
    };
    let before = beat().await;
    dbop_tests::eventually("the next heartbeat", async || beat().await > before).await;
    gate.open(1);
    becomes(&beside, first, JobState::Completed).await;
    stop(working).await;

    beside.close().await;
}
