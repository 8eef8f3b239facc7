//! The metrics: their names, units and descriptions.

use metrics::{Recorder, Unit};

/// The upper bounds of the buckets of dbop's [`HISTOGRAMS`], in seconds.
///
/// OpenTelemetry's conventions name these bounds for `db.client.operation.duration`. They name none
/// for the times of connections, which are told in the buckets of the calls that they are a part of.
pub const BUCKETS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

/// The names of dbop's histograms, all of which are in seconds.
pub const HISTOGRAMS: [&str; 5] = [DURATION, CREATE_TIME, WAIT_TIME, USE_TIME, GUARDED_DURATION];

pub(super) const DURATION: &str = "db.client.operation.duration";
pub(super) const CREATE_TIME: &str = "db.client.connection.create_time";
pub(super) const WAIT_TIME: &str = "db.client.connection.wait_time";
pub(super) const USE_TIME: &str = "db.client.connection.use_time";

pub(super) const COUNT: &str = "db.client.connection.count";
pub(super) const MAX: &str = "db.client.connection.max";
pub(super) const PENDING_REQUESTS: &str = "db.client.connection.pending_requests";

pub(super) const TIMEOUTS: &str = "db.client.connection.timeouts";
pub(super) const OUTCOMES: &str = "dbop.operation.outcomes";
pub(super) const RETRIES: &str = "dbop.operation.retries";
pub(super) const GUARDED_DURATION: &str = "dbop.guarded.duration";
pub(super) const GUARDED_OUTCOMES: &str = "dbop.guarded.outcomes";
pub(super) const GUARDED_RETRIES: &str = "dbop.guarded.retries";
pub(super) const LEAKS: &str = "dbop.connection.leaks";

/// Tells a recorder what the metrics are. A recorder that knows them already keeps what it has.
pub(super) fn describe(recorder: &dyn Recorder) {
    for (name, description) in [
        (DURATION, "Duration of database client operations."),
        (CREATE_TIME, "The time it took to create a new connection."),
        (
            WAIT_TIME,
            "The time it took to obtain an open connection from the pool.",
        ),
        (
            USE_TIME,
            "The time between borrowing a connection and returning it to the pool.",
        ),
        (
            GUARDED_DURATION,
            "Duration of guarded calls of other services.",
        ),
    ] {
        recorder.describe_histogram(name.into(), Some(Unit::Seconds), description.into());
    }
    for (name, description) in [
        (COUNT, "The number of connections in each state."),
        (MAX, "The maximum number of open connections allowed."),
        (
            PENDING_REQUESTS,
            "The number of current pending requests for an open connection.",
        ),
    ] {
        recorder.describe_gauge(name.into(), Some(Unit::Count), description.into());
    }
    for (name, description) in [
        (
            TIMEOUTS,
            "The number of connection timeouts that have occurred trying to obtain a connection \
             from the pool.",
        ),
        (
            OUTCOMES,
            "The number of calls, by what is known of their effect.",
        ),
        (
            RETRIES,
            "The number of attempts that were followed by another, by the kind of their error.",
        ),
        (
            GUARDED_OUTCOMES,
            "The number of guarded calls of other services, by what is known of their effect.",
        ),
        (
            GUARDED_RETRIES,
            "The number of attempts of guarded calls that were followed by another, by the kind of their \
             error.",
        ),
        (
            LEAKS,
            "The number of connections that calls held for longer than the leak threshold.",
        ),
    ] {
        recorder.describe_counter(name.into(), Some(Unit::Count), description.into());
    }
}
