//! Jobs that are watched as they change.

use std::sync::Arc;

use dbop::jobs::{Job, JobFilter, JobUpdates, Watcher};
use dbop::{ErrorKind, job};
use futures_util::StreamExt;

use super::*;

/// A watcher whose looks come too late to tell anything: what it tells was pushed.
fn pushed_only(db: &Db<Database>) -> Watcher<Database> {
    Watcher::new(db).look_every(Duration::from_secs(3600))
}

/// Waits for the next item.
async fn next(updates: &mut JobUpdates) -> Option<JobInfo> {
    let next = tokio::time::timeout(LONG, updates.next()).await;
    let next = next.expect("the stream says nothing");
    next.transpose().expect("an item")
}

/// Waits for an item that fits.
async fn until(updates: &mut JobUpdates, fits: impl Fn(&JobInfo) -> bool) -> JobInfo {
    loop {
        let job = next(updates).await.expect("the stream has ended");
        if fits(&job) {
            return job;
        }
    }
}

/// Reads a stream to its end.
async fn all(mut updates: JobUpdates) -> Vec<JobInfo> {
    let mut jobs = Vec::new();
    while let Some(job) = next(&mut updates).await {
        jobs.push(job);
    }
    assert!(updates.next().await.is_none(), "a stream ends for good");
    jobs
}

fn done(job: &JobInfo) -> Option<u64> {
    job.progress.as_ref().map(|progress| progress.done)
}

#[derive(Debug, Default)]
struct Gates {
    half: Gate,
    end: Gate,
}

#[job(max_attempts = 2, backoff(base = "1ms", max = "1ms"))]
async fn watched(job: &Job<Database>, gates: &Gates, refuses: bool) -> Result<i64, Trouble> {
    job.progress(1, 2, "half, it's \"odd\" 世界").await?;
    gates.half.pass().await;
    let found = job.call("a call", async |_| Ok::<_, Trouble>(7));
    found.await?;
    job.progress(2, 2, "all").await?;
    gates.end.pass().await;
    match refuses {
        true => Err(Trouble::Refused),
        false => Ok(42),
    }
}

#[tokio::test]
async fn changes_are_pushed_and_a_job_that_ends_ends_its_stream() {
    let fresh = open().await;
    let gates = Arc::new(Gates::default());
    let working = workers(&fresh, ["watched"]).shared_state(Arc::clone(&gates));
    let working = working.start().await.unwrap();
    let watcher = pushed_only(&fresh);
    let later = watched::new(false).delay(Duration::from_secs(3600));
    let id = later.enqueue(&fresh.db).await.unwrap().id;
    let mut updates = watcher.watch(id);
    assert_eq!(next(&mut updates).await.unwrap().state, JobState::Scheduled);
    assert_eq!(
        fresh
            .jobs()
            .retry(&JobFilter::new().ids([id]))
            .await
            .unwrap(),
        1
    );
    let half = until(&mut updates, |job| done(job) == Some(1)).await;
    assert_eq!(half.state, JobState::Running);
    gates.half.arrival().await;
    gates.half.open(1);
    let all_done = until(&mut updates, |job| done(job) == Some(2)).await;
    assert_eq!(all_done.steps, ["a call"]);
    gates.end.arrival().await;
    gates.end.open(1);
    let last = until(&mut updates, |job| job.state.is_final()).await;
    assert_eq!(
        (last.state, last.output::<i64>().unwrap()),
        (JobState::Completed, Some(42))
    );
    assert!(next(&mut updates).await.is_none());
    stop(working).await;
}

#[tokio::test]
async fn a_job_that_fails_is_watched_until_its_last_attempt() {
    let fresh = open().await;
    let gates = Arc::new(Gates::default());
    gates.half.open(2);
    gates.end.open(2);
    let working = workers(&fresh, ["watched"]).shared_state(Arc::clone(&gates));
    let working = working.leads(true).start().await.unwrap();
    let id = watched::new(true).tag("red").enqueue(&fresh.db);
    let id = id.await.unwrap().id;
    let seen = all(pushed_only(&fresh).watch(id)).await;
    let last = seen.last().expect("items");
    assert_eq!((last.state, last.attempt), (JobState::Discarded, 2));
    assert_eq!(last.errors.len(), 2);
    for pair in seen.windows(2) {
        assert_ne!(pair[0], pair[1], "this was told twice");
    }
    let read = info(&fresh, id).await;
    assert_eq!(*last, read, "a stream tells what `get` returns");
    stop(working).await;
}

#[tokio::test]
async fn a_job_that_ended_before_the_watch_yields_one_item() {
    let fresh = open().await;
    let id = watched::enqueue(&fresh.db, false).await.unwrap().id;
    let filter = JobFilter::new().ids([id]);
    assert_eq!(fresh.jobs().cancel(&filter).await.unwrap(), 1);
    let watcher = pushed_only(&fresh);
    let seen = all(watcher.watch(id)).await;
    assert_eq!(seen, [info(&fresh, id).await]);
    assert_eq!(seen[0].state, JobState::Cancelled);

    // The end of one stream is not the end of the job, if somebody has retried the job.
    assert_eq!(fresh.jobs().retry(&filter).await.unwrap(), 1);
    let mut again = watcher.watch(id);
    assert_eq!(next(&mut again).await.unwrap().state, JobState::Available);
}

#[tokio::test]
async fn there_is_no_item_of_a_job_that_is_not_there() {
    let fresh = open().await;
    assert_eq!(all(Watcher::new(&fresh.db).watch(i64::MAX)).await, []);
}

#[tokio::test]
async fn a_stream_ends_when_its_job_is_deleted() {
    let fresh = open().await;
    let id = watched::enqueue(&fresh.db, false).await.unwrap().id;
    let watcher = Watcher::new(&fresh.db).look_every(Duration::from_millis(10));
    let mut updates = watcher.watch(id);
    assert!(next(&mut updates).await.is_some());
    let filter = JobFilter::new().ids([id]);
    assert_eq!(fresh.jobs().delete(&filter).await.unwrap(), 1);
    assert!(next(&mut updates).await.is_none());
}

#[tokio::test]
async fn every_stream_of_a_job_is_told_and_one_that_is_not_polled_holds_up_nobody() {
    let fresh = open().await;
    let watcher = pushed_only(&fresh);
    let ids = watched::enqueue_many(&fresh.db, (0..3).map(|_| watched::new(false)));
    let ids: Vec<_> = ids.await.unwrap().iter().map(|it| it.id).collect();
    let mut idle = watcher.watch(ids[0]);
    assert!(next(&mut idle).await.is_some());
    let mut streams: Vec<_> = (0..60)
        .map(|at| watcher.clone().watch(ids[at % 3]))
        .collect();
    for (at, stream) in streams.iter_mut().enumerate() {
        assert_eq!(next(stream).await.unwrap().id, ids[at % 3]);
    }
    let cancelled = fresh.jobs().cancel(&JobFilter::new()).await.unwrap();
    assert_eq!(cancelled, 3);
    for stream in streams {
        let seen = all(stream).await;
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert_eq!(seen[0].state, JobState::Cancelled);
    }
    assert_eq!(all(idle).await.len(), 1, "the newest state was kept");
}

#[tokio::test]
async fn what_others_change_is_found_by_a_look() {
    let fresh = open().await;
    let id = watched::enqueue(&fresh.db, false).await.unwrap().id;
    let watcher = Watcher::new(&fresh.db).look_every(Duration::from_millis(20));
    let mut updates = watcher.watch(id);
    assert!(next(&mut updates).await.is_some());
    // No notification speaks of this column.
    run_sql(&fresh, "UPDATE river_job SET priority = 3").await;
    assert_eq!(next(&mut updates).await.unwrap().priority, 3);
}

#[tokio::test]
async fn a_watch_fails_where_there_are_no_tables_and_says_what_to_call() {
    let fresh = notes::open().await;
    let mut updates = Watcher::new(&fresh.db).watch(1);
    let failed = soon("the error", updates.next()).await.expect("an item");
    let error = failed.unwrap_err();
    assert!(
        error.to_string().contains("dbop::jobs::migrate(&db)"),
        "{error}"
    );
    assert!(updates.next().await.is_none());
}

#[tokio::test]
async fn streams_end_with_an_error_when_the_handle_is_shut_down() {
    let fresh = open().await;
    let id = watched::enqueue(&fresh.db, false).await.unwrap().id;
    let watcher = Watcher::new(&fresh.db);
    let mut updates = watcher.watch(id);
    assert!(next(&mut updates).await.is_some());
    soon("the shutdown", fresh.shutdown(Duration::from_secs(5))).await;
    for mut updates in [updates, watcher.watch(id)] {
        let failed = soon("the error", updates.next()).await.expect("an item");
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::ShuttingDown);
        assert!(updates.next().await.is_none());
    }
}
