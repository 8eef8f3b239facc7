//! What operations have counted since the process was started, as applications read it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::latency::Latency;
use super::operation::Op;
use crate::error::{Category, ErrorKind};

/// The statistics of one annotated function, over all its calls in this process.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OperationMetrics {
    /// The function's name, or the value of its option `name`.
    pub name: &'static str,
    /// The file the function is in.
    pub file: &'static str,
    /// The line of the function's name, also inside a `macro_rules!`.
    pub line: u32,
    /// The number of calls that have ended. Joined calls are not included.
    pub calls: u64,
    /// The number of calls that joined a transaction or session of their caller.
    pub joined: u64,
    /// The number of attempts of all calls. A call that was refused before its first attempt counts
    /// as one attempt.
    pub attempts: u64,
    /// The number of attempts after the first attempt of a call: `attempts - calls`.
    pub retries: u64,
    /// The number of calls whose effect is in the database.
    pub committed: u64,
    /// The number of calls that left nothing in the database.
    pub rolled_back: u64,
    /// The number of calls whose effect is not known.
    pub unknown: u64,
    /// The time that all calls took together, waiting included. Joined calls are not included.
    pub total_time: Duration,
    /// How long a call took, waiting included. Joined calls are not included.
    pub latency: Latency,
    /// The time for which all calls together have waited for a connection.
    pub waiting_time: Duration,
    /// The time for which the statements of all calls together have run. The statements of a joined
    /// call count for the operation that has sent them.
    pub statement_time: Duration,
    /// The number of statements that bodies have sent. Statements of plain functions, and statements
    /// on the driver's own connection, are not seen.
    pub statements: u64,
    /// The number of rows that statements have returned. A statement that returns none counts with
    /// the rows that it has changed.
    pub rows: u64,
    /// The number of calls that have sent one statement more often than
    /// [`repeated_statement_warning`](crate::DbBuilder::repeated_statement_warning) allows, once for
    /// each of many values. Joined calls are not included.
    pub repeating_calls: u64,
    /// How often an attempt was followed by another, by the kind of the error that the attempt ended
    /// with. Kinds that have not happened are left out.
    pub retries_by_kind: Vec<(ErrorKind, u64)>,
    /// The number of calls that have returned an error, by its category, joined calls included.
    /// Categories that have not happened are left out.
    pub failures: Vec<(Category, u64)>,
}

/// Returns the statistics of every operation that was called at least once, sorted by name.
///
/// ```
/// for operation in dbop::metrics() {
///     println!("{} {} calls", operation.name, operation.calls);
/// }
/// ```
#[must_use]
pub fn metrics() -> Vec<OperationMetrics> {
    let called = CALLED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut all: Vec<_> = called.iter().map(|op| op.counters.read(op)).collect();
    all.sort_by_key(|op| (op.name, op.file, op.line));
    all
}

/// Returns the histogram of how long the calls of all operations took, in microseconds. `None` before
/// the first call.
#[cfg(feature = "http")]
pub(crate) fn latencies() -> Option<histogram::Histogram> {
    let called = CALLED.lock().unwrap_or_else(PoisonError::into_inner);
    let each = called.iter().filter_map(|op| op.counters.histogram());
    each.reduce(|all, one| all.wrapping_add(&one).unwrap_or(all))
}

/// The operations that were called. They register on their first call, so that nobody has to keep a
/// list of them.
static CALLED: Mutex<Vec<&'static Op>> = Mutex::new(Vec::new());

/// Adds an operation that is called for the first time.
pub(super) fn register(op: &'static Op) {
    CALLED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(op);
}
