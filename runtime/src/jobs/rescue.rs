//! What becomes of a job whose worker has died, and of one that is given up.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::database::JobDatabase;
use super::engine::prepared::Prepared;
use super::engine::time::now_text;
use super::fetched::Fetched;
use super::info::JobState;
use super::insert::{insert, notify};
use super::kind::Discarded;
use super::shared::Shared;
use super::sql::{asked, json};
use super::watch::ring_after_commit;
use crate::call::in_transaction;
use crate::db::Db;
use crate::error::Result;
use crate::op::Op;
use crate::session::Tx;

static GIVE_UP: Op = Op::transaction("dbop.jobs.give_up", file!(), line!());
static RESCUE: Op = Op::transaction("dbop.jobs.rescue", file!(), line!()).idempotent();

/// The longest wait of a job that has cost several workers their lives.
const LONGEST: f64 = 7.0 * 24.0 * 60.0 * 60.0;

/// A running job whose worker is dead, as the database tells it.
#[derive(Debug, Deserialize)]
struct Stuck {
    id: i64,
    kind: String,
    queue: String,
    attempt: i32,
    max_attempts: i32,
    worker: String,
    cancelled: bool,
    follow_up: Option<Value>,
}

/// How a job is moved out of `running`.
#[derive(Debug, Serialize)]
pub(super) struct Finished {
    pub(super) id: i64,
    pub(super) attempt: i32,
    pub(super) worker: String,
    pub(super) state: JobState,
    /// Whether the attempt counts.
    pub(super) keeps_attempt: bool,
    /// The seconds until the job is due. `None` leaves the time as it is.
    pub(super) wait: Option<f64>,
    pub(super) error: Option<AttemptError>,
    pub(super) rescued: bool,
    /// Whether the job has had its turn, as its `rate` says.
    pub(super) reserved: bool,
}

/// An error as River keeps it in a job.
#[derive(Debug, Serialize)]
pub(super) struct AttemptError {
    at: String,
    attempt: i32,
    error: String,
    trace: &'static str,
}

impl AttemptError {
    fn now(attempt: i32, error: String) -> Self {
        Self {
            at: now_text(),
            attempt,
            error,
            trace: "",
        }
    }
}

/// Tells whose jobs are to be rescued.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose<'a> {
    /// Those of a worker that was last heard of at this time.
    Of { worker: &'a str, heard_of: &'a str },
    /// Those of workers that nobody knows: fetched so long ago by a worker of dbop's, or by another
    /// client of River's.
    Unknown { ours: Duration, others: Duration },
}

/// Rescues jobs, and returns how many. A worker that has been heard of meanwhile keeps its jobs.
pub(super) async fn rescue<DB: JobDatabase>(db: &Db<DB>, whose: Whose<'_>) -> Result<usize> {
    in_transaction(db, &RESCUE, async |tx| rescue_in(tx, whose).await).await
}

async fn rescue_in<DB: JobDatabase>(tx: &mut Tx<'_, DB>, whose: Whose<'_>) -> Result<usize> {
    let sql = DB::JOB_SQL;
    let stuck = match whose {
        Whose::Of { worker, heard_of } => {
            let buried = asked(tx.view.reborrow(), sql.bury, &[worker, heard_of]).await?;
            if buried.is_none() {
                return Ok(0);
            }
            asked(tx.view.reborrow(), sql.running_of, &[worker]).await?
        }
        Whose::Unknown { ours, others } => {
            let ages = [ours, others].map(|age| age.as_secs_f64().to_string());
            asked(tx.view.reborrow(), sql.orphans, &[&ages[0], &ages[1]]).await?
        }
    };
    let stuck: Vec<Stuck> = json::<DB, _>(stuck)?;
    if stuck.is_empty() {
        return Ok(0);
    }
    let finished: Vec<_> = stuck.iter().map(Stuck::rescued).collect();
    finish(tx, &finished).await?;
    let mut queues = Vec::new();
    for (stuck, finished) in stuck.iter().zip(&finished) {
        tracing::warn!(
            job.id = stuck.id,
            job.kind = stuck.kind,
            job.attempt = stuck.attempt,
            job.worker = stuck.worker,
            job.state = ?finished.state,
            "the worker of a job has died, and the job was rescued"
        );
        match finished.state {
            JobState::Available => queues.push(stuck.queue.as_str()),
            JobState::Discarded => follow(tx, stuck.follow_up.as_ref(), stuck.told()).await?,
            _ => {}
        }
    }
    notify(tx, queues).await?;
    Ok(stuck.len())
}

impl Stuck {
    const ERROR: &'static str = "the worker of the job has died, or was stopped for so long that it was \
                                 taken for dead";

    /// What becomes of the job. The first time, another worker may fetch it at once. After that it may
    /// be the job that kills its workers, and waits longer each time.
    fn rescued(&self) -> Finished {
        let (state, wait) = match self.attempt {
            _ if self.cancelled => (JobState::Cancelled, None),
            attempt if attempt >= self.max_attempts => (JobState::Discarded, None),
            attempt if attempt <= 1 => (JobState::Available, Some(0.0)),
            attempt => {
                let wait = f64::from(attempt - 1).powi(4).min(LONGEST);
                (JobState::Retryable, Some(wait))
            }
        };
        Finished {
            id: self.id,
            attempt: self.attempt,
            worker: self.worker.clone(),
            state,
            keeps_attempt: true,
            wait,
            error: Some(AttemptError::now(self.attempt, Self::ERROR.to_owned())),
            rescued: true,
            reserved: false,
        }
    }

    fn told(&self) -> Discarded {
        Discarded {
            id: self.id,
            kind: self.kind.clone(),
            error: Self::ERROR.to_owned(),
        }
    }
}

/// The state in which a job is given up.
#[derive(Clone, Copy, Debug)]
pub(super) enum Following {
    Discarded,
    Cancelled,
}

/// Gives a job up, and enqueues the job that is to follow, both or neither. Does nothing if another
/// worker has the job by now.
pub(super) async fn give_up<DB: JobDatabase>(
    shared: &Shared<DB>,
    fetched: &Fetched,
    as_what: Following,
    error: &str,
) -> Result<()> {
    let give_up = in_transaction(&shared.db, &GIVE_UP, async |tx| {
        give_up_in(tx, shared, fetched, as_what, error).await
    });
    give_up.await
}

async fn give_up_in<DB: JobDatabase>(
    tx: &mut Tx<'_, DB>,
    shared: &Shared<DB>,
    fetched: &Fetched,
    as_what: Following,
    error: &str,
) -> Result<()> {
    let finished = Finished {
        id: fetched.id,
        attempt: fetched.attempt,
        worker: shared.id.clone(),
        state: match as_what {
            Following::Discarded => JobState::Discarded,
            Following::Cancelled => JobState::Cancelled,
        },
        keeps_attempt: true,
        wait: None,
        error: Some(AttemptError::now(fetched.attempt, error.to_owned())),
        rescued: false,
        reserved: false,
    };
    if !finish(tx, &[finished]).await? {
        return Ok(());
    }
    let told = Discarded {
        id: fetched.id,
        kind: fetched.kind.to_owned(),
        error: error.to_owned(),
    };
    follow(tx, fetched.follow_up.as_ref(), told).await
}

/// Moves jobs out of `running`. Returns whether any of them was still running the attempt.
pub(super) async fn finish<DB: JobDatabase>(
    tx: &mut Tx<'_, DB>,
    finished: &[Finished],
) -> Result<bool> {
    let told = serde_json::to_string(finished).expect("texts and numbers are JSON");
    let moved = asked(tx.view.reborrow(), DB::JOB_SQL.finish, &[&told]).await?;
    let moved: Vec<i64> = json::<DB, _>(moved)?;
    for job in &moved {
        ring_after_commit(tx, *job);
    }
    Ok(!moved.is_empty())
}

/// Enqueues the job that is to follow another.
async fn follow<DB: JobDatabase>(
    tx: &mut Tx<'_, DB>,
    follow_up: Option<&Value>,
    discarded: Discarded,
) -> Result<()> {
    if let Some(follow_up) = follow_up {
        insert(tx, &[Prepared::following(follow_up, &discarded)?]).await?;
    }
    Ok(())
}
