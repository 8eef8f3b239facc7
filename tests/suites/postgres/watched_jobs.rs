//! Jobs that are watched on Postgres: who is notified, on which connection, and when it is lost.

use std::collections::BTreeSet;
use std::time::Duration;

use dbop::job;
use dbop::jobs::{Job, JobFilter, JobState, JobUpdates, Watcher};
use dbop_tests::{Fresh, eventually};
use futures_util::{FutureExt, StreamExt};
use sqlx::postgres::PgListener;
use sqlx::{Executor, Postgres};

use super::common::jobs::{becomes, info, open, row, stop, workers};
use super::common::notes::{Trouble, soon};
use super::{Database, outside};

const LATE: Duration = Duration::from_secs(3600);

#[job(max_attempts = 1)]
async fn seen_to_its_end(job: &Job<Database>) -> Result<i64, Trouble> {
    job.progress(1, 1, "done").await?;
    Ok(1)
}

async fn enqueue(fresh: &Fresh<Postgres>) -> i64 {
    seen_to_its_end::enqueue(&fresh.db).await.unwrap().id
}

/// Waits for the next item, and returns its state.
async fn next(updates: &mut JobUpdates) -> Option<JobState> {
    let next = soon("an item", updates.next()).await;
    next.transpose().expect("an item").map(|job| job.state)
}

/// The sessions on which watchers listen: the last statement of each has read jobs.
async fn listeners(fresh: &Fresh<Postgres>) -> BTreeSet<i32> {
    let pids = sqlx::query_scalar(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
            AND query LIKE '%will_tell%'",
    );
    let pids: Vec<i32> = pids.fetch_all(fresh.pool()).await.expect("the sessions");
    pids.into_iter().collect()
}

async fn cancel(fresh: &Fresh<Postgres>, id: i64) {
    let filter = JobFilter::new().ids([id]);
    assert_eq!(fresh.jobs().cancel(&filter).await.unwrap(), 1);
}

#[tokio::test]
async fn what_other_processes_change_is_pushed() {
    let fresh = open().await;
    let id = enqueue(&fresh).await;
    let mut updates = Watcher::new(&fresh.db).look_every(LATE).watch(id);
    assert_eq!(next(&mut updates).await, Some(JobState::Available));
    let mut other = outside(&fresh).await;
    let end = "UPDATE river_job SET state = 'cancelled', finalized_at = now()";
    other.execute(end).await.unwrap();
    assert_eq!(next(&mut updates).await, Some(JobState::Cancelled));
    assert_eq!(next(&mut updates).await, None);
}

#[tokio::test]
async fn two_hundred_streams_use_one_connection_and_the_last_one_closes_it() {
    let fresh = open().await;
    let watcher = Watcher::new(&fresh.db).look_every(LATE);
    let jobs = seen_to_its_end::enqueue_many(&fresh.db, (0..200).map(|_| seen_to_its_end::new()));
    let jobs = jobs.await.unwrap();
    let mut streams: Vec<_> = jobs
        .iter()
        .map(|job| watcher.clone().watch(job.id))
        .collect();
    assert!(listeners(&fresh).await.is_empty(), "nothing was polled yet");
    for stream in &mut streams {
        assert_eq!(next(stream).await, Some(JobState::Available));
    }
    assert_eq!(listeners(&fresh).await.len(), 1);
    assert_eq!(fresh.jobs().cancel(&JobFilter::new()).await.unwrap(), 200);
    for stream in &mut streams[..199] {
        assert_eq!(next(stream).await, Some(JobState::Cancelled));
    }
    assert_eq!(next(&mut streams[199]).await, Some(JobState::Cancelled));
    // Streams that have ended are no streams, even before they are dropped.
    eventually("the end of the connection", async || {
        listeners(&fresh).await.is_empty()
    })
    .await;
    let again = enqueue(&fresh).await;
    let mut stream = watcher.watch(again);
    assert_eq!(next(&mut stream).await, Some(JobState::Available));
    assert_eq!(listeners(&fresh).await.len(), 1);
    drop(stream);
    eventually("the end of the connection", async || {
        listeners(&fresh).await.is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_watcher_whose_connection_is_lost_goes_on_and_loses_no_end() {
    let fresh = open().await;
    let (ends, stays) = (enqueue(&fresh).await, enqueue(&fresh).await);
    let watcher = Watcher::new(&fresh.db).look_every(LATE);
    let (mut ending, mut staying) = (watcher.watch(ends), watcher.watch(stays));
    for round in 0..5 {
        for updates in [&mut ending, &mut staying] {
            if round == 0 {
                assert_eq!(next(updates).await, Some(JobState::Available));
            }
        }
        let before = listeners(&fresh).await;
        assert_eq!(before.len(), 1);
        // The job that ends does so while nobody listens.
        let last = if round == 4 { ends } else { 0 };
        let end = sqlx::query(
            "WITH cut AS (SELECT pg_terminate_backend($1, 5000) AS done)
            UPDATE river_job SET state = 'cancelled', finalized_at = now() FROM cut WHERE id = $2 AND done",
        );
        let end = end.bind(before.first()).bind(last);
        end.execute(fresh.pool()).await.unwrap();
        eventually("another connection", async || {
            let now = listeners(&fresh).await;
            now.len() == 1 && now != before
        })
        .await;
    }
    assert_eq!(next(&mut ending).await, Some(JobState::Cancelled));
    assert_eq!(next(&mut ending).await, None);
    // What has not changed was not told again.
    assert!(staying.next().now_or_never().is_none());
    cancel(&fresh, stays).await;
    assert_eq!(next(&mut staying).await, Some(JobState::Cancelled));
}

/// Hears which watchers are told of jobs.
async fn ear(fresh: &Fresh<Postgres>) -> (PgListener, String) {
    let channel = "SELECT concat('dbop_job.', 'river_job'::regclass::oid)";
    let channel: String = sqlx::query_scalar(channel)
        .fetch_one(fresh.pool())
        .await
        .unwrap();
    let mut listener = PgListener::connect(&fresh.url).await.unwrap();
    listener.listen(&channel).await.unwrap();
    (listener, channel)
}

/// Returns what was notified since the last call.
async fn heard(
    fresh: &Fresh<Postgres>,
    (listener, channel): &mut (PgListener, String),
) -> Vec<String> {
    const LAST: &str = "the last one";
    let last = sqlx::query("SELECT pg_notify($1, $2)")
        .bind(&*channel)
        .bind(LAST);
    last.execute(fresh.pool()).await.unwrap();
    let mut heard = Vec::new();
    loop {
        let next = soon("a notification", listener.recv()).await.unwrap();
        match next.payload() {
            LAST => return heard,
            payload => heard.push(payload.to_owned()),
        }
    }
}

#[tokio::test]
async fn a_job_that_nobody_watches_sends_no_notification_and_rivers_completion_keeps_the_mark() {
    let fresh = open().await;
    let mut ear = ear(&fresh).await;
    let working = workers(&fresh, ["seen_to_its_end"]).start().await.unwrap();
    let id = enqueue(&fresh).await;
    becomes(&fresh, id, JobState::Completed).await;
    assert_eq!(heard(&fresh, &mut ear).await, [""; 0]);
    assert_eq!(row(&fresh, id).await["metadata"].get("dbop:watched"), None);

    let later = seen_to_its_end::new().delay(LATE);
    let id = later.enqueue(&fresh.db).await.unwrap().id;
    let mut updates = Watcher::new(&fresh.db).look_every(LATE).watch(id);
    assert_eq!(next(&mut updates).await, Some(JobState::Scheduled));
    assert_eq!(
        heard(&fresh, &mut ear).await,
        [""; 0],
        "the mark is no change"
    );
    let filter = JobFilter::new().ids([id]);
    assert_eq!(fresh.jobs().retry(&filter).await.unwrap(), 1);
    while next(&mut updates).await.is_some() {}
    let row = row(&fresh, id).await;
    assert_eq!(row["state"], "completed");
    assert_eq!(row["metadata"]["dbop:watched"], true);
    // Available, running, its progress, and its end with the output.
    let told = heard(&fresh, &mut ear).await;
    assert_eq!(told, [&*id.to_string(); 4]);
    stop(working).await;
}

#[tokio::test]
async fn a_job_that_somebody_has_locked_holds_up_no_other_and_is_marked_later() {
    let fresh = open().await;
    let (locked, free) = (enqueue(&fresh).await, enqueue(&fresh).await);
    let mut other = outside(&fresh).await;
    other.execute("BEGIN").await.unwrap();
    let lock = sqlx::query("SELECT FROM river_job WHERE id = $1 FOR UPDATE");
    lock.bind(locked).execute(&mut other).await.unwrap();
    let watcher = Watcher::new(&fresh.db).look_every(LATE);
    let mut stuck = watcher.watch(locked);
    let mut updates = watcher.watch(free);
    assert_eq!(next(&mut stuck).await, Some(JobState::Available));
    assert_eq!(next(&mut updates).await, Some(JobState::Available));
    cancel(&fresh, free).await;
    assert_eq!(next(&mut updates).await, Some(JobState::Cancelled));
    other.execute("ROLLBACK").await.unwrap();
    eventually("the mark", async || {
        row(&fresh, locked).await["metadata"]["dbop:watched"] == true
    })
    .await;
    cancel(&fresh, locked).await;
    assert_eq!(next(&mut stuck).await, Some(JobState::Cancelled));
}

#[tokio::test]
async fn tables_of_before_get_the_trigger_by_the_next_migration() {
    let fresh = open().await;
    let has_trigger = async || -> bool {
        let there = "SELECT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = 'dbop_job_tell')";
        let there = sqlx::query_scalar(there);
        there.fetch_one(fresh.pool()).await.unwrap()
    };
    let drop = "DROP FUNCTION dbop_job_tell CASCADE";
    fresh.pool().execute(drop).await.unwrap();
    assert!(!has_trigger().await);
    let id = enqueue(&fresh).await;
    // Without the trigger, looks tell.
    let mut late = Watcher::new(&fresh.db)
        .look_every(Duration::from_millis(20))
        .watch(id);
    assert_eq!(next(&mut late).await, Some(JobState::Available));
    for _ in 0..2 {
        dbop::jobs::migrate(&fresh.db).await.unwrap();
        assert!(has_trigger().await);
    }
    let mut updates = Watcher::new(&fresh.db).look_every(LATE).watch(id);
    assert_eq!(next(&mut updates).await, Some(JobState::Available));
    cancel(&fresh, id).await;
    assert_eq!(next(&mut updates).await, Some(JobState::Cancelled));
    assert_eq!(next(&mut late).await, Some(JobState::Cancelled));
    assert_eq!(info(&fresh, id).await.state, JobState::Cancelled);
}
