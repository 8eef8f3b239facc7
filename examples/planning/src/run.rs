//! The main job: a whole cycle, from the first question to the last sample, and a crawl of the site beside
//! it. It can be begun again at any time: what is there already stays, and jobs that are enqueued already
//! are followed.

use dbop::jobs::{JobDatabase, JobInfo, JobState, Watcher};
use dbop::{AnyDb, Tx, transactional};
use futures_util::stream::{SelectAll, StreamExt};
use serde::Deserialize;

use crate::cycles;
use crate::error::{PlanningError, Result};
use crate::planning::{Planned, plan};
use crate::samples::MOST;
use crate::scraping::scrape;
use crate::site::FIRST;

/// What is to be done.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cycle {
    pub cycle: i64,
    /// How many reports are tested.
    pub reports: i64,
    /// How many samples of each attribute are made.
    pub samples: i32,
}

/// How many reports a cycle may have.
pub const MOST_REPORTS: i64 = 1_000;

impl Cycle {
    fn check(self) -> Result<()> {
        if !(1..=MOST_REPORTS).contains(&self.reports) {
            return Err(PlanningError::Reports(MOST_REPORTS));
        }
        if !(0..=MOST).contains(&self.samples) {
            return Err(PlanningError::Samples(MOST));
        }
        Ok(())
    }
}

/// Adds a cycle, and enqueues its jobs with it: all or nothing. Returns the ids of the jobs, those included
/// that were there already.
///
/// # Errors
///
/// Fails if a number is out of range, and as a transaction does.
pub async fn enqueue(db: &AnyDb, cycle: Cycle) -> Result<Vec<i64>> {
    cycle.check()?;
    enqueue_all(db, cycle).await
}

#[transactional(idempotent, name = "run.enqueue", on = [Sqlite, Postgres])]
async fn enqueue_all(tx: &mut Tx<'_, DB>, of: Cycle) -> Result<Vec<i64>> {
    cycles::begin(&mut *tx, of.cycle, of.reports).await?;
    let jobs = (1..=of.reports).map(|report| plan::new(of.cycle, report, of.samples));
    let mut enqueued = plan::enqueue_many(&mut *tx, jobs).await?;
    enqueued.push(scrape::enqueue(&mut *tx, of.cycle, FIRST.to_owned()).await?);
    Ok(enqueued.iter().map(|job| job.id).collect())
}

/// Follows jobs until all of them have ended, those included that they lead to. Tells of each change, and
/// returns the jobs that have not succeeded.
///
/// # Errors
///
/// Fails if the database cannot be asked.
pub async fn follow<DB: JobDatabase>(
    watcher: &Watcher<DB>,
    jobs: &[i64],
    mut tell: impl FnMut(&JobInfo),
) -> Result<Vec<JobInfo>> {
    let mut changes: SelectAll<_> = jobs.iter().map(|id| watcher.watch(*id)).collect();
    let mut failed = Vec::new();
    while let Some(change) = changes.next().await {
        let job = change?;
        tell(&job);
        if !job.state.is_final() {
            continue;
        }
        if job.state != JobState::Completed {
            failed.push(job);
        } else if let Some(samples) = leads_to(&job)? {
            changes.push(watcher.watch(samples));
        }
    }
    Ok(failed)
}

/// Returns the job that a completed one has enqueued.
fn leads_to(job: &JobInfo) -> Result<Option<i64>> {
    if job.kind != "planning.plan" {
        return Ok(None);
    }
    let planned: Option<Planned> = job.output()?;
    Ok(planned.and_then(|planned| planned.samples))
}
