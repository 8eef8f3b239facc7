//! [`Ended`]: what becomes of a job, by the result of its body.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::database::JobDatabase;
use super::engine::json::json_value;
use super::job::Job;
use crate::classify::{Category, ErrorKind};
use crate::op::{Cause, DbError};

/// How long a job waits that has found no room, such as a connection or a closed circuit. The attempt
/// does not count.
const NO_ROOM: Duration = Duration::from_secs(10);

/// What becomes of a job whose body has ended.
#[derive(Debug)]
pub struct Ended(pub(super) Verdict);

/// See [`Ended`].
#[derive(Debug)]
pub(super) enum Verdict {
    /// The job is complete, with this output.
    Complete(Option<Value>),
    /// The job runs again after this time, and the attempt does not count.
    Snooze(Duration),
    /// The job runs again, if it has attempts left.
    Retry(String),
    /// The job does not run again.
    Cancel(String),
}

impl Ended {
    /// Judges the result of a body.
    ///
    /// | the result | the job |
    /// |---|---|
    /// | `Ok` | is complete, and keeps the value as its output unless that is `()` |
    /// | `Ok` after [`Job::snooze`] | runs again after that time |
    /// | an error of category `Transient`, or one whose call has a known outcome and may pass | is retried |
    /// | no connection in time, an open circuit, too many calls, a handle that shuts down | is snoozed |
    /// | `Ambiguous` in an operation that is not repeatable | is cancelled |
    /// | any other error of the database | is cancelled, because it would fail in the same way |
    /// | an error of the application | is retried, unless [`Job::cancel`] was called |
    pub fn of<DB: JobDatabase, T: Serialize, E: DbError>(
        job: &Job<DB>,
        result: Result<T, E>,
    ) -> Self {
        let verdict = match result {
            Ok(value) => match (job.asked_to_snooze(), json_value(&value)) {
                (Some(wait), _) => Verdict::Snooze(wait),
                (None, Ok(Value::Null)) => Verdict::Complete(None),
                (None, Ok(output)) if !DB::STORES_NUL && has_nul(&output) => Verdict::Cancel(
                    "its result has the character U+0000, which JSON in PostgreSQL cannot have; return \
                     another value"
                        .to_owned(),
                ),
                (None, Ok(output)) => Verdict::Complete(Some(output)),
                (None, Err(error)) => {
                    Verdict::Cancel(format!("its result cannot be written as JSON: {error}"))
                }
            },
            Err(error) if job.asked_to_cancel() => Verdict::Cancel(error.to_string()),
            Err(error) => after_error(job.repeats_harmlessly(), &error),
        };
        Self(verdict)
    }
}

/// Whether a text in a value has the character U+0000.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

/// Judges an error. `harmless`: the body does no harm if it runs again although its outcome was lost.
fn after_error(harmless: bool, error: &impl DbError) -> Verdict {
    let class = error.class();
    let call = match error.cause() {
        Cause::Dbop(error) => Some(error),
        Cause::Sqlx(error) => crate::error::Error::inside(error),
        _ => None,
    };
    let is_lost = match call {
        Some(call) => call.is_lost(),
        None => class.category == Category::Ambiguous,
    };
    if is_lost && !harmless {
        return Verdict::Cancel(format!(
            "{error} (nobody knows whether this took effect, so the job does not run again: make the \
             operation `once` with the key `job.key(..)`, make it a step by `job.write(..)`, or by \
             `job.call(..)` if it calls another service, or declare the job `idempotent`; `retry` the job if you know that the work is not done)"
        ));
    }
    let has_no_room = matches!(
        class.kind,
        ErrorKind::PoolExhausted
            | ErrorKind::CircuitOpen
            | ErrorKind::TooManyConnections
            | ErrorKind::Overloaded
            | ErrorKind::ShuttingDown
            | ErrorKind::StartingUp
            | ErrorKind::PoolClosed
    );
    match class.category {
        _ if has_no_room => Verdict::Snooze(NO_ROOM.mul_f64(0.5 + fastrand::f64())),
        Category::Transient
        | Category::Ambiguous
        | Category::Application
        | Category::Resource
        | Category::Cancelled
        | Category::Internal => Verdict::Retry(error.to_string()),
        Category::Integrity
        | Category::Query
        | Category::Programming
        | Category::Data
        | Category::Permission => Verdict::Cancel(error.to_string()),
    }
}
