//! Whether a job may run now: how many jobs of a key run at once, and how many begin in a time.
//!
//! A job with a `concurrency` takes a slot before its body runs. If all are taken, the job is put aside in
//! the state `pending`, and the job that gives a slot back makes the next one available. So a thousand
//! jobs that wait for one slot cost nothing meanwhile. A job with a `rate` reserves its turn once, and is
//! snoozed until then.

use std::time::Duration;

use super::database::JobDatabase;
use super::fetched::Fetched;
use super::info::JobState;
use super::insert::notify;
use super::limits::{Concurrency, Rate, counted_as};
use super::rescue::{Finished, finish};
use super::shared::Shared;
use super::sql::{asked, json};
use crate::call::in_transaction;
use crate::db::Db;
use crate::error::Result;
use crate::op::Op;
use crate::session::Tx;

static ADMIT: Op = Op::transaction("dbop.jobs.admit", file!(), line!());
static LEAVE: Op = Op::transaction("dbop.jobs.leave", file!(), line!()).idempotent();
static SWEEP: Op = Op::transaction("dbop.jobs.sweep", file!(), line!()).idempotent();

/// How long after its time a turn still holds, beside the time to the next turn. The leader makes jobs
/// available every five seconds. After an outage, the turns of many jobs have passed, and each needs a
/// new one.
const TURN: Duration = Duration::from_secs(10);

/// Whether a job may run now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Granted,
    /// The job has reserved its turn, which comes after this time.
    NotYet(Duration),
    /// The job waits for a slot, in the state `pending`.
    PutAside,
}

/// Asks whether a job may run now.
pub(super) async fn admit<DB: JobDatabase>(
    shared: &Shared<DB>,
    job: &Fetched,
    concurrency: Option<&Concurrency>,
    rate: Option<Rate>,
) -> Result<Admission> {
    let has_turn = |rate: &Rate| job.has_reserved && job.late <= rate.interval + TURN;
    let rate = rate.filter(|rate| !has_turn(rate));
    if concurrency.is_none() && rate.is_none() {
        return Ok(Admission::Granted);
    }
    let admit = in_transaction(&shared.db, &ADMIT, async |tx| {
        if let Some(rate) = &rate {
            let wait = reserve(tx, job, rate).await?;
            if !wait.is_zero() {
                return Ok(Admission::NotYet(wait));
            }
        }
        match concurrency {
            Some(limit) => take_slot(tx, shared, job, limit).await,
            None => Ok(Admission::Granted),
        }
    });
    admit.await
}

/// Reserves the next turn of a key, and returns how far away it is.
async fn reserve<DB: JobDatabase>(
    tx: &mut Tx<'_, DB>,
    job: &Fetched,
    rate: &Rate,
) -> Result<Duration> {
    let key = counted_as(job.kind, rate.key.as_deref());
    let [interval, burst] = [rate.interval, rate.burst].map(|it| it.as_micros().to_string());
    let row = asked(
        tx.view.reborrow(),
        DB::JOB_SQL.reserve,
        &[&key, &interval, &burst],
    )
    .await?;
    let wait: i64 = json::<DB, _>(row)?;
    Ok(Duration::from_micros(u64::try_from(wait).unwrap_or(0)))
}

async fn take_slot<DB: JobDatabase>(
    tx: &mut Tx<'_, DB>,
    shared: &Shared<DB>,
    job: &Fetched,
    limit: &Concurrency,
) -> Result<Admission> {
    let sql = DB::JOB_SQL;
    let key = counted_as(job.kind, limit.key.as_deref());
    lock_key(tx, &key).await?;
    let slot = [&*job.id.to_string(), &*key, &*limit.limit.to_string()];
    if asked(tx.view.reborrow(), sql.take_slot, &slot)
        .await?
        .is_some()
    {
        return Ok(Admission::Granted);
    }
    let put_aside = Finished {
        id: job.id,
        attempt: job.attempt,
        worker: shared.id.clone(),
        state: JobState::Pending,
        keeps_attempt: false,
        wait: None,
        error: None,
        rescued: false,
        reserved: true,
    };
    // If another worker has the job by now, that one asks for a slot.
    if finish(tx, &[put_aside]).await? {
        asked(tx.view.reborrow(), sql.wait_for_slot, &slot).await?;
    }
    Ok(Admission::PutAside)
}

/// Gives the slot of a job back, and lets the next one run. If that fails, the sweep does so later.
pub(super) async fn leave<DB: JobDatabase>(shared: &Shared<DB>, job: &Fetched) {
    let id = job.id.to_string();
    let leave = in_transaction(&shared.db, &LEAVE, async |tx| {
        let row = asked(tx.view.reborrow(), DB::JOB_SQL.free_slot, &[&id]).await?;
        match row.map(|row| DB::text(&row, 0)).transpose()?.flatten() {
            Some(key) => admit_next(tx, &key).await,
            None => Ok(()),
        }
    });
    if let Err(error) = leave.await {
        tracing::warn!(job.id = job.id, error.message = %error, "the slot of a job is given back later");
    }
}

/// Gives the slots back that belong to jobs which do not run any more, and lets others have them.
pub(super) async fn sweep<DB: JobDatabase>(db: &Db<DB>) -> Result<()> {
    let sweep = in_transaction(db, &SWEEP, async |tx| {
        asked(tx.view.reborrow(), DB::JOB_SQL.sweep_slots, &[]).await?;
        let stalled = asked(tx.view.reborrow(), DB::JOB_SQL.stalled_keys, &[]).await?;
        for key in json::<DB, Vec<String>>(stalled)? {
            admit_next(tx, &key).await?;
        }
        Ok(())
    });
    sweep.await
}

async fn admit_next<DB: JobDatabase>(tx: &mut Tx<'_, DB>, key: &str) -> Result<()> {
    lock_key(tx, key).await?;
    let next = asked(tx.view.reborrow(), DB::JOB_SQL.admit_next, &[key]).await?;
    let queue = next.map(|row| DB::text(&row, 0)).transpose()?.flatten();
    notify(tx, queue.iter().map(String::as_str).collect()).await
}

/// Waits until nobody else counts the jobs of a key, where others can at the same time.
async fn lock_key<DB: JobDatabase>(tx: &mut Tx<'_, DB>, key: &str) -> Result<()> {
    if !DB::JOB_SQL.lock_key.is_empty() {
        asked(tx.view.reborrow(), DB::JOB_SQL.lock_key, &[key]).await?;
    }
    Ok(())
}
