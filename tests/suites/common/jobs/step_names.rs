//! The names of steps, and results that cannot be stored or read.

use std::sync::{Mutex, PoisonError};

use dbop::job;
use dbop::jobs::{Job, Unique};

use super::super::notes::{insert, stored};
use super::*;

#[job]
async fn two_steps_of_one_name(job: &Job<Database>) -> dbop::Result<()> {
    for n in 1..=3 {
        job.write("save", async |tx| insert(&mut *tx, n).await)
            .await?;
    }
    Ok(())
}

#[job]
async fn two_steps_of_one_name_at_once(job: &Job<Database>) -> dbop::Result<()> {
    let first = job.write("save", async |tx| insert(&mut *tx, 11).await);
    let second = job.write("save", async |tx| insert(&mut *tx, 12).await);
    let (first, second) = tokio::join!(first, second);
    Ok(first.and(second)?)
}

#[tokio::test]
async fn the_second_step_of_a_name_is_refused_and_never_answered_by_the_first() {
    let fresh = open().await;
    let kinds = ["two_steps_of_one_name", "two_steps_of_one_name_at_once"];
    let working = workers(&fresh, kinds).start().await.expect("workers");
    let one_by_one = two_steps_of_one_name::enqueue(&*fresh)
        .await
        .expect("a job");
    let at_once = two_steps_of_one_name_at_once::enqueue(&*fresh)
        .await
        .expect("a job");
    for id in [one_by_one.id, at_once.id] {
        let job = becomes(&fresh, id, JobState::Cancelled).await;
        let said = &job.errors[0].error;
        assert!(said.contains("two steps of the name `save`"), "{said}");
        assert!(said.contains("format!"), "{said}");
    }
    assert_eq!(stored(&fresh).await, [1, 11], "the first of each job");
    stop(working).await;
}

#[job(backoff(base = "1ms", max = "1ms"), max_attempts = 3)]
async fn steps_in_a_loop(job: &Job<Database>) -> Result<(), Trouble> {
    for n in 1..=3 {
        job.write(format!("save {n}"), async |tx| insert(&mut *tx, n).await)
            .await?;
        if job.attempt() == 1 && n == 2 {
            return Err(Trouble::NotNow);
        }
    }
    Ok(())
}

#[job]
async fn tries_a_step_again(job: &Job<Database>) -> Result<(), Trouble> {
    let mut tries = 0;
    loop {
        tries += 1;
        let tried = job.call("ask", async |_| -> Result<i32, Trouble> {
            match tries {
                1 => Err(Trouble::NotNow),
                _ => Ok(tries),
            }
        });
        if tried.await.is_ok() {
            return Ok(());
        }
    }
}

#[tokio::test]
async fn a_name_may_be_made_in_a_loop_and_a_step_that_has_failed_may_be_tried_again() {
    let fresh = open().await;
    let working = workers(&fresh, ["steps_in_a_loop", "tries_a_step_again"]);
    let working = working.leads(true).start().await.expect("workers");
    let in_loop = steps_in_a_loop::enqueue(&*fresh).await.expect("a job");
    let again = tries_a_step_again::enqueue(&*fresh).await.expect("a job");
    let job = becomes(&fresh, in_loop.id, JobState::Completed).await;
    assert_eq!((job.attempt, job.steps.len()), (2, 3));
    assert_eq!(stored(&fresh).await, [1, 2, 3]);
    becomes(&fresh, again.id, JobState::Completed).await;
    stop(working).await;
}

#[job]
async fn finds_no_number(job: &Job<Database>) -> dbop::Result<f64> {
    job.read("ratio", async |_| Ok(f64::NAN)).await
}

#[tokio::test]
async fn a_result_that_json_does_not_have_fails_its_own_attempt_and_not_the_next() {
    let fresh = open().await;
    let working = workers(&fresh, ["finds_no_number"])
        .start()
        .await
        .expect("workers");
    let enqueued = finds_no_number::enqueue(&*fresh).await.expect("a job");
    let job = becomes(&fresh, enqueued.id, JobState::Cancelled).await;
    let said = &job.errors[0].error;
    assert!(said.contains("`ratio` cannot be written as JSON"), "{said}");
    assert_eq!(job.attempt, 1);
    stop(working).await;
}

#[job(backoff(base = "1ms", max = "1ms"), max_attempts = 1)]
async fn wants_a_number(job: &Job<Database>, number: i64) -> dbop::Result<()> {
    let _ = (job, number);
    Ok(())
}

#[tokio::test]
async fn arguments_that_cannot_be_read_are_not_repeated_in_the_error() {
    let fresh = open().await;
    let enqueued = wants_a_number::new(1)
        .delay(LONG)
        .enqueue(&*fresh)
        .await
        .expect("a job");
    run_sql(
        &fresh,
        "UPDATE river_job SET args = '{\"number\": \"hunter2\"}', state = 'available'",
    )
    .await;
    let working = workers(&fresh, ["wants_a_number"])
        .start()
        .await
        .expect("workers");
    run_sql(&fresh, "UPDATE river_job SET scheduled_at = created_at").await;
    let job = becomes(&fresh, enqueued.id, JobState::Discarded).await;
    let said = &job.errors[0].error;
    assert!(said.contains("another version"), "{said}");
    assert!(said.contains("column"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    stop(working).await;
}

#[tokio::test]
async fn a_job_is_not_unique_by_an_argument_that_it_does_not_have() {
    let fresh = open().await;
    let unique = Unique::new().arguments(&["numbr"]);
    let refused = wants_a_number::new(1).unique(unique).enqueue(&*fresh).await;
    let said = refused.expect_err("a mistake").to_string();
    assert!(said.contains("`numbr` is not an argument"), "{said}");
    assert_eq!(count_jobs(&fresh).await, 0);
}

/// A job of the attempt that has snoozed, for a task that goes on.
static LEFT: Mutex<Option<Job<Database>>> = Mutex::new(None);

#[job]
async fn leaves_a_task_behind(job: &Job<Database>) -> dbop::Result<()> {
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner).take();
    if left.is_none() {
        *LEFT.lock().unwrap_or_else(PoisonError::into_inner) = Some(job.clone());
        job.snooze(Duration::from_millis(1));
        return Ok(());
    }
    let old = left.take().expect("looked at just now");
    assert_eq!(
        old.attempt(),
        job.attempt(),
        "a snooze gives the attempt back"
    );
    let refused = old
        .write("late", async |tx| insert(&mut *tx, 1).await)
        .await;
    let said = refused.expect_err("of the attempt before").to_string();
    assert!(said.contains("not this attempt's any more"), "{said}");
    Ok(())
}

#[tokio::test]
async fn what_an_attempt_that_has_snoozed_left_behind_writes_nothing_into_the_next() {
    let fresh = open().await;
    let working = workers(&fresh, ["leaves_a_task_behind"]).leads(true);
    let working = working.start().await.expect("workers");
    let enqueued = leaves_a_task_behind::enqueue(&*fresh).await.expect("a job");
    let job = becomes(&fresh, enqueued.id, JobState::Completed).await;
    assert_eq!((job.attempt, job.errors.len()), (1, 0));
    assert!(stored(&fresh).await.is_empty());
    stop(working).await;
}
