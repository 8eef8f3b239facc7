//! River, the engine: the only part that knows the crate `riverqueue`.
//!
//! River fetches jobs and writes their results, elects a leader that makes scheduled jobs available and
//! deletes old ones, and keeps its tables. It is told to rescue nothing, because it takes a job for lost
//! by how long the job runs: [`liveness`](super::liveness) asks whether the worker is alive.
//!
//! River's resumable steps are not used: they keep the name of the last step and no results, and they
//! write over a `sqlx::Transaction`, which a [`Tx`](crate::Tx) is not.

pub(super) mod admin;
pub(super) mod client;
pub(super) mod cron;
pub(super) mod json;
#[cfg(feature = "postgres")]
mod postgres;
pub(super) mod prepared;
pub(super) mod refused;
#[cfg(feature = "sqlite")]
mod sqlite;
pub(super) mod time;
pub(super) mod worker;

pub(super) use riverqueue::ClientBuilder;
