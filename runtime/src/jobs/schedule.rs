//! Jobs that are due again and again, as their option `schedule` says.
//!
//! When a job is due next stands in the database. Each process that has the job looks when the time has
//! come, and the first one enqueues the job and sets the next time in one transaction. So a job is enqueued
//! once each time, whichever processes run, and a time that has passed while none ran is made up for
//! once.

use std::time::Duration;

use super::database::JobDatabase;
use super::engine::cron;
use super::engine::time::now_ms;
use super::insert::insert;
use super::options::Cron;
use super::registration::{Due, Registration};
use super::sql::{asked, json};
use crate::call::in_transaction;
use crate::db::Db;
use crate::error::Result;
use crate::op::Op;
use crate::session::Tx;

static PLAN: Op = Op::transaction("dbop.jobs.schedule", file!(), line!());

/// The longest time between two looks.
const LOOK: Duration = Duration::from_secs(30);

/// A kind with a schedule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scheduled {
    kind: &'static str,
    cron: Cron,
    due: fn() -> Due,
}

impl Scheduled {
    /// Returns the schedule of a job, if it has one. Fails if the schedule cannot be read.
    pub(super) fn of(registration: &'static Registration) -> Result<Option<Self>> {
        let (Some(due), Some(cron)) = (registration.scheduled, (registration.options)().schedule)
        else {
            return Ok(None);
        };
        cron::validate(registration.kind, cron)?;
        Ok(Some(Self {
            kind: registration.kind,
            cron,
            due,
        }))
    }
}

/// Enqueues what is due, for as long as the future is polled.
pub(super) async fn run<DB: JobDatabase>(db: &Db<DB>, all: &[Scheduled]) {
    if all.is_empty() {
        std::future::pending::<()>().await;
    }
    loop {
        let mut next = LOOK;
        for scheduled in all {
            match look(db, *scheduled).await {
                Ok(wait) => next = next.min(wait),
                Err(error) => tracing::error!(
                    job.kind = scheduled.kind,
                    error.message = %error,
                    "a scheduled job could not be enqueued, and is tried again"
                ),
            }
        }
        tokio::time::sleep(next).await;
    }
}

/// Enqueues a job if it is due. Returns the time until it is due next.
async fn look<DB: JobDatabase>(db: &Db<DB>, scheduled: Scheduled) -> Result<Duration> {
    in_transaction(db, &PLAN, async |tx| look_in(tx, scheduled).await).await
}

async fn look_in<DB: JobDatabase>(tx: &mut Tx<'_, DB>, scheduled: Scheduled) -> Result<Duration> {
    let sql = DB::JOB_SQL;
    let Scheduled { kind, cron, due } = scheduled;
    let text = format!("{} {}", cron.fields, cron.time_zone.unwrap_or("UTC"));
    let now = now_ms();
    let row = asked(tx.view.reborrow(), sql.due_at, &[kind, &text]).await?;
    let due_at: i64 = match json::<DB, Option<i64>>(row)? {
        Some(due_at) => due_at,
        None => {
            let first = cron::next_after(kind, cron, now)?;
            let plan = [kind, &*text, &*first.to_string()];
            asked(tx.view.reborrow(), sql.plan_first, &plan).await?;
            first
        }
    };
    if due_at > now {
        return Ok(until(due_at, now));
    }
    let next = cron::next_after(kind, cron, now)?;
    let plan = [kind, &*text, &*due_at.to_string(), &*next.to_string()];
    if asked(tx.view.reborrow(), sql.plan_next, &plan)
        .await?
        .is_some()
    {
        insert(tx, &[(due().prepare)()?]).await?;
    }
    Ok(until(next, now))
}

fn until(due: i64, now: i64) -> Duration {
    Duration::from_millis(u64::try_from(due - now).unwrap_or(0).max(1))
}
