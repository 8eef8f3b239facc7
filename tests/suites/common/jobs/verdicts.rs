//! What becomes of a job, by the result of its body.

use std::sync::Mutex;

use dbop::jobs::{Discarded, Job};
use dbop::{DbError, job};
use riverqueue::{Client, InsertOpts, JobArgs};
use serde::{Deserialize, Serialize};

use super::super::notes::note;
use super::*;

/// How a body ends.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum End {
    Value,
    Snoozed,
    SnoozedWithError,
    Refused,
    Transient,
    Ambiguous,
    TakenNumber,
    WrongSql,
    ClosedHandle,
    CancelledWithError,
    CancelledWithValue,
    Panic,
    PanicWithText,
}

#[derive(Debug, thiserror::Error, DbError)]
enum Problem {
    #[error("no, as a matter of policy")]
    Refused,
    #[error("not now")]
    #[db_error(category = transient)]
    NotNow,
    #[error("the line was cut")]
    #[db_error(category = ambiguous)]
    Ambiguous,
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Database(error) => Self::Database(error),
            _ => Self::Refused,
        }
    }
}

#[derive(Debug, Default)]
struct Given {
    runs: Runs,
    /// A handle that is closed.
    closed: Option<Db<Database>>,
}

#[dbop::db_op]
async fn wrong_sql(conn: &mut dbop::Conn<'_, Database>) -> Result<(), Trouble> {
    conn.execute("SELECT * FROM no_such_table").await?;
    Ok(())
}

async fn ends(job: &Job<Database>, given: &Given, end: End) -> Result<String, Problem> {
    given.runs.next();
    match end {
        End::Value => {}
        End::Snoozed => job.snooze(Duration::from_secs(3600)),
        End::SnoozedWithError => {
            job.snooze(Duration::from_secs(3600));
            return Err(Problem::Refused);
        }
        End::Refused => return Err(Problem::Refused),
        End::Transient => return Err(Problem::NotNow),
        End::Ambiguous => return Err(Problem::Ambiguous),
        End::TakenNumber => {
            note(job.db(), 1).await?;
            note(job.db(), 1).await?;
        }
        End::WrongSql => wrong_sql(job.db()).await?,
        End::ClosedHandle => note(given.closed.as_ref().expect("set"), 1).await?,
        End::CancelledWithError => {
            job.cancel();
            return Err(Problem::NotNow);
        }
        End::CancelledWithValue => job.cancel(),
        End::Panic => panic!("boom"),
        End::PanicWithText => panic!("boom {}", 2),
    }
    Ok("done, \"quoted\"".to_owned())
}

#[job(backoff(base = "1ms", max = "1ms"), max_attempts = 2)]
async fn ends_as(job: &Job<Database>, given: &Given, end: End) -> Result<String, Problem> {
    ends(job, given, end).await
}

#[job(backoff(base = "1ms", max = "1ms"), max_attempts = 2, idempotent)]
async fn ends_idempotent(job: &Job<Database>, given: &Given, end: End) -> Result<String, Problem> {
    ends(job, given, end).await
}

/// Runs a job until it has ended so, and returns it with the number of times that its body has run.
async fn ended(end: End, state: JobState) -> (JobInfo, u32) {
    let fresh = open().await;
    let closed = Db::<Database>::builder()
        .url(&fresh.url)
        .connect()
        .await
        .unwrap();
    closed.close().await;
    let given = std::sync::Arc::new(Given {
        closed: Some(closed),
        ..Given::default()
    });
    let working = workers(&fresh, ["ends_as"]).shared_state(std::sync::Arc::clone(&given));
    let working = working.start().await.unwrap();
    let id = ends_as::enqueue(&fresh.db, end).await.unwrap().id;
    let job = becomes(&fresh, id, state).await;
    stop(working).await;
    assert_eq!(info(&fresh, id).await.state, state, "and it stays so");
    (job, given.runs.count())
}

#[tokio::test]
async fn a_body_that_succeeds_completes_the_job_with_its_value_as_the_output() {
    let (job, runs) = ended(End::Value, JobState::Completed).await;
    assert_eq!((runs, job.attempt), (1, 1));
    assert_eq!(job.output::<String>().unwrap().unwrap(), "done, \"quoted\"");
    assert!(
        job.output::<i64>()
            .unwrap_err()
            .to_string()
            .contains("`ends_as`")
    );
    assert!(job.errors.is_empty());
    assert!(job.finalized_at.is_some());
}

#[tokio::test]
async fn a_body_that_snoozes_and_succeeds_runs_again_later_without_using_an_attempt() {
    let (job, runs) = ended(End::Snoozed, JobState::Scheduled).await;
    assert_eq!((runs, job.attempt, job.max_attempts), (1, 0, 2));
    assert_eq!((job.output, job.errors), (None, vec![]));
    let wait = job
        .scheduled_at
        .duration_since(job.attempted_at.unwrap())
        .unwrap();
    assert!(wait.as_secs().abs_diff(3600) < 120, "{wait:?}");
}

#[tokio::test]
async fn a_body_that_snoozes_and_fails_fails() {
    let (job, runs) = ended(End::SnoozedWithError, JobState::Discarded).await;
    assert_eq!((runs, job.attempt), (2, 2));
}

#[tokio::test]
async fn errors_that_may_pass_are_tried_again_until_the_attempts_are_used_up() {
    for end in [End::Refused, End::Transient] {
        let (job, runs) = ended(end, JobState::Discarded).await;
        assert_eq!((runs, job.attempt), (2, 2), "{end:?}");
        let attempts: Vec<_> = job.errors.iter().map(|failed| failed.attempt).collect();
        assert_eq!(attempts, [1, 2], "{end:?}");
        let said = match end {
            End::Refused => "no, as a matter of policy",
            _ => "not now",
        };
        assert!(
            job.errors.iter().all(|failed| failed.error == said),
            "{job:?}"
        );
    }
}

#[tokio::test]
async fn a_panic_fails_the_attempt_and_its_text_is_kept() {
    for (end, said) in [(End::Panic, "boom"), (End::PanicWithText, "boom 2")] {
        let (job, runs) = ended(end, JobState::Discarded).await;
        assert_eq!(runs, 2);
        let error = format!("the job panicked: {said}");
        assert!(
            job.errors.iter().all(|failed| failed.error == error),
            "{job:?}"
        );
    }
}

#[tokio::test]
async fn errors_that_would_come_again_cancel_the_job_at_once() {
    for end in [End::TakenNumber, End::WrongSql] {
        let (job, runs) = ended(end, JobState::Cancelled).await;
        assert_eq!((runs, job.errors.len()), (1, 1), "{end:?}");
    }
}

#[tokio::test]
async fn an_unknown_outcome_cancels_the_job_and_says_how_to_make_it_repeatable() {
    let (job, runs) = ended(End::Ambiguous, JobState::Cancelled).await;
    assert_eq!(runs, 1);
    let said = &job.errors[0].error;
    for part in [
        "the line was cut (nobody knows",
        "job.key(..)",
        "job.write(..)",
        "`idempotent`",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_tried_again_in_a_job_that_is_idempotent() {
    let fresh = open().await;
    let working = workers(&fresh, ["ends_idempotent"]).state(Given::default());
    let working = working.start().await.unwrap();
    let id = ends_idempotent::enqueue(&fresh.db, End::Ambiguous)
        .await
        .unwrap()
        .id;
    let job = becomes(&fresh, id, JobState::Discarded).await;
    assert_eq!(job.attempt, 2);
    let id = ends_idempotent::enqueue(&fresh.db, End::TakenNumber)
        .await
        .unwrap()
        .id;
    becomes(&fresh, id, JobState::Cancelled).await;
    stop(working).await;
}

#[tokio::test]
async fn a_job_that_finds_no_room_waits_without_using_an_attempt() {
    let (job, runs) = ended(End::ClosedHandle, JobState::Scheduled).await;
    assert_eq!((runs, job.attempt), (1, 0));
    assert!(job.errors.is_empty());
}

#[tokio::test]
async fn a_job_that_cancels_itself_and_fails_does_not_run_again() {
    let (job, runs) = ended(End::CancelledWithError, JobState::Cancelled).await;
    assert_eq!((runs, &*job.errors[0].error), (1, "not now"));
    let (job, _) = ended(End::CancelledWithValue, JobState::Completed).await;
    assert!(job.output.is_some());
}

#[derive(Debug, Serialize, Deserialize)]
struct OtherVersion {
    ending: String,
}

impl JobArgs for OtherVersion {
    const KIND: &'static str = "ends_as";
}

#[tokio::test]
async fn arguments_of_another_version_fail_the_attempt_and_the_message_says_why() {
    let fresh = open().await;
    let working = workers(&fresh, ["ends_as"]).state(Given::default());
    let working = working.start().await.unwrap();
    let client = Client::builder(fresh.pool().clone()).build().unwrap();
    let args = OtherVersion {
        ending: "x".to_owned(),
    };
    let options = InsertOpts::default().with_max_attempts(1);
    let id = client.insert(args).opts(options).await.unwrap().job.row.id;
    let job = becomes(&fresh, id, JobState::Discarded).await;
    let said = &job.errors[0].error;
    assert!(said.contains("the arguments cannot be read"), "{said}");
    assert!(said.contains("missing field `end`"), "{said}");
    stop(working).await;
}

// --- timeouts -------------------------------------------------------------------------------------

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Late {
    Ignores,
    InStep,
    EndsWithError,
    EndsWell,
}

#[job(timeout = "200ms", max_attempts = 1, concurrency(limit = 10))]
async fn ends_late(job: &Job<Database>, late: Late) -> Result<(), Trouble> {
    match late {
        Late::Ignores => std::future::pending().await,
        Late::InStep => {
            let endless = job.read("endless", async |_| -> Result<(), Trouble> {
                std::future::pending().await
            });
            endless.await
        }
        Late::EndsWithError => {
            job.cancelled().await;
            Err(Trouble::Refused)
        }
        Late::EndsWell => {
            job.cancelled().await;
            Ok(())
        }
    }
}

#[tokio::test]
async fn an_attempt_that_takes_longer_than_its_timeout_fails() {
    let fresh = open().await;
    let working = workers(&fresh, ["ends_late"]).start().await.unwrap();
    let mut ids = Vec::new();
    for late in [
        Late::Ignores,
        Late::InStep,
        Late::EndsWithError,
        Late::EndsWell,
    ] {
        ids.push(ends_late::enqueue(&fresh.db, late).await.unwrap().id);
    }
    let said = async |id| {
        let job = becomes(&fresh, id, JobState::Discarded).await;
        job.errors[0].error.clone()
    };
    for id in [ids[1], ids[2], ids[0]] {
        let said = said(id).await;
        assert!(said.contains("within its timeout of 200 ms"), "{said}");
    }
    becomes(&fresh, ids[3], JobState::Completed).await;
    stop(working).await;
}

// --- waits ----------------------------------------------------------------------------------------

#[job(backoff(base = "1h", max = "90m"))]
async fn waits_an_hour(job: &Job<Database>) -> Result<(), Trouble> {
    let _ = job;
    Err(Trouble::Refused)
}

#[job]
async fn waits_as_river(job: &Job<Database>) -> Result<(), Trouble> {
    let _ = job;
    Err(Trouble::Refused)
}

#[tokio::test]
async fn a_failed_attempt_waits_as_its_backoff_says_or_else_as_river_does() {
    let fresh = open().await;
    let working = workers(&fresh, ["waits_an_hour", "waits_as_river"]);
    let working = working.start().await.unwrap();
    let wait = |job: &JobInfo| {
        let begun = job.attempted_at.expect("it has run");
        job.scheduled_at
            .duration_since(begun)
            .unwrap()
            .as_secs_f64()
    };
    let long = waits_an_hour::enqueue(&fresh.db).await.unwrap().id;
    let job = becomes(&fresh, long, JobState::Retryable).await;
    assert!(
        (3600.0 * 0.89..3600.0 * 1.15).contains(&wait(&job)),
        "{job:?}"
    );
    // River waits for the fourth power of the number of failures: one second, and then 16.
    let river = waits_as_river::enqueue(&fresh.db).await.unwrap().id;
    let job = becomes(&fresh, river, JobState::Retryable).await;
    assert_eq!(job.attempt, 2);
    assert!((14.0..25.0).contains(&wait(&job)), "{job:?}");
    stop(working).await;
}

// --- jobs that follow -----------------------------------------------------------------------------

#[derive(Debug, Default)]
struct Told(Mutex<Vec<Discarded>>);

#[job(
    name = "tell.support",
    queue = "support",
    priority = 2,
    max_attempts = 9
)]
async fn tell_support(job: &Job<Database>, told: &Told, discarded: Discarded) -> dbop::Result<()> {
    let _ = job;
    told.0.lock().unwrap().push(discarded);
    Ok(())
}

#[job(discarded = tell_support, backoff(base = "1ms", max = "1ms"), max_attempts = 2)]
async fn is_followed(job: &Job<Database>, given: &Given, end: End) -> Result<String, Problem> {
    ends(job, given, end).await
}

#[tokio::test]
async fn a_job_that_is_given_up_enqueues_the_job_that_follows_exactly_once() {
    let fresh = open().await;
    let told = std::sync::Arc::new(Told::default());
    let working = workers(&fresh, ["is_followed", "tell.support"])
        .shared_state(std::sync::Arc::clone(&told))
        .state(Given::default())
        .start()
        .await
        .unwrap();
    let ends = [
        (End::Value, JobState::Completed, None),
        (
            End::Refused,
            JobState::Discarded,
            Some("no, as a matter of policy"),
        ),
        (End::TakenNumber, JobState::Cancelled, Some("UNIQUE")),
        (
            End::CancelledWithError,
            JobState::Cancelled,
            Some("not now"),
        ),
        (
            End::Panic,
            JobState::Discarded,
            Some("the job panicked: boom"),
        ),
    ];
    for (end, state, error) in ends {
        let id = is_followed::enqueue(&fresh.db, end).await.unwrap().id;
        let job = becomes(&fresh, id, state).await;
        let filter = dbop::jobs::JobFilter::new().kinds(["tell.support"]);
        let Some(error) = error else {
            assert!(fresh.jobs().list(&filter).await.unwrap().is_empty());
            continue;
        };
        // The job that follows was enqueued in the transaction that gave up the other.
        let follow = fresh.jobs().list(&filter).await.unwrap();
        let follow: Vec<_> = follow
            .iter()
            .filter(|job| job.arguments["discarded"]["id"] == id)
            .collect();
        assert_eq!(follow.len(), 1, "{end:?}");
        let follow = follow[0];
        assert_eq!(
            (&*follow.queue, follow.priority, follow.max_attempts),
            ("support", 2, 9)
        );
        let attempts = job.errors.len();
        assert_eq!(
            attempts,
            if state == JobState::Discarded { 2 } else { 1 },
            "{job:?}"
        );
        becomes(&fresh, follow.id, JobState::Completed).await;
        let told = told.0.lock().unwrap();
        let told: Vec<_> = told.iter().filter(|told| told.id == id).collect();
        assert_eq!(told.len(), 1, "{end:?}");
        assert_eq!(told[0].kind, "is_followed");
        assert_eq!(told[0].error, job.errors.last().unwrap().error);
        assert!(
            told[0].error.contains(error) || matches!(end, End::TakenNumber),
            "{told:?}"
        );
    }
    stop(working).await;
}
