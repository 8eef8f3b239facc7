//! What may not stand in the body of a step.

use dbop::job;
use dbop::jobs::Job;

use super::super::notes::{insert, stored};
use super::*;

#[job(max_attempts = 1)]
async fn nests(job: &Job<Database>, step: bool) -> Result<(), Trouble> {
    let outer = job.write("outer", async |tx| -> Result<(), Trouble> {
        insert(&mut *tx, 1).await?;
        if !step {
            return Ok(job.progress(1, 2, "half").await?);
        }
        let inner = job.write("inner", async |tx| -> Result<(), Trouble> {
            Ok(insert(&mut *tx, 2).await?)
        });
        inner.await
    });
    outer.await
}

/// Without the refusal, the step waits for the connection that the other step has.
#[tokio::test]
async fn a_step_and_progress_in_the_body_of_a_step_cancel_the_job_at_once_with_a_reason() {
    let fresh = open().await;
    let db = &fresh.db;
    let working = workers(db, ["nests"]).start().await.unwrap();
    for step in [true, false] {
        let id = nests::enqueue(db, step).await.unwrap().id;
        let job = waits_for("the end", db, id, |job| job.state.is_final()).await;
        assert_eq!(job.state, JobState::Cancelled, "{job:?}");
        let error = &job.errors[0].error;
        assert!(error.contains("in the body of another step"), "{error}");
    }
    stop(working).await;
    assert!(stored(&fresh).await.is_empty());
}
