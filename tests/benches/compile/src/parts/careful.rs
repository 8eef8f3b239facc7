
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tracing::{Instrument, Span, field};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("account {0} has insufficient funds")]
    InsufficientFunds(i64),
    #[error("{operation} failed after {attempts} attempts")]
    Failed {
        operation: &'static str,
        category: Category,
        attempts: u32,
        source: Box<Error>,
    },
    #[error("no time left")]
    Timeout,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

const TIMEOUT: Duration = Duration::from_secs(30);
const ATTEMPTS: u32 = 5;
const BASE: Duration = Duration::from_millis(10);
const CAP: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    Application,
    /// Another connection holds the lock, which may pass.
    Busy,
    Timeout,
    Other,
}

impl Error {
    pub fn category(&self) -> Category {
        match self {
            Error::InsufficientFunds(_) => Category::Application,
            Error::Failed { category, .. } => *category,
            Error::Timeout | Error::Database(sqlx::Error::PoolTimedOut) => Category::Timeout,
            Error::Database(sqlx::Error::Database(error)) => {
                let code = error.code().and_then(|code| code.parse::<i32>().ok());
                match code.map(|code| code & 0xff) {
                    Some(5 | 6) => Category::Busy,
                    _ => Category::Other,
                }
            }
            Error::Database(_) => Category::Other,
        }
    }
}

/// A function and its counts.
pub struct Operation {
    name: &'static str,
    line: u32,
    calls: AtomicU64,
    failures: AtomicU64,
    attempts: AtomicU64,
}

impl Operation {
    pub const fn new(name: &'static str, line: u32) -> Self {
        Self {
            name,
            line,
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            attempts: AtomicU64::new(0),
        }
    }

    fn span(&self) -> Span {
        tracing::info_span!(
            "db_operation",
            otel.name = self.name,
            db.operation.name = self.name,
            code.line.number = self.line,
            error.r#type = field::Empty,
            attempts = field::Empty,
        )
    }
}

macro_rules! operation {
    ($name:literal) => {{
        static OPERATION: Operation = Operation::new($name, line!());
        &OPERATION
    }};
}

/// A call with its attempts.
struct Call {
    operation: &'static Operation,
    /// Whether a repeated attempt does no harm.
    repeats: bool,
    deadline: Instant,
    span: Span,
    attempts: u32,
}

impl Call {
    fn new(operation: &'static Operation, repeats: bool) -> Self {
        operation.calls.fetch_add(1, Relaxed);
        Self {
            operation,
            repeats,
            deadline: Instant::now() + TIMEOUT,
            span: operation.span(),
            attempts: 0,
        }
    }

    /// Makes an attempt. Returns what the call returns; `None`, after a wait, if there is to be
    /// another attempt.
    async fn attempt<T>(&mut self, attempt: impl Future<Output = Result<T>>) -> Option<Result<T>> {
        self.attempts += 1;
        self.operation.attempts.fetch_add(1, Relaxed);
        let result = timeout_at(self.deadline, attempt.instrument(self.span.clone())).await;
        let error = match result.unwrap_or(Err(Error::Timeout)) {
            Ok(value) => {
                self.span.record("attempts", self.attempts);
                return Some(Ok(value));
            }
            Err(error) => error,
        };
        let category = error.category();
        let bound = BASE.saturating_mul(1 << (self.attempts - 1)).min(CAP);
        let wait = bound.mul_f64(fastrand::f64());
        if self.repeats
            && category == Category::Busy
            && self.attempts < ATTEMPTS
            && Instant::now() + wait < self.deadline
        {
            tracing::info!(parent: &self.span, self.attempts, ?wait, "attempt failed and is retried");
            sleep(wait).await;
            return None;
        }
        self.operation.failures.fetch_add(1, Relaxed);
        self.span.record("attempts", self.attempts);
        self.span.record("error.type", field::debug(category));
        Some(Err(match error {
            Error::InsufficientFunds(_) => error,
            error => Error::Failed {
                operation: self.operation.name,
                category,
                attempts: self.attempts,
                source: Box::new(error),
            },
        }))
    }
}
