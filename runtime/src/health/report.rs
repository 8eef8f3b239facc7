//! What a check reports, as JSON where that is asked for.

use std::fmt;

use serde::Serialize;

use crate::pool::Counts;

/// The state of a database and of its handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HealthStatus {
    /// The database answers, and no call has to wait for a connection.
    Healthy,
    /// The database is there, but calls wait or are refused: all connections of a pool are in use, or
    /// the one connection that writes to a SQLite file for longer than a second while others wait, the
    /// circuit breaker is not closed, the server has no connection left, or another process has
    /// locked the SQLite file. A restart of this program helps against none of these.
    Degraded,
    /// The database does not answer within the deadline of the check, cannot be reached, refuses the
    /// credentials, or was removed; or the handle was closed, or is shutting down.
    Unhealthy,
    /// The database could not be asked. It is in memory, which has one connection, and calls have had
    /// that connection for half of the deadline of the check.
    Unknown,
}

impl HealthStatus {
    /// Returns the name used in JSON: `healthy`, `degraded`, `unhealthy` or `unknown`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The state of a database and of its handle, from [`Db::health`](crate::Db::health). It contains no
/// names, addresses or messages of the database.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// The state.
    pub status: HealthStatus,
    /// Why the state is not [`Healthy`](HealthStatus::Healthy): a sentence for each reason.
    pub problems: Vec<String>,
    /// What the database has answered.
    pub connectivity: Connectivity,
    /// The state of the circuit breaker: `closed`, `open`, `half_open`, or `off` if there is none.
    pub circuit_breaker: &'static str,
    /// The connections of the pools.
    pub pool_statistics: PoolStatus,
}

/// What the database has answered on the connection that its handle has for this question.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Connectivity {
    /// Whether the database has answered. `None` if it was not asked.
    pub connected: Option<bool>,
    /// How long the answer took, in milliseconds; where the connection had to be opened first, that
    /// is included. `None` if there was no answer.
    pub response_time_ms: Option<f64>,
    /// How long ago the answer came, in milliseconds. One answer serves everybody who asks within a
    /// second. `None` if there was no answer.
    pub checked_ms_ago: Option<u64>,
    /// The kind of the error, such as `connection`, `timeout` or `authentication`. `None` if there
    /// was none.
    pub error: Option<&'static str>,
}

/// Whether a program can serve requests that need the database, from
/// [`Db::ready`](crate::Db::ready).
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Readiness {
    /// `false` if the state is [`Unhealthy`](HealthStatus::Unhealthy), and `true` otherwise.
    pub ready: bool,
    /// The state.
    pub status: HealthStatus,
    /// Why the state is not [`Healthy`](HealthStatus::Healthy): a sentence for each reason.
    pub problems: Vec<String>,
}

/// The connections of a handle, from [`Db::pool_status`](crate::Db::pool_status).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PoolStatus {
    /// How many connections the pools keep, together: as many as
    /// [`min_connections`](crate::DbBuilder::min_connections) says for each, or all of them if that is
    /// 0.
    pub pool_size: u32,
    /// How many connections are in use, together.
    pub checked_out: u32,
    /// How many connections are open beyond those that are kept, together.
    pub overflow: u32,
    /// The connections of calls that may write, and of all calls if there is no pool for reading.
    pub write: PoolCounts,
    /// The connections of calls that only read. `None` if these use the others.
    pub read: Option<PoolCounts>,
}

/// The connections of one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PoolCounts {
    /// The most that there may be.
    pub max: u32,
    /// How many there are, with those that are being opened.
    pub open: u32,
    /// How many are in use or being opened.
    pub in_use: u32,
    /// How many are not in use.
    pub idle: u32,
    /// How many calls wait for a connection.
    pub waiting: u32,
}

impl PoolStatus {
    pub(super) fn new(write: Counts, read: Option<Counts>) -> Self {
        let both = || std::iter::once(write).chain(read);
        Self {
            pool_size: both().map(|counts| counts.kept).sum(),
            checked_out: both().map(|counts| counts.open - counts.idle).sum(),
            overflow: both()
                .map(|counts| counts.open.saturating_sub(counts.kept))
                .sum(),
            write: write.into(),
            read: read.map(PoolCounts::from),
        }
    }
}

impl From<Counts> for PoolCounts {
    fn from(counts: Counts) -> Self {
        Self {
            max: counts.max,
            open: counts.open,
            in_use: counts.open - counts.idle,
            idle: counts.idle,
            waiting: counts.waiting,
        }
    }
}

impl PoolCounts {
    pub(super) fn is_full(&self) -> bool {
        self.in_use >= self.max
    }
}
