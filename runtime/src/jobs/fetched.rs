//! [`Fetched`]: a job that a worker has fetched.

use std::time::Duration;

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

/// A job that was fetched.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) id: i64,
    pub(super) attempt: i32,
    /// When the job was fetched, in milliseconds since 1970. With the number of the attempt alone, the
    /// attempt after a snooze would have the same name.
    pub(super) since: i64,
    pub(super) max_attempts: i32,
    pub(super) kind: &'static str,
    pub(super) queue: String,
    /// The results of the steps that earlier attempts have finished.
    pub(super) steps: Map<String, Value>,
    /// Whether the job has waited for its turn, as its `rate` says.
    pub(super) has_reserved: bool,
    /// How long after its time the job was fetched.
    pub(super) late: Duration,
    /// What the job says about the job that is to follow if this one is given up.
    pub(super) follow_up: Option<Value>,
    /// Is cancelled when the job is to stop: after its timeout, on request, or with the process.
    pub(super) cancelled: CancellationToken,
}
