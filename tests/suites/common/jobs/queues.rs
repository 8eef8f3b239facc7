//! How many jobs each queue has, and how long they wait.

use dbop::job;
use dbop::jobs::{Job, JobFilter, QueueInfo};

use super::*;

#[job]
async fn queued(job: &Job<Database>) -> dbop::Result<()> {
    let _ = job;
    Ok(())
}

#[tokio::test]
async fn queues_count_their_jobs_in_each_state() {
    use JobState::{Available, Cancelled, Completed, Scheduled};
    let fresh = open().await;
    assert_eq!(fresh.jobs().queues().await.unwrap(), []);
    let jobs = [
        queued::new().queue("letters"),
        queued::new().queue("letters"),
        queued::new()
            .queue("letters")
            .delay(Duration::from_secs(3600)),
        queued::new(),
    ];
    let jobs = queued::enqueue_many(&fresh.db, jobs).await.unwrap();
    run_sql(&fresh, MADE_OLDER).await;
    let cancelled = JobFilter::new().ids([jobs[3].id]);
    assert_eq!(fresh.jobs().cancel(&cancelled).await.unwrap(), 1);
    let queues = fresh.jobs().queues().await.unwrap();
    let names: Vec<_> = queues.iter().map(|it| &*it.queue).collect();
    assert_eq!(names, ["default", "letters"]);
    let counts = |it: &QueueInfo| {
        let states = [Available, Scheduled, Cancelled, Completed];
        states.map(|state| it.count(state))
    };
    assert_eq!(counts(&queues[0]), [0, 0, 1, 0]);
    assert_eq!(counts(&queues[1]), [2, 1, 0, 0]);
    assert_eq!(queues[0].oldest_waits, None, "nothing is available there");
    let waits = queues[1].oldest_waits.expect("available jobs");
    let hour = Duration::from_secs(3600);
    assert!((hour..hour + LONG).contains(&waits), "{waits:?}");

    let working = workers(&fresh, ["queued"]).queue("letters", 2);
    let working = working.start().await.unwrap();
    for job in &jobs[..2] {
        becomes(&fresh, job.id, Completed).await;
    }
    let queues = fresh.jobs().queues().await.unwrap();
    assert_eq!(counts(&queues[1]), [0, 1, 0, 2]);
    assert_eq!(queues[1].oldest_waits, None);
    stop(working).await;
}
