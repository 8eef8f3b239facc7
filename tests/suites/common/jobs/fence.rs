//! What keeps the former worker of a job from writing. Another worker is simulated by SQL.

use std::sync::{Arc, Mutex};

use dbop::jobs::{Job, JobFilter};
use dbop::{Tx, job, transactional};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Database as _;

use super::super::notes::{insert, stored};
use super::*;

/// What the former worker tries once another worker has the job.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Tries {
    Completion,
    Error,
    Panic,
    Snooze,
    Cancellation,
    Step,
    StoredCall,
    Progress,
    Complete,
    Chunks,
}

const ALL: [Tries; 10] = [
    Tries::Completion,
    Tries::Error,
    Tries::Panic,
    Tries::Snooze,
    Tries::Cancellation,
    Tries::Step,
    Tries::StoredCall,
    Tries::Progress,
    Tries::Complete,
    Tries::Chunks,
];

#[derive(Debug, Default)]
struct Former {
    gate: Gate,
    errors: Mutex<Vec<String>>,
}

#[transactional]
async fn completes(tx: &mut Tx<'_, Database>, job: &Job<Database>) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    Ok(job.complete(&mut *tx).await?)
}

#[transactional(chunk = 1)]
async fn stores(tx: &mut Tx<'_, Database>, items: &[i64]) -> dbop::Result<()> {
    let insert = dbop::BulkInsert::into("notes").column("id", items);
    insert.execute(&mut *tx).await.map(drop)
}

async fn tries(job: &Job<Database>, former: &Former, what: Tries) -> Result<String, Trouble> {
    if matches!(what, Tries::StoredCall) {
        let call = job.call("call", async |_| -> Result<(), Trouble> {
            former.gate.pass().await;
            Ok(())
        });
        let error = call.await.expect_err("another worker has the job");
        former.errors.lock().unwrap().push(error.to_string());
        return Err(error);
    }
    former.gate.pass().await;
    let tried = match what {
        Tries::Completion | Tries::StoredCall => return Ok("output".to_owned()),
        Tries::Error => return Err(Trouble::Refused),
        Tries::Panic => panic!("too late"),
        Tries::Snooze => {
            job.snooze(Duration::from_secs(60));
            return Ok(String::new());
        }
        Tries::Cancellation => {
            job.cancel();
            return Err(Trouble::Refused);
        }
        Tries::Step => {
            let write = job.write("step", async |tx| -> Result<(), Trouble> {
                Ok(insert(&mut *tx, 1).await?)
            });
            write.await
        }
        Tries::Progress => job.progress(1, 2, "half").await.map_err(Trouble::from),
        Tries::Complete => completes(job.db(), job).await,
        Tries::Chunks => match stores(job.chunks("step"), &[1]).await {
            Ok(_) => Ok(()),
            Err(failed) => Err(failed.error.into()),
        },
    };
    let error = tried.expect_err("another worker has the job");
    former.errors.lock().unwrap().push(error.to_string());
    Err(error)
}

#[job(max_attempts = 3)]
async fn is_taken_over(
    job: &Job<Database>,
    former: &Former,
    what: Tries,
) -> Result<String, Trouble> {
    tries(job, former, what).await
}

/// The attempt of the former worker is the last one, and another job is to follow.
#[job(max_attempts = 1, discarded = never_follows)]
async fn is_taken_over_at_last(
    job: &Job<Database>,
    former: &Former,
    what: Tries,
) -> Result<String, Trouble> {
    tries(job, former, what).await
}

#[job]
async fn never_follows(job: &Job<Database>, discarded: dbop::jobs::Discarded) -> dbop::Result<()> {
    let _ = (job, discarded);
    Ok(())
}

/// Another worker has fetched the job.
const ANOTHER: &str = "{\"other\"}";

async fn take_over(db: &Db<Database>, id: i64, attempt: i64) {
    let sql = match Database::NAME {
        "SQLite" => {
            "UPDATE river_job SET attempt = $2, attempted_by = jsonb('[\"other\"]'),
                attempted_at = datetime('now', 'subsec', '+1 second') WHERE id = $1 AND $3 <> ''"
        }
        _ => {
            "UPDATE river_job SET attempt = $2, attempted_by = $3::text[],
                attempted_at = now() + interval '1 second' WHERE id = $1"
        }
    };
    let taken = sqlx::query(sql).bind(id).bind(attempt).bind(ANOTHER);
    assert_eq!(taken.execute(db.pool()).await.unwrap().rows_affected(), 1);
}

#[tokio::test]
async fn the_former_worker_of_a_job_changes_nothing_whatever_it_tries() {
    let fresh = open().await;
    for what in ALL {
        for (at_last, attempt) in [(false, 2), (true, 2), (false, 1)] {
            let former = Arc::new(Former::default());
            let working = workers(&fresh, ["is_taken_over", "is_taken_over_at_last"]);
            let working = working.shared_state(Arc::clone(&former));
            // The other worker is not in the table, and would be rescued from.
            let working = working.noticed_within(Duration::from_secs(3600));
            let working = working.start().await.unwrap();
            let id = match at_last {
                true => {
                    is_taken_over_at_last::enqueue(&fresh.db, what)
                        .await
                        .unwrap()
                        .id
                }
                false => is_taken_over::enqueue(&fresh.db, what).await.unwrap().id,
            };
            former.gate.arrival().await;
            take_over(&fresh, id, attempt).await;
            let before: Value = row(&fresh, id).await;
            former.gate.open(1);
            stop(working).await;
            assert_eq!(
                row(&fresh, id).await,
                before,
                "{what:?} {at_last} {attempt}"
            );
            let errors = former.errors.lock().unwrap().clone();
            let fails = matches!(
                what,
                Tries::Step | Tries::StoredCall | Tries::Progress | Tries::Complete | Tries::Chunks
            );
            assert_eq!(errors.len(), usize::from(fails), "{what:?}");
            for error in errors {
                assert!(error.contains("is not this attempt's any more"), "{error}");
            }
        }
    }
    assert!(stored(&fresh).await.is_empty());
    let followed = JobFilter::new().kinds(["never_follows"]);
    assert!(fresh.jobs().list(&followed).await.unwrap().is_empty());
}

#[job(max_attempts = 3)]
async fn is_deleted(job: &Job<Database>, former: &Former, what: Tries) -> Result<String, Trouble> {
    tries(job, former, what).await
}

#[tokio::test]
async fn a_job_whose_row_is_gone_ends_without_a_trace() {
    let fresh = open().await;
    for what in ALL {
        let former = Arc::new(Former::default());
        let working = workers(&fresh, ["is_deleted"]).shared_state(Arc::clone(&former));
        let working = working.start().await.unwrap();
        is_deleted::enqueue(&fresh.db, what).await.unwrap();
        former.gate.arrival().await;
        run_sql(&fresh, "DELETE FROM river_job").await;
        former.gate.open(1);
        stop(working).await;
        assert_eq!(count_jobs(&fresh).await, 0, "{what:?}");
    }
    assert!(stored(&fresh).await.is_empty());
}

#[job]
async fn completes_in_a_transaction(job: &Job<Database>, refuse: bool) -> Result<i64, Trouble> {
    completes(job.db(), job).await?;
    match refuse {
        true => Err(Trouble::Refused),
        false => Ok(3),
    }
}

#[tokio::test]
async fn a_job_that_was_completed_in_a_transaction_stays_complete_whatever_its_body_returns() {
    let fresh = open().await;
    let working = workers(&fresh, ["completes_in_a_transaction"])
        .start()
        .await
        .unwrap();
    for refuse in [false, true] {
        let id = completes_in_a_transaction::enqueue(&fresh.db, refuse)
            .await
            .unwrap()
            .id;
        becomes(&fresh, id, JobState::Completed).await;
        run_sql(&fresh, "DELETE FROM notes").await;
    }
    let last = completes_in_a_transaction::enqueue(&fresh.db, true)
        .await
        .unwrap()
        .id;
    becomes(&fresh, last, JobState::Completed).await;
    stop(working).await;
    let job = info(&fresh, last).await;
    assert_eq!((job.state, job.errors.len()), (JobState::Completed, 0));
}
