//! What is told of a handle over HTTP, in JSON. It has names and places of operations, numbers and
//! kinds, and never SQL with values, a message of the database, or a secret.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::look::Look;
use crate::db::AnyDb;
use crate::health::Health;
use crate::monitor::{FailedCall, SessionInfo, Totals};
use crate::op::{OperationMetrics, metrics};

/// The answer of `/monitoring/database`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) health_status: Health,
    pub(super) performance_metrics: Performance,
}

/// Averages over some time.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Performance {
    /// `None` if there was no call.
    average_response_time_ms: Option<f64>,
    average_active_connections: f64,
    average_queries_per_second: f64,
    over_seconds: f64,
}

impl Performance {
    /// Returns the averages over the time between two readings.
    pub(super) fn between(first: &Totals, last: &Totals) -> Self {
        let seconds = last.open_for.saturating_sub(first.open_for).as_secs_f64();
        let calls = last.calls.saturating_sub(first.calls) as f64;
        let statements = last.statements.saturating_sub(first.statements) as f64;
        let call_time = last.call_time.saturating_sub(first.call_time);
        let held_time = last.held_time.saturating_sub(first.held_time);
        let a_second = |count: f64| if seconds > 0.0 { count / seconds } else { 0.0 };
        Self {
            average_response_time_ms: (calls > 0.0).then(|| millis(call_time) / calls),
            average_active_connections: a_second(held_time.as_secs_f64()),
            average_queries_per_second: a_second(statements),
            over_seconds: seconds,
        }
    }
}

/// What was seen at one moment of the last minutes.
#[derive(Debug, Serialize)]
pub(super) struct Point {
    seconds_ago: f64,
    write_in_use: u32,
    read_in_use: Option<u32>,
    waiting: u32,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
}

impl Point {
    pub(super) fn of(look: &Look, seconds_ago: f64) -> Self {
        let (write, read) = (look.pools.write, look.pools.read);
        let of_latency = |pick: fn(&crate::op::Latency) -> Duration| {
            let latency = look.latency.as_ref()?;
            Some(millis(pick(latency)))
        };
        Self {
            seconds_ago,
            write_in_use: write.in_use,
            read_in_use: read.map(|read| read.in_use),
            waiting: write.waiting + read.map_or(0, |read| read.waiting),
            p50_ms: of_latency(|latency| latency.p50),
            p95_ms: of_latency(|latency| latency.p95),
            p99_ms: of_latency(|latency| latency.p99),
        }
    }
}

/// One event for the page.
#[derive(Debug, Serialize)]
pub(super) struct Seen {
    system: &'static str,
    waiting: u32,
    failed: u64,
    leaks: u64,
    health: Health,
    performance: Performance,
    history: Vec<Point>,
    sessions: Vec<Session>,
    operations: Vec<Operation>,
    errors: Vec<Failed>,
    server: Option<Server>,
}

#[derive(Debug, Serialize)]
struct Session {
    operation: &'static str,
    file: &'static str,
    line: u32,
    attempt: u32,
    read_only: bool,
    held_ms: f64,
    state: String,
    state_ms: f64,
}

impl From<SessionInfo> for Session {
    fn from(session: SessionInfo) -> Self {
        Self {
            operation: session.operation,
            file: session.file,
            line: session.line,
            attempt: session.attempt,
            read_only: session.read_only,
            held_ms: millis(session.held_for),
            state: session.state.as_str().replace('_', " "),
            state_ms: millis(session.state_for),
        }
    }
}

#[derive(Debug, Serialize)]
struct Operation {
    name: &'static str,
    file: &'static str,
    line: u32,
    calls: u64,
    joined: u64,
    retries: u64,
    unknown: u64,
    failed: u64,
    rows: u64,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
    max_ms: Option<f64>,
    retries_by_kind: Vec<(&'static str, u64)>,
    failures: Vec<(&'static str, u64)>,
}

impl From<OperationMetrics> for Operation {
    fn from(operation: OperationMetrics) -> Self {
        let latency = operation.latency;
        let taken = |time| (operation.calls > 0).then(|| millis(time));
        Self {
            name: operation.name,
            file: operation.file,
            line: operation.line,
            calls: operation.calls,
            joined: operation.joined,
            retries: operation.retries,
            unknown: operation.unknown,
            failed: operation.failures.iter().map(|(_, count)| count).sum(),
            rows: operation.rows,
            p50_ms: taken(latency.p50),
            p95_ms: taken(latency.p95),
            p99_ms: taken(latency.p99),
            max_ms: taken(latency.max),
            retries_by_kind: named(operation.retries_by_kind, |kind| kind.as_str()),
            failures: named(operation.failures, |category| category.as_str()),
        }
    }
}

fn named<N>(counts: Vec<(N, u64)>, name: fn(&N) -> &'static str) -> Vec<(&'static str, u64)> {
    let counts = counts.iter().map(|(of, count)| (name(of), *count));
    counts.collect()
}

#[derive(Debug, Serialize)]
struct Failed {
    ago_ms: f64,
    operation: &'static str,
    file: &'static str,
    line: u32,
    category: &'static str,
    kind: &'static str,
    status_code: Option<String>,
    outcome: &'static str,
    attempts: u32,
    took_ms: f64,
    message: Option<String>,
}

impl Failed {
    fn of(call: FailedCall, now: SystemTime) -> Self {
        Self {
            ago_ms: millis(now.duration_since(call.at).unwrap_or_default()),
            operation: call.operation,
            file: call.file,
            line: call.line,
            category: call.category.as_str(),
            kind: call.kind.as_str(),
            status_code: call.status_code,
            outcome: call.outcome.as_str(),
            attempts: call.attempts,
            took_ms: millis(call.took),
            message: call.message,
        }
    }
}

/// What a PostgreSQL server knows about itself.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Server {
    /// Why something is missing. `None` if nothing is.
    pub(super) note: Option<String>,
    /// The share of blocks of tables that were found in the server's cache, from 0 to 1.
    pub(super) table_cache_hits: Option<f64>,
    /// The share of blocks of indexes that were found in the server's cache, from 0 to 1.
    pub(super) index_cache_hits: Option<f64>,
    pub(super) locks: Vec<Lock>,
    pub(super) statements: Vec<Statement>,
    pub(super) unused_indexes: Vec<UnusedIndex>,
}

/// A session that waits for a lock of another's.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Lock {
    pub(super) pid: i32,
    pub(super) application: String,
    pub(super) waits_ms: f64,
    /// Without values.
    pub(super) statement: String,
    pub(super) blocked_by: i32,
    pub(super) blocker_application: String,
    pub(super) blocker_state: String,
    /// Without values.
    pub(super) blocker_statement: String,
}

/// A statement that runs, or a transaction that is idle, for long.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Statement {
    pub(super) pid: i32,
    pub(super) application: String,
    pub(super) runs_ms: f64,
    pub(super) state: String,
    /// Without values.
    pub(super) statement: String,
}

/// An index that no query has used since the server's statistics were last reset.
#[derive(Clone, Debug, Serialize)]
pub(super) struct UnusedIndex {
    pub(super) index: String,
    pub(super) table: String,
    pub(super) bytes: i64,
}

impl Seen {
    /// Returns an event of server-sent events.
    pub(super) fn now(
        db: &AnyDb,
        health: Health,
        performance: Performance,
        history: Vec<Point>,
        server: Option<Server>,
    ) -> Self {
        let (pools, totals, now) = (health.pool_statistics, db.totals(), SystemTime::now());
        let errors = db.last_errors().into_iter();
        Self {
            system: db.system(),
            waiting: pools.write.waiting + pools.read.map_or(0, |read| read.waiting),
            failed: totals.failed,
            leaks: totals.leaks,
            health,
            performance,
            history,
            sessions: db.sessions().into_iter().map(Session::from).collect(),
            operations: metrics().into_iter().map(Operation::from).collect(),
            errors: errors.map(|call| Failed::of(call, now)).collect(),
            server,
        }
    }
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1000.0
}
