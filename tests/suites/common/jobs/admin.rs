//! Jobs as they are listed, cancelled, retried and deleted.

use std::sync::Arc;

use dbop::job;
use dbop::jobs::{Job, JobFilter};
use riverqueue::{Client, InsertOpts, JobArgs};
use serde::{Deserialize, Serialize};

use super::*;

#[job(max_attempts = 1)]
async fn managed(job: &Job<Database>, at: i64) -> Result<i64, Trouble> {
    let _ = job;
    match at {
        -1 => Err(Trouble::Refused),
        _ => Ok(at),
    }
}

#[job]
async fn managed_otherwise(job: &Job<Database>) -> dbop::Result<()> {
    let _ = job;
    Ok(())
}

fn ids(jobs: &[JobInfo]) -> Vec<i64> {
    jobs.iter().map(|job| job.id).collect()
}

#[tokio::test]
async fn a_job_is_read_as_it_stands() {
    let fresh = open().await;
    assert!(fresh.jobs().get(1).await.unwrap().is_none());
    let new = managed::new(7)
        .queue("q")
        .priority(2)
        .tag("red")
        .max_attempts(3);
    let id = new.enqueue(&fresh.db).await.unwrap().id;
    let job = info(&fresh, id).await;
    assert_eq!((job.id, &*job.kind, &*job.queue), (id, "managed", "q"));
    assert_eq!(
        (job.state, job.priority, job.attempt),
        (JobState::Available, 2, 0)
    );
    assert_eq!((job.max_attempts, job.tags), (3, vec!["red".to_owned()]));
    assert_eq!(job.arguments, serde_json::json!({ "at": 7 }));
    assert!(job.created_at.elapsed().unwrap_or_default() < LONG);
    assert_eq!(
        (job.attempted_at, job.finalized_at, job.worker),
        (None, None, None)
    );
    assert_eq!((job.output, job.progress), (None, None));
    assert!(job.steps.is_empty() && job.errors.is_empty());
}

#[tokio::test]
async fn each_filter_lists_its_jobs_in_the_order_of_their_ids() {
    let fresh = open().await;
    let jobs = [
        managed::new(0).tag("red"),
        managed::new(1).tag("red").tag("blue"),
        managed::new(2).queue("other").tag("green"),
        managed::new(3).delay(Duration::from_secs(3600)),
    ];
    let all = managed::enqueue_many(&fresh.db, jobs).await.unwrap();
    let mut all: Vec<_> = all.iter().map(|it| it.id).collect();
    all.push(managed_otherwise::enqueue(&fresh.db).await.unwrap().id);
    let f = JobFilter::new;
    let cases: Vec<(JobFilter, Vec<usize>)> = vec![
        (f(), vec![0, 1, 2, 3, 4]),
        (f().ids([all[3], all[1], i64::MAX]), vec![1, 3]),
        (f().kinds(["managed_otherwise"]), vec![4]),
        (
            f().kinds(["managed", "managed_otherwise", "none"]),
            vec![0, 1, 2, 3, 4],
        ),
        (f().queues(["other"]), vec![2]),
        (f().states([JobState::Scheduled]), vec![3]),
        (
            f().states([JobState::Scheduled, JobState::Available]),
            vec![0, 1, 2, 3, 4],
        ),
        (f().states([JobState::Running]), vec![]),
        (f().tags(["red"]), vec![0, 1]),
        (f().tags(["blue", "green"]), vec![1, 2]),
        (f().after(all[1]), vec![2, 3, 4]),
        (f().after(all[1]).limit(1), vec![2]),
        (f().limit(2), vec![0, 1]),
        (f().kinds(["managed"]).tags(["red"]).after(all[0]), vec![1]),
    ];
    for (filter, expected) in cases {
        let listed = fresh.jobs().list(&filter).await.unwrap();
        let expected: Vec<_> = expected.into_iter().map(|at| all[at]).collect();
        assert_eq!(ids(&listed), expected, "{filter:?}");
    }
}

#[tokio::test]
async fn many_jobs_are_listed_page_by_page_and_changed_to_the_last() {
    let fresh = open().await;
    let jobs = (0..1_200).map(managed::new);
    let all = managed::enqueue_many(&fresh.db, jobs).await.unwrap();
    let all: Vec<_> = all.iter().map(|it| it.id).collect();
    assert_eq!(
        fresh.jobs().list(&JobFilter::new()).await.unwrap().len(),
        100
    );
    let mut listed = Vec::new();
    loop {
        let after = listed.last().copied().unwrap_or(0);
        let page = JobFilter::new().after(after).limit(500);
        let page = fresh.jobs().list(&page).await.unwrap();
        if page.is_empty() {
            break;
        }
        listed.extend(ids(&page));
    }
    assert_eq!(listed, all);
    let some = JobFilter::new().limit(700);
    let jobs = fresh.jobs();
    assert_eq!(jobs.cancel(&some).await.unwrap(), 700);
    let of_state = async |state| {
        let filter = JobFilter::new().states([state]).limit(10_000);
        ids(&jobs.list(&filter).await.unwrap())
    };
    assert_eq!(of_state(JobState::Cancelled).await, all[..700]);
    assert_eq!(jobs.cancel(&JobFilter::new()).await.unwrap(), 500);
    assert_eq!(
        jobs.cancel(&JobFilter::new()).await.unwrap(),
        0,
        "all are in a final state"
    );
    let cancelled = JobFilter::new().states([JobState::Cancelled]);
    assert_eq!(jobs.retry(&cancelled).await.unwrap(), 1_200);
    assert_eq!(
        jobs.retry(&JobFilter::new()).await.unwrap(),
        0,
        "all are available"
    );
    assert_eq!(of_state(JobState::Available).await, all);
    assert_eq!(
        jobs.delete(&JobFilter::new().limit(501)).await.unwrap(),
        501
    );
    assert_eq!(of_state(JobState::Available).await, all[501..]);
    assert_eq!(jobs.delete(&JobFilter::new()).await.unwrap(), 699);
    assert_eq!(count_jobs(&fresh).await, 0);
    assert_eq!(jobs.delete(&JobFilter::new()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_limit_of_zero_means_no_job() {
    let fresh = open().await;
    let id = managed::enqueue(&fresh.db, 1).await.unwrap().id;
    let none = JobFilter::new().limit(0);
    assert!(fresh.jobs().list(&none).await.unwrap().is_empty());
    assert_eq!(fresh.jobs().cancel(&none).await.unwrap(), 0);
    assert_eq!(info(&fresh, id).await.state, JobState::Available);
}

#[derive(Debug, Default)]
struct Seen {
    gate: Gate,
    cancelled: Gate,
}

#[job(max_attempts = 3)]
async fn sees_its_end(job: &Job<Database>, seen: &Seen) -> Result<i64, Trouble> {
    job.progress(0, 10, "it's \"begun\" 世界").await?;
    job.progress(1, 10, "too soon after the first").await?;
    seen.gate.pass().await;
    if job.attempt() > 1 {
        job.progress(10, 10, "all").await?;
        return Ok(42);
    }
    job.cancelled().await;
    assert!(job.is_cancelled());
    seen.cancelled.pass().await;
    Err(Trouble::Refused)
}

#[tokio::test]
async fn jobs_are_cancelled_in_each_state_and_one_that_runs_sees_that() {
    let fresh = open().await;
    let seen = Arc::new(Seen::default());
    let working = workers(&fresh, ["sees_its_end"]).shared_state(Arc::clone(&seen));
    let working = working.start().await.unwrap();
    let running = sees_its_end::enqueue(&fresh.db).await.unwrap().id;
    seen.gate.arrival().await;
    let job = info(&fresh, running).await;
    let progress = job.progress.expect("told");
    assert_eq!((progress.done, progress.total), (0, 10));
    assert_eq!(progress.message, "it's \"begun\" 世界");
    assert_eq!(job.worker.as_deref(), Some(working.id()));
    let available = managed::enqueue(&fresh.db, 1).await.unwrap().id;
    let later = managed::new(1).delay(Duration::from_secs(60));
    let later = later.enqueue(&fresh.db).await.unwrap().id;
    let all = JobFilter::new().ids([running, available, later]);
    let this = JobFilter::new().ids([running]);
    assert_eq!(fresh.jobs().delete(&this).await.unwrap(), 0);
    assert_eq!(fresh.jobs().retry(&this).await.unwrap(), 0);
    assert_eq!(fresh.jobs().cancel(&all).await.unwrap(), 3);
    for id in [available, later] {
        assert_eq!(info(&fresh, id).await.state, JobState::Cancelled);
    }
    seen.gate.open(1);
    seen.cancelled.arrival().await;
    seen.cancelled.open(1);
    let job = becomes(&fresh, running, JobState::Cancelled).await;
    assert_eq!(job.attempt, 1);

    assert_eq!(fresh.jobs().retry(&this).await.unwrap(), 1);
    seen.gate.arrival().await;
    seen.gate.open(1);
    let job = becomes(&fresh, running, JobState::Completed).await;
    assert_eq!(job.output::<i64>().unwrap(), Some(42));
    let progress = job.progress.expect("told");
    assert_eq!((progress.done, &*progress.message), (10, "all"));
    stop(working).await;
}

#[tokio::test]
async fn a_discarded_job_that_is_retried_gets_one_more_attempt() {
    let fresh = open().await;
    let working = workers(&fresh, ["managed"]).start().await.unwrap();
    let id = managed::enqueue(&fresh.db, -1).await.unwrap().id;
    becomes(&fresh, id, JobState::Discarded).await;
    let filter = JobFilter::new().states([JobState::Discarded]);
    assert_eq!(fresh.jobs().retry(&filter).await.unwrap(), 1);
    let twice = |job: &JobInfo| job.state == JobState::Discarded && job.errors.len() == 2;
    let job = waits_for("the second attempt", &fresh, id, twice).await;
    assert_eq!((job.attempt, job.max_attempts), (2, 2));
    assert_eq!(fresh.jobs().delete(&filter).await.unwrap(), 1);
    stop(working).await;
}

#[derive(Debug, Serialize, Deserialize)]
struct Foreign {}

impl JobArgs for Foreign {
    const KIND: &'static str = "foreign.kind";
}

#[tokio::test]
async fn jobs_of_a_kind_that_nobody_here_works_are_left_alone() {
    let fresh = open().await;
    let client = Client::builder(fresh.pool().clone()).build().unwrap();
    let due = riverqueue::jiff::Timestamp::now() - Duration::from_secs(60);
    let foreign = client.insert(Foreign {}).await.unwrap().job.row.id;
    let options = InsertOpts::default().with_scheduled_at(due);
    let scheduled = client
        .insert(Foreign {})
        .opts(options)
        .await
        .unwrap()
        .job
        .row
        .id;
    let before = row(&fresh, foreign).await;
    let working = workers(&fresh, ["managed"])
        .leads(true)
        .start()
        .await
        .unwrap();
    // The leader has done its work once this job has run.
    let later = managed::new(1).delay(Duration::from_millis(1));
    let later = later.enqueue(&fresh.db).await.unwrap().id;
    becomes(&fresh, later, JobState::Completed).await;
    becomes(&fresh, scheduled, JobState::Available).await;
    let id = managed::enqueue(&fresh.db, 2).await.unwrap().id;
    becomes(&fresh, id, JobState::Completed).await;
    stop(working).await;
    assert_eq!(row(&fresh, foreign).await, before);
    let job = info(&fresh, scheduled).await;
    assert_eq!((job.state, job.attempt), (JobState::Available, 0));
}
