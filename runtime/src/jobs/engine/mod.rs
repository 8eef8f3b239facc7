//! River, the engine: the only part that knows the crate `riverqueue`.
//!
//! River fetches jobs and writes their results, elects a leader that makes scheduled jobs available and
//! deletes old ones, and keeps its tables. It is told to rescue nothing, because it takes a job for lost
//! by how long the job runs: [`liveness`](super::liveness) asks whether the worker is alive.
//!
//! River's resumable steps are not used: they keep the name of the last step and no results, and they
//! write over a `sqlx::Transaction`, which a [`Tx`](crate::Tx) is not.

mod admin;
mod client;
mod cron;
#[cfg(feature = "postgres")]
mod postgres;
mod prepared;
#[cfg(feature = "sqlite")]
mod sqlite;
mod worker;

pub(super) use riverqueue::ClientBuilder;

pub(super) use admin::{cancel, delete, get, list, retry};
pub(super) use client::{Employer, Engine, Queues};
pub(super) use cron::{next_after, now_ms, validate};
pub(super) use prepared::Prepared;
pub(super) use worker::{Hire, hire};

use crate::error::{Error, ErrorKind};

/// Returns River's error as one of dbop's.
fn refused(error: riverqueue::Error) -> Error {
    match error {
        riverqueue::Error::Database(error) => error.into(),
        other => Error::programming(ErrorKind::InvalidArgument, other.to_string()),
    }
}

/// Returns a time as River writes it.
pub(super) fn now_text() -> String {
    riverqueue::jiff::Timestamp::now().to_string()
}
