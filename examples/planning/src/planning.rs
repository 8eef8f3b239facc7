//! The planning of a report: read what the report is about, ask the model for attributes, and store them.
//! The model takes seconds, so no connection may wait for its answer.
//!
//! | way | when it is right |
//! |---|---|
//! | all in one `#[transactional]` | never: each call holds a connection while the model thinks, and a pool of ten serves ten callers. It does not compile; `tests/ui/lints/foreign_await/fail/planning.rs` in dbop shows the message. |
//! | [`create_cycle_report_planning`]: three phases | the caller waits, and asks again if the process dies |
//! | [`plan`]: a job with three steps | nobody waits, and nothing is forgotten or asked twice if a process dies |

use dbop::jobs::Job;
use dbop::{AnyDb, Tx, job};
use serde::{Deserialize, Serialize};

use crate::cycles;
use crate::error::Result;
use crate::model::ModelClient;
use crate::samples;

/// Plans a report while the caller waits, and returns how many attributes were stored. The first and the
/// last phase are operations of some milliseconds; no connection is held between them.
///
/// # Errors
///
/// Fails if the cycle has no such report, and if the model does not answer.
pub async fn create_cycle_report_planning(
    db: &AnyDb,
    model: &ModelClient,
    cycle: i64,
    report: i64,
) -> Result<usize> {
    let about = cycles::find(db, cycle, report).await?;
    let key = format!("planning {cycle}/{report}");
    let proposals = model.propose(&about.question(), &key).await?;
    cycles::store(db, cycle, report, &proposals).await
}

/// What [`plan`] has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// How many attributes were stored.
    pub attributes: usize,
    /// The job that makes their samples; `None` if no samples were asked for.
    pub samples: Option<i64>,
}

/// Plans a report, and lets so many samples be made of each attribute.
#[job(
    on = [Sqlite, Postgres],
    name = "planning.plan",
    queue = "planning",
    timeout = "10m",
    backoff(base = "1s", max = "1m"),
    unique(args = [cycle, report])
)]
pub async fn plan(
    job: &Job<DB>,
    model: &ModelClient,
    cycle: i64,
    report: i64,
    samples_each: i32,
) -> Result<Planned> {
    let about = async |tx: &mut Tx<'_, DB>| cycles::find(&mut *tx, cycle, report).await;
    let about = job.read("read", about).await?;

    // Progress is written twice a second at most, so there is none before the step that takes long.
    job.progress(1, 3, format!("asks the model about {}", about.name))
        .await?;
    let question = about.question();
    let ask = async |key: &str| model.propose(&question, key).await;
    let proposals = job.call("call", ask).await?;

    job.progress(2, 3, "stores the attributes").await?;
    let store = async |tx: &mut Tx<'_, DB>| -> Result<Planned> {
        let attributes = cycles::store(&mut *tx, cycle, report, &proposals).await?;
        let samples = match samples_each {
            0 => None,
            each => Some(samples::generate::enqueue(&mut *tx, cycle, report, each).await?),
        };
        Ok(Planned {
            attributes,
            samples: samples.map(|job| job.id),
        })
    };
    let planned = job.write("write", store).await?;
    job.progress(3, 3, "is planned").await?;
    Ok(planned)
}
