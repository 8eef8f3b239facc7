//! What keeps the former worker of a job from writing: each statement about a job that runs names the
//! attempt and the worker, and changes nothing once another worker has the job.

use serde_json::Value;

use super::database::JobDatabase;
use super::sql::asked;
use super::watch::ring_after_commit;
use crate::call::in_transaction;
use crate::classify::{Category, Class, ErrorKind, Retry};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::op::Op;
use crate::session::Tx;

static ANNOTATE: Op = Op::transaction("dbop.jobs.annotate", file!(), line!()).idempotent();

/// The attempt of a job that a worker has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fence<'a> {
    pub(super) id: i64,
    pub(super) attempt: i32,
    pub(super) worker: &'a str,
    /// When the worker has fetched the job.
    pub(super) since: i64,
}

impl Fence<'_> {
    /// Adds to the metadata of the job, in a transaction of its own.
    pub(super) async fn annotate<DB: JobDatabase>(
        self,
        db: &Db<DB>,
        metadata: &Value,
    ) -> Result<()> {
        let metadata = metadata.to_string();
        let annotate = in_transaction(db, &ANNOTATE, async |tx| {
            self.send(tx, DB::JOB_SQL.annotate, &[&metadata]).await
        });
        annotate.await
    }

    /// Stores the result of a step, in the transaction of its effect.
    pub(super) async fn store_step<DB: JobDatabase>(
        self,
        tx: &mut Tx<'_, DB>,
        step: &str,
        result: &Value,
    ) -> Result<()> {
        self.send(tx, DB::JOB_SQL.store_step, &[step, &result.to_string()])
            .await
    }

    /// Completes the job.
    pub(super) async fn complete<DB: JobDatabase>(self, tx: &mut Tx<'_, DB>) -> Result<()> {
        self.send(tx, DB::JOB_SQL.complete, &["{}"]).await
    }

    /// Whether this attempt has completed the job, as this transaction sees the job.
    pub(super) async fn is_complete<DB: JobDatabase>(self, tx: &mut Tx<'_, DB>) -> Result<bool> {
        let [id, attempt, worker] = self.name();
        let arguments = [&*id, &*attempt, &*worker];
        let row = asked(tx.view.reborrow(), DB::JOB_SQL.is_complete, &arguments).await?;
        Ok(row.is_some())
    }

    /// What the statements name the attempt by.
    pub(super) fn name(self) -> [String; 3] {
        let worker = format!("{}@{}", self.worker, self.since);
        [self.id.to_string(), self.attempt.to_string(), worker]
    }

    /// Sends a statement that changes the job while this attempt is the one that runs.
    async fn send<DB: JobDatabase>(
        self,
        tx: &mut Tx<'_, DB>,
        sql: &'static str,
        more: &[&str],
    ) -> Result<()> {
        let [id, attempt, worker] = self.name();
        let mut arguments = vec![&*id, &*attempt, &*worker];
        arguments.extend(more);
        match asked(tx.view.reborrow(), sql, &arguments).await? {
            Some(_) => {
                ring_after_commit(tx, self.id);
                Ok(())
            }
            None => Err(stopped(format!(
                "the job {id} is not this attempt's any more: it was cancelled, deleted or completed, or its \
                 worker was taken for dead and another one has it"
            ))),
        }
    }
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
