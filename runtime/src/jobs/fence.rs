//! What keeps the former worker of a job from writing: each statement about a job that runs names the
//! attempt and the worker, and changes nothing once another worker has the job.

use serde_json::Value;

use super::job::Job;
use super::schema::JobDatabase;
use super::sql::asked;
use crate::call::Call;
use crate::classify::{Category, Class, ErrorKind, Retry};
use crate::error::{Error, Result};
use crate::op::Op;
use crate::session::Tx;

static ANNOTATE: Op = Op::transaction("dbop.jobs.annotate", file!(), line!()).idempotent();

/// Adds to the metadata of a job, in a transaction of its own.
pub(super) async fn annotate<DB: JobDatabase>(job: &Job<DB>, metadata: &Value) -> Result<()> {
    let metadata = metadata.to_string();
    let mut call = Call::<_, DB, Result<()>>::transaction(&ANNOTATE, job.db());
    while let Some(mut attempt) = call.begin().await {
        let runs = attempt.body();
        let mut tx = attempt.tx();
        let more = [&*metadata];
        let ran = runs
            .run(fenced(&mut tx, job, DB::JOB_SQL.annotate, &more))
            .await;
        attempt.end(ran).await;
    }
    call.finish()
}

/// Stores the result of a step, in the transaction of its effect.
pub(super) async fn store_step<DB: JobDatabase>(
    tx: &mut Tx<'_, DB>,
    job: &Job<DB>,
    step: &str,
    result: &Value,
) -> Result<()> {
    fenced(
        tx,
        job,
        DB::JOB_SQL.store_step,
        &[step, &result.to_string()],
    )
    .await
}

/// Sends a statement that changes the job while this attempt is the one that runs.
async fn fenced<DB: JobDatabase>(
    tx: &mut Tx<'_, DB>,
    job: &Job<DB>,
    sql: &'static str,
    more: &[&str],
) -> Result<()> {
    let (id, attempt) = (job.id().to_string(), job.attempt().to_string());
    let mut arguments = vec![&*id, &attempt, &job.shared().id];
    arguments.extend(more);
    match asked(tx.view.reborrow(), sql, &arguments).await? {
        Some(_) => Ok(()),
        None => Err(taken_over(job)),
    }
}

impl<DB: JobDatabase> Job<DB> {
    /// Completes the job in this transaction: the job is complete if the transaction commits, and runs
    /// on otherwise. So the effect of the transaction and the end of the job are one.
    ///
    /// ```
    /// # use dbop::jobs::Job;
    /// # use dbop::{job, Tx, transactional};
    /// # use sqlx::Sqlite;
    /// #[transactional]
    /// async fn pay(tx: &mut Tx<'_, Sqlite>, job: &Job<Sqlite>, invoice: i64) -> dbop::Result<()> {
    ///     sqlx::query("UPDATE invoices SET paid = 1 WHERE id = ?").bind(invoice).execute(&mut *tx).await?;
    ///     job.complete(&mut *tx).await
    /// }
    ///
    /// #[job]
    /// async fn pay_later(job: &Job<Sqlite>, invoice: i64) -> dbop::Result<()> {
    ///     pay(job.db(), job, invoice).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if another worker has the job by now, or the job was cancelled, and as a statement fails.
    pub async fn complete(&self, tx: &mut Tx<'_, DB>) -> Result<()> {
        fenced(tx, self, DB::JOB_SQL.complete, &["{}"]).await
    }
}

/// The error of a worker that is too late.
fn taken_over<DB: JobDatabase>(job: &Job<DB>) -> Error {
    stopped(format!(
        "the job {} is not this attempt's any more: it was cancelled, deleted or completed, or its worker was \
         taken for dead and another one has it",
        job.id()
    ))
}

/// The error of a job that is to stop.
pub(super) fn stopped(message: String) -> Error {
    let class = Class {
        category: Category::Cancelled,
        kind: ErrorKind::Interrupted,
        retry: Retry::Never,
    };
    Error::new(class, message)
}
