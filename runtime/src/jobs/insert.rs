//! Enqueueing: the rows of new jobs, written in the transaction of the caller.
//!
//! River's own `insert` takes a `sqlx::Transaction`, which a [`Tx`] is not, so the rows are written by
//! statements of dbop's own. A test compares the rows with those that River writes, for every option.

use std::collections::HashMap;

use super::database::JobDatabase;
use super::engine::prepared::Prepared;
use super::enqueued::Enqueued;
use super::sql::asked;
use crate::call::Call;
use crate::error::Result;
use crate::op::Op;
use crate::scope::{AnyScope, Scope};
use crate::session::Tx;

static ENQUEUE: Op = Op::transaction("dbop.jobs.enqueue", file!(), line!());

/// Enqueues jobs, in the transaction of the scope or in one of their own.
pub(super) async fn enqueue_on<DB: JobDatabase>(
    scope: impl Scope<DB>,
    jobs: Vec<Prepared>,
) -> Result<Vec<Enqueued>> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    run(Call::<_, DB, _>::transaction(&ENQUEUE, scope), &jobs).await
}

/// Enqueues jobs on whichever database the scope is for.
pub(super) async fn enqueue_on_either(
    scope: impl AnyScope,
    jobs: Vec<Prepared>,
) -> Result<Vec<Enqueued>> {
    use crate::backend::KnownDatabase;
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    match scope.database() {
        #[cfg(feature = "sqlite")]
        KnownDatabase::Sqlite => {
            let call = Call::<_, sqlx::Sqlite, _>::any_transaction(&ENQUEUE, scope);
            run(call, &jobs).await
        }
        #[cfg(feature = "postgres")]
        KnownDatabase::Postgres => {
            let call = Call::<_, sqlx::Postgres, _>::any_transaction(&ENQUEUE, scope);
            run(call, &jobs).await
        }
    }
}

async fn run<S, DB: JobDatabase>(
    mut call: Call<S, DB, Result<Vec<Enqueued>>>,
    jobs: &[Prepared],
) -> Result<Vec<Enqueued>> {
    while let Some(mut attempt) = call.begin().await {
        let runs = attempt.body();
        let mut tx = attempt.tx();
        let ran = runs.run(insert(&mut tx, jobs)).await;
        attempt.end(ran).await;
    }
    call.finish()
}

/// Writes the rows, and tells the workers of their queues.
pub(super) async fn insert<DB: JobDatabase>(
    tx: &mut Tx<'_, DB>,
    jobs: &[Prepared],
) -> Result<Vec<Enqueued>> {
    // Of several jobs of one statement that are the same, the first is enqueued.
    let mut firsts = HashMap::new();
    let mut written = Vec::with_capacity(jobs.len());
    let positions: Vec<(usize, bool)> = jobs
        .iter()
        .map(|job| match job.unique_key.as_deref() {
            Some(key) if job.is_covered() => {
                let next = written.len();
                let first = *firsts.entry(key).or_insert(next);
                if first == next {
                    written.push(job);
                }
                (first, first != next)
            }
            _ => {
                written.push(job);
                (written.len() - 1, false)
            }
        })
        .collect();
    let enqueued = DB::insert(tx, &written).await?;
    let available = written.iter().filter(|job| job.is_available());
    notify(tx, available.map(|job| job.queue()).collect()).await?;
    let of = |&(position, repeated): &(usize, bool)| {
        let Enqueued { id, duplicate } = enqueued[position];
        let duplicate = duplicate || repeated;
        Enqueued { id, duplicate }
    };
    Ok(positions.iter().map(of).collect())
}

/// Tells the workers of these queues that there are jobs.
pub(super) async fn notify<DB: JobDatabase>(
    tx: &mut Tx<'_, DB>,
    mut queues: Vec<&str>,
) -> Result<()> {
    queues.sort_unstable();
    queues.dedup();
    if !queues.is_empty() {
        let queues = serde_json::to_string(&queues).expect("texts are JSON");
        asked(tx.view.reborrow(), DB::JOB_SQL.notify, &[&queues]).await?;
    }
    Ok(())
}
