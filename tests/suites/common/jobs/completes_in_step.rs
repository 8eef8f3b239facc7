//! `Job::complete` in the transaction of a step.

use dbop::job;
use dbop::jobs::Job;

use super::super::notes::{insert, stored};
use super::*;

#[job(max_attempts = 1)]
async fn completes_in_a_step(job: &Job<Database>) -> Result<(), Trouble> {
    let last = job.write("last", async |tx| -> Result<(), Trouble> {
        insert(&mut *tx, 1).await?;
        Ok(job.complete(&mut *tx).await?)
    });
    last.await?;
    let late = job.write("late", async |tx| -> Result<(), Trouble> {
        Ok(insert(&mut *tx, 2).await?)
    });
    late.await
}

#[tokio::test]
async fn a_step_that_completes_the_job_commits_and_no_step_after_it_does() {
    let fresh = open().await;
    let db = &fresh.db;
    let id = completes_in_a_step::enqueue(db).await.unwrap().id;
    let working = workers(db, ["completes_in_a_step"]).start().await.unwrap();

    let job = waits_for("the end", db, id, |job| job.state.is_final()).await;
    assert_eq!(job.state, JobState::Completed, "{job:?}");
    stop(working).await;
    assert_eq!(stored(&fresh).await, [1]);
}
