//! Steps: what an attempt does not do again if an earlier one has done it.

use std::sync::Mutex;

use dbop::jobs::Job;
use dbop::{ErrorKind, job};
use serde::{Deserialize, Serialize};

use super::super::notes::{insert, notes, stored};
use super::*;

/// What bodies write down.
#[derive(Debug, Default)]
struct Diary(Mutex<Vec<String>>);

impl Diary {
    fn note(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Found {
    name: String,
    of: Option<Box<Found>>,
    amounts: Vec<f64>,
}

fn found() -> Found {
    Found {
        name: "it's \"quoted\" \\ 世界\n".to_owned(),
        of: Some(Box::new(Found {
            name: String::new(),
            of: None,
            amounts: vec![],
        })),
        amounts: vec![1.0, 1e300, -0.5],
    }
}

/// Fails after each step, so that each attempt ends after one step more.
#[job(backoff(base = "1ms", max = "1ms"), max_attempts = 10)]
async fn resumes(job: &Job<Database>, diary: &Diary) -> Result<(), Trouble> {
    let stop = |after: i32| match job.attempt() <= after {
        true => Err(Trouble::NotNow),
        false => Ok(()),
    };
    let () = job
        .write("unit", async |tx| -> Result<(), Trouble> {
            diary.note("unit");
            Ok(insert(&mut *tx, 1).await?)
        })
        .await?;
    stop(1)?;
    let none = job
        .call("none", async |key| -> Result<Option<i64>, Trouble> {
            diary.note(key);
            Ok(None)
        })
        .await?;
    assert_eq!(none, None);
    stop(2)?;
    let read = job
        .read("a struct", async |_| -> Result<Found, Trouble> {
            diary.note("struct");
            Ok(found())
        })
        .await?;
    assert_eq!(read, found());
    stop(3)?;
    let text = job
        .write(
            "text.of-a 世界 $'%{}",
            async |tx| -> Result<String, Trouble> {
                diary.note("text");
                insert(&mut *tx, 2).await?;
                Ok(found().name)
            },
        )
        .await?;
    assert_eq!(text, found().name);
    stop(4)?;
    let many = job
        .write("many", async |_| -> Result<Vec<Option<()>>, Trouble> {
            diary.note("many");
            Ok(vec![None, None])
        })
        .await?;
    assert_eq!(many.len(), 2);
    stop(5)
}

#[tokio::test]
async fn each_attempt_goes_on_after_the_last_step_that_is_done_with_the_results_of_all() {
    let fresh = open().await;
    let diary = std::sync::Arc::new(Diary::default());
    let working = workers(&fresh, ["resumes"]).shared_state(std::sync::Arc::clone(&diary));
    let working = working.start().await.unwrap();
    let id = resumes::enqueue(&fresh.db).await.unwrap().id;
    let job = waits_for("the end", &fresh, id, |job| job.state.is_final()).await;
    assert_eq!(
        (job.state, job.attempt),
        (JobState::Completed, 6),
        "{:?}",
        job.errors
    );
    let key = format!("resumes/{id}/none");
    assert_eq!(diary.lines(), ["unit", &key, "struct", "text", "many"]);
    assert_eq!(stored(&fresh).await, [1, 2]);
    assert_eq!(
        job.steps,
        ["a struct", "many", "none", "text.of-a 世界 $'%{}", "unit"]
    );
    stop(working).await;
}

#[job(backoff(base = "1ms", max = "1ms"), max_attempts = 2)]
async fn rolls_back_steps(job: &Job<Database>, diary: &Diary) -> Result<(), Trouble> {
    job.write("fails", async |tx| -> Result<(), Trouble> {
        diary.note("fails");
        insert(&mut *tx, i64::from(job.attempt())).await?;
        Err(Trouble::Refused)
    })
    .await
}

#[tokio::test]
async fn a_step_that_fails_leaves_nothing_and_is_done_again() {
    let fresh = open().await;
    let diary = std::sync::Arc::new(Diary::default());
    let working = workers(&fresh, ["rolls_back_steps"]).shared_state(std::sync::Arc::clone(&diary));
    let working = working.start().await.unwrap();
    let id = rolls_back_steps::enqueue(&fresh.db).await.unwrap().id;
    let job = becomes(&fresh, id, JobState::Discarded).await;
    assert_eq!(diary.lines(), ["fails", "fails"]);
    assert!(stored(&fresh).await.is_empty());
    assert!(job.steps.is_empty());
    stop(working).await;
}

#[job(backoff(base = "1ms", max = "1ms"), max_attempts = 2)]
async fn changes_its_type(job: &Job<Database>) -> Result<(), Trouble> {
    if job.attempt() == 1 {
        let text = job.call("changed", async |_| -> Result<String, Trouble> {
            Ok("text".to_owned())
        });
        text.await?;
        return Err(Trouble::NotNow);
    }
    let number = job.call("changed", async |_| -> Result<i64, Trouble> { Ok(1) });
    number.await.map(drop)
}

#[tokio::test]
async fn a_stored_result_of_another_type_is_an_error_that_says_what_to_do() {
    let fresh = open().await;
    let working = workers(&fresh, ["changes_its_type"]).start().await.unwrap();
    let id = changes_its_type::enqueue(&fresh.db).await.unwrap().id;
    let job = waits_for("the end", &fresh, id, |job| job.state.is_final()).await;
    assert_eq!(job.state, JobState::Cancelled);
    let said = &job.errors[1].error;
    for part in ["step `changed`", "job `changes_its_type`", "another name"] {
        assert!(said.contains(part), "{said}");
    }
    stop(working).await;
}

#[job(max_attempts = 1)]
async fn has_bad_names(job: &Job<Database>, diary: &Diary) -> Result<(), Trouble> {
    for name in ["a\"b", "a\\b", "", "\0"] {
        let step = job.call(name, async |_| -> Result<(), dbop::Error> { Ok(()) });
        let error = step.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        diary.note(error.to_string());
    }
    Ok(())
}

#[tokio::test]
async fn a_step_whose_name_has_a_quote_is_an_error_that_names_the_step() {
    let fresh = open().await;
    let diary = std::sync::Arc::new(Diary::default());
    let working = workers(&fresh, ["has_bad_names"]).shared_state(std::sync::Arc::clone(&diary));
    let working = working.start().await.unwrap();
    let id = has_bad_names::enqueue(&fresh.db).await.unwrap().id;
    let job = waits_for("the end", &fresh, id, |job| job.state.is_final()).await;
    assert_eq!(job.state, JobState::Completed, "{:?}", job.errors);
    assert!(diary.lines()[0].contains("`a\"b` cannot be the name of a step"));
    assert!(job.steps.is_empty());
    stop(working).await;
}

#[job(max_attempts = 1)]
async fn is_cancelled_in_a_step(
    job: &Job<Database>,
    gate: &Gate,
    diary: &Diary,
) -> Result<(), Trouble> {
    // On SQLite, nobody could write a cancellation down while a step writes.
    let read = job.read("read", async |tx| -> Result<(), Trouble> {
        notes(&mut *tx).await?;
        diary.note("begun");
        gate.pass().await;
        diary.note("went on");
        Ok(())
    });
    let error = read.await.unwrap_err();
    diary.note(format!("{:?} {}", error.kind(), job.is_cancelled()));
    let next = job.call("next", async |_| -> Result<(), dbop::Error> { Ok(()) });
    diary.note(format!("{:?}", next.await.unwrap_err().kind()));
    Err(error)
}

#[tokio::test]
async fn a_cancelled_job_stops_at_the_next_await_of_its_step_and_begins_no_other() {
    let fresh = open().await;
    let diary = std::sync::Arc::new(Diary::default());
    let gate = std::sync::Arc::new(Gate::default());
    let working = workers(&fresh, ["is_cancelled_in_a_step"])
        .shared_state(std::sync::Arc::clone(&diary))
        .shared_state(std::sync::Arc::clone(&gate))
        .start()
        .await
        .unwrap();
    let id = is_cancelled_in_a_step::enqueue(&fresh.db).await.unwrap().id;
    gate.arrival().await;
    let filter = dbop::jobs::JobFilter::new().ids([id]);
    assert_eq!(fresh.jobs().cancel(&filter).await.unwrap(), 1);
    let job = becomes(&fresh, id, JobState::Cancelled).await;
    assert_eq!(diary.lines(), ["begun", "Interrupted true", "Interrupted"]);
    assert!(job.steps.is_empty());
    stop(working).await;
}

#[job(max_attempts = 1)]
async fn calls_beside_others(job: &Job<Database>, gate: &Gate) -> Result<i64, Trouble> {
    let call = job.call("call", async |_| -> Result<i64, Trouble> {
        gate.pass().await;
        Ok(7)
    });
    let seven = call.await?;
    let write = job.write("write", async |tx| -> Result<(), Trouble> {
        Ok(insert(&mut *tx, seven).await?)
    });
    write.await?;
    Ok(seven)
}

#[tokio::test]
async fn a_call_of_another_service_holds_no_connection() {
    let fresh = open_with(|builder| builder.max_connections(1)).await;
    let gate = std::sync::Arc::new(Gate::default());
    let working =
        workers(&fresh, ["calls_beside_others"]).shared_state(std::sync::Arc::clone(&gate));
    let working = working.start().await.unwrap();
    let jobs = (0..3).map(|_| calls_beside_others::new());
    let jobs = calls_beside_others::enqueue_many(&fresh.db, jobs)
        .await
        .unwrap();
    for _ in 0..3 {
        gate.arrival().await;
    }
    assert_eq!(
        soon("another operation", notes(&fresh.db)).await.unwrap(),
        [0_i64; 0]
    );
    gate.open(1);
    let done = async || {
        let all = dbop::jobs::JobFilter::new().states([JobState::Completed]);
        fresh.jobs().list(&all).await.unwrap().len() == 1
    };
    dbop_tests::eventually("one has ended", done).await;
    assert_eq!(stored(&fresh).await, [7]);
    assert_eq!(jobs.len(), 3);
    gate.open(2);
    stop(working).await;
}
