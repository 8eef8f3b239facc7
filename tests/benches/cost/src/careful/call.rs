//! A call: its deadline, its retries, and what is reported and counted of it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{Span, field};

use super::dialect::Dialect;
use super::health::Health;

const TIMEOUT: Duration = Duration::from_secs(30);
const ATTEMPTS: u32 = 5;
const BASE: Duration = Duration::from_millis(10);
const CAP: Duration = Duration::from_secs(1);

/// A function and its counts.
pub(crate) struct Operation {
    name: &'static str,
    system: &'static str,
    line: u32,
    calls: AtomicU64,
    joined: AtomicU64,
    attempts: AtomicU64,
    outcomes: [AtomicU64; 3],
    nanos: AtomicU64,
}

impl Operation {
    pub(crate) const fn new(name: &'static str, system: &'static str, line: u32) -> Self {
        Self {
            name,
            system,
            line,
            calls: AtomicU64::new(0),
            joined: AtomicU64::new(0),
            attempts: AtomicU64::new(0),
            outcomes: [const { AtomicU64::new(0) }; 3],
            nanos: AtomicU64::new(0),
        }
    }

    pub(super) fn span(&self) -> Span {
        tracing::info_span!(
            "db_operation",
            otel.name = self.name,
            otel.kind = "client",
            db.system.name = self.system,
            db.operation.name = self.name,
            code.file.path = file!(),
            code.line.number = self.line,
            error.r#type = field::Empty,
            attempts = field::Empty,
            outcome = field::Empty,
        )
    }

    pub(super) fn count_joined(&self) {
        self.joined.fetch_add(1, Relaxed);
    }
}

macro_rules! operation {
    ($name:literal, $system:expr) => {{
        static OPERATION: $crate::careful::call::Operation =
            $crate::careful::call::Operation::new($name, $system, line!());
        &OPERATION
    }};
}
pub(super) use operation;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    /// Another session is in the way, which may pass.
    Busy,
    /// The connection or its thread is lost.
    Connection,
    Timeout,
    Constraint,
    NoRows,
    /// The answer to COMMIT was lost.
    Ambiguous,
    /// The circuit is open, so the call was refused.
    Refused,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Committed,
    RolledBack,
    Unknown,
}

#[derive(Debug)]
#[expect(dead_code, reason = "what the caller of an application would look at")]
pub(crate) struct Error {
    pub(crate) category: Category,
    pub(crate) outcome: Outcome,
    pub(crate) operation: &'static str,
    pub(crate) attempts: u32,
    pub(crate) source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

pub(super) fn category<DB: Dialect>(error: &sqlx::Error) -> Category {
    match error {
        sqlx::Error::Database(error) => error
            .code()
            .map_or(Category::Other, |code| DB::category(&code)),
        sqlx::Error::PoolTimedOut => Category::Timeout,
        sqlx::Error::RowNotFound => Category::NoRows,
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed | sqlx::Error::PoolClosed => {
            Category::Connection
        }
        _ => Category::Other,
    }
}

/// A call with its attempts. It is counted when this is dropped.
pub(super) struct Call<'h> {
    operation: &'static Operation,
    /// The health of the database; `None` for a call without a database.
    health: Option<&'h Health>,
    started: Instant,
    pub(super) deadline: Instant,
    attempts: u32,
    /// The outcome that is reported if the caller goes away now.
    pub(super) outcome: Outcome,
    pub(super) span: Span,
}

impl<'h> Call<'h> {
    pub(super) fn new(operation: &'static Operation, health: Option<&'h Health>) -> Result<Self> {
        let started = Instant::now();
        let mut call = Self {
            operation,
            health,
            started,
            deadline: started + TIMEOUT,
            attempts: 0,
            outcome: Outcome::RolledBack,
            span: operation.span(),
        };
        match health {
            Some(health) if !health.admit(started) => {
                Err(call.error(Category::Refused, Outcome::RolledBack, None))
            }
            _ => Ok(call),
        }
    }

    /// Begins an attempt. `dropped` is the outcome that is reported if the caller goes away during
    /// it.
    pub(super) fn attempt(&mut self, dropped: Outcome) {
        self.attempts += 1;
        self.outcome = dropped;
    }

    pub(super) fn succeeded(&mut self) {
        self.outcome = Outcome::Committed;
        if let Some(health) = self.health {
            health.worked();
        }
    }

    pub(super) fn error(
        &mut self,
        category: Category,
        outcome: Outcome,
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        self.outcome = outcome;
        self.span.record("error.type", field::debug(category));
        Error {
            category,
            outcome,
            operation: self.operation.name,
            attempts: self.attempts,
            source,
        }
    }

    /// Waits before the next attempt. Returns `false` if there is none.
    pub(super) async fn again(&self, category: Category) -> bool {
        let allowed = match (category, self.health) {
            (Category::Busy, _) => true,
            (Category::Connection, Some(health)) => {
                health.lost_connection();
                health.may_retry()
            }
            _ => false,
        };
        if !allowed || self.attempts >= ATTEMPTS {
            return false;
        }
        let bound = BASE.saturating_mul(1 << (self.attempts - 1)).min(CAP);
        let wait = bound.mul_f64(fastrand::f64());
        if Instant::now() + wait >= self.deadline {
            return false;
        }
        tracing::info!(parent: &self.span, attempts = self.attempts, ?wait, "attempt failed and is retried");
        sleep(wait).await;
        true
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let operation = self.operation;
        self.span.record("attempts", self.attempts);
        self.span.record("outcome", field::debug(self.outcome));
        operation.calls.fetch_add(1, Relaxed);
        operation
            .attempts
            .fetch_add(u64::from(self.attempts), Relaxed);
        operation.outcomes[self.outcome as usize].fetch_add(1, Relaxed);
        let nanos = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        operation.nanos.fetch_add(nanos, Relaxed);
    }
}
