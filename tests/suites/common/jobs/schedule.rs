//! Jobs that are due again and again.

use dbop::jobs::{Job, JobFilter};
use dbop::{ErrorKind, job};
use dbop_tests::trace::Trace;

use super::*;

#[job(schedule = "0 3 1 1 *", queue = "yearly", priority = 3)]
async fn due_each_year(job: &Job<Database>) -> dbop::Result<()> {
    let _ = job;
    Ok(())
}

const LOOK: &str = "dbop.jobs.schedule";

async fn due_at(db: &Db<Database>, kind: &'static str) -> Option<i64> {
    let due = sqlx::query_scalar("SELECT due_at FROM dbop_job_schedule WHERE kind = $1");
    due.bind(kind).fetch_optional(db.pool()).await.unwrap()
}

async fn set_due_at(db: &Db<Database>, kind: &'static str, at: i64) {
    let set = sqlx::query("UPDATE dbop_job_schedule SET due_at = $2 WHERE kind = $1");
    let set = set.bind(kind).bind(at).execute(db.pool()).await.unwrap();
    assert_eq!(set.rows_affected(), 1);
}

/// Waits until the operation has run so many times on this thread.
async fn has_looked(trace: &Trace, times: usize) {
    let looked = async || trace.spans(LOOK).len() >= times;
    dbop_tests::eventually("a look at the schedules", looked).await;
}

async fn of_kind(db: &Db<Database>, kind: &str) -> Vec<JobInfo> {
    db.jobs()
        .list(&JobFilter::new().kinds([kind]))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_job_that_is_due_is_enqueued_once_by_all_workers_and_a_missed_time_is_made_up_for_once() {
    let fresh = open().await;
    let kind = "due_each_year";
    let trace = Trace::start();
    let first = workers(&fresh, [kind]).start().await.unwrap();
    has_looked(&trace, 1).await;
    let planned = due_at(&fresh, kind).await.expect("planned");
    assert!(planned > now_ms(&fresh).await);
    assert!(of_kind(&fresh, kind).await.is_empty(), "nothing is due yet");
    stop(first).await;
    // Many years have passed while nobody worked.
    set_due_at(&fresh, kind, 1_000).await;
    let looked = trace.spans(LOOK).len();
    let (second, third) = tokio::join!(
        workers(&fresh, [kind]).start(),
        workers(&fresh, [kind]).start()
    );
    let working = [second.unwrap(), third.unwrap()];
    has_looked(&trace, looked + 2).await;
    let jobs = of_kind(&fresh, kind).await;
    assert_eq!(jobs.len(), 1);
    assert_eq!((&*jobs[0].queue, jobs[0].priority), ("yearly", 3));
    becomes(&fresh, jobs[0].id, JobState::Completed).await;
    assert_eq!(due_at(&fresh, kind).await, Some(planned));
    for working in working {
        stop(working).await;
    }
}

#[tokio::test]
async fn a_schedule_that_has_changed_replaces_the_time_of_the_old_one() {
    let fresh = open().await;
    let kind = "due_each_year";
    run_sql(
        &fresh,
        "INSERT INTO dbop_job_schedule (kind, schedule, due_at) VALUES ('due_each_year', '* * * * * UTC', 1000)",
    )
    .await;
    let trace = Trace::start();
    let working = workers(&fresh, [kind]).start().await.unwrap();
    has_looked(&trace, 1).await;
    assert!(due_at(&fresh, kind).await.expect("planned") > now_ms(&fresh).await);
    assert!(of_kind(&fresh, kind).await.is_empty());
    stop(working).await;
}

#[tokio::test]
async fn two_processes_that_start_at_once_plan_the_same_time() {
    let fresh = open().await;
    let kind = "due_each_year";
    let trace = Trace::start();
    let (first, second) = tokio::join!(
        workers(&fresh, [kind]).start(),
        workers(&fresh, [kind]).start()
    );
    has_looked(&trace, 2).await;
    assert!(trace.events(LOOK).is_empty(), "{:?}", trace.events(LOOK));
    assert!(of_kind(&fresh, kind).await.is_empty());
    stop(first.unwrap()).await;
    stop(second.unwrap()).await;
}

#[job(schedule = "61 3 * * *")]
async fn has_no_such_minute(job: &Job<Database>) -> dbop::Result<()> {
    let _ = job;
    Ok(())
}

#[job(schedule(cron = "0 3 * * *", time_zone = "Europe/Nowhere"))]
async fn has_no_such_zone(job: &Job<Database>) -> dbop::Result<()> {
    let _ = job;
    Ok(())
}

#[job(schedule = "0 3 30 2 *")]
async fn never_comes(job: &Job<Database>) -> dbop::Result<()> {
    let _ = job;
    Ok(())
}

#[tokio::test]
async fn a_schedule_that_is_not_valid_is_an_error_at_the_start() {
    let fresh = open().await;
    let cases = [
        ("has_no_such_minute", "`61 3 * * *` (UTC)"),
        ("has_no_such_zone", "`0 3 * * *` (Europe/Nowhere)"),
        ("never_comes", "`0 3 30 2 *` (UTC)"),
    ];
    for (kind, text) in cases {
        let error = workers(&fresh, [kind]).start().await.unwrap_err();
        let said = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{said}");
        for part in [text, kind, "is not valid", "write five fields"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}
