//! Texts that not every database can store.

use dbop::job;
use dbop::jobs::Job;

use super::*;

#[job(max_attempts = 1)]
async fn panics_with_nul(_: &Job<Database>) -> Result<(), Trouble> {
    panic!("before \0 after")
}

#[job(max_attempts = 1)]
async fn returns_nul(_: &Job<Database>) -> Result<Vec<String>, Trouble> {
    Ok(vec!["before \0 after".to_owned()])
}

#[job]
async fn ends_beside_nul(_: &Job<Database>) -> Result<(), Trouble> {
    Ok(())
}

/// River writes the results of all jobs that have ended in one statement, again and again until the
/// database takes them.
#[tokio::test]
async fn the_character_nul_in_an_error_or_a_result_keeps_no_other_job_back() {
    let fresh = open().await;
    let db = &fresh.db;
    let panics = panics_with_nul::enqueue(db).await.unwrap().id;
    let returns = returns_nul::enqueue(db).await.unwrap().id;
    let beside = ends_beside_nul::enqueue(db).await.unwrap().id;
    let kinds = ["panics_with_nul", "returns_nul", "ends_beside_nul"];
    let working = workers(db, kinds).start().await.unwrap();

    let panicked = becomes(db, panics, JobState::Discarded).await;
    assert!(panicked.errors[0].error.contains("before \u{fffd} after"));
    becomes(db, beside, JobState::Completed).await;
    let returned = waits_for("the end", db, returns, |job| job.state.is_final()).await;
    match returned.state {
        JobState::Completed => assert_eq!(
            returned.output::<Vec<String>>().unwrap(),
            Some(vec!["before \0 after".to_owned()])
        ),
        _ => assert!(returned.errors[0].error.contains("U+0000"), "{returned:?}"),
    }
    stop(working).await;
}
