//! [`Op`]: what an attribute has recorded about one function, at compile time.

use std::time::Duration;

use tokio::sync::Semaphore;

use super::metrics::Counters;
use crate::isolation::Isolation;
use crate::policy::Policy;
use crate::rt::FOREVER;

/// An annotated function: its name, its place in the source, its options, and the counts of its
/// calls.
///
/// Generated code keeps an `Op` in a `static`, so that a call passes a pointer and copies nothing.
#[derive(Debug)]
pub struct Op {
    pub(crate) name: &'static str,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    pub(crate) transaction: bool,
    pub(crate) read_only: bool,
    pub(crate) idempotent: bool,
    pub(crate) nested: bool,
    pub(crate) once: bool,
    pub(crate) deferrable: bool,
    /// Whether the body gets the driver's connection itself.
    pub(crate) lends_connection: bool,
    pub(crate) isolation: Option<Isolation>,
    pub(crate) retry: Retries,
    pub(crate) timeout: Option<Duration>,
    pub(crate) limit: Option<Limit>,
    pub(crate) counters: Counters,
}

/// The value of the option `max_concurrency`.
#[derive(Debug)]
pub(crate) struct Limit {
    pub(crate) places: Semaphore,
    /// Whether a call waits for a place until its deadline. If not, a call that finds no place is
    /// refused.
    pub(crate) wait: bool,
}

/// The value of the option `retry`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Retries {
    Default,
    Never,
    Custom(Policy),
}

impl Op {
    /// Describes a function under `#[db_op]`.
    #[must_use]
    pub const fn operation(name: &'static str, file: &'static str, line: u32) -> Self {
        Self::new(name, file, line, false)
    }

    /// Describes a function under `#[transactional]`.
    #[must_use]
    pub const fn transaction(name: &'static str, file: &'static str, line: u32) -> Self {
        Self::new(name, file, line, true)
    }

    const fn new(name: &'static str, file: &'static str, line: u32, transaction: bool) -> Self {
        Self {
            name,
            file,
            line,
            transaction,
            read_only: false,
            idempotent: false,
            nested: false,
            once: false,
            deferrable: false,
            lends_connection: false,
            isolation: None,
            retry: Retries::Default,
            timeout: None,
            limit: None,
            counters: Counters::new(),
        }
    }

    /// Sets the option `read_only`.
    #[must_use]
    pub const fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Sets the option `idempotent`.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Sets the option `nested`.
    #[must_use]
    pub const fn nested(mut self) -> Self {
        self.nested = true;
        self
    }

    /// Sets the option `once = ..`.
    #[must_use]
    pub const fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// Sets the option `deferrable`.
    #[must_use]
    pub const fn deferrable(mut self) -> Self {
        self.deferrable = true;
        self
    }

    /// Notes that the session parameter is, or may be, the driver's connection.
    #[must_use]
    pub const fn lends_connection(mut self) -> Self {
        self.lends_connection = true;
        self
    }

    /// Sets the option `isolation = ..`.
    #[must_use]
    pub const fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = Some(isolation);
        self
    }

    /// Sets the option `retry = never`.
    #[must_use]
    pub const fn retry_never(mut self) -> Self {
        self.retry = Retries::Never;
        self
    }

    /// Sets the option `retry(attempts = .., base = "..", cap = "..")`.
    #[must_use]
    pub const fn retry(mut self, attempts: u32, base_ms: u64, cap_ms: u64) -> Self {
        self.retry = Retries::Custom(Policy {
            attempts,
            outage_attempts: attempts,
            base: Duration::from_millis(base_ms),
            cap: Duration::from_millis(cap_ms),
        });
        self
    }

    /// Sets the option `timeout = ".."`.
    #[must_use]
    pub const fn timeout_ms(mut self, ms: u64) -> Self {
        self.timeout = Some(Duration::from_millis(ms));
        self
    }

    /// Sets the option `timeout = none`. An outermost call then has no deadline, and a joined call
    /// has the deadline of the call it joins.
    #[must_use]
    pub const fn timeout_none(mut self) -> Self {
        self.timeout = Some(FOREVER);
        self
    }

    /// Sets the option `max_concurrency = ..`.
    #[must_use]
    pub const fn max_concurrency(mut self, calls: usize, wait: bool) -> Self {
        self.limit = Some(Limit {
            places: Semaphore::const_new(calls),
            wait,
        });
        self
    }

    /// Whether dbop can read the statements before they are sent. The session of a read-only call
    /// then needs a guard only before a statement that does not provably read.
    pub(crate) const fn guards_late(&self) -> bool {
        self.read_only && !self.lends_connection
    }

    /// Whether the body may run a second time even if its first run may have been applied.
    pub(crate) const fn repeatable(&self) -> bool {
        self.read_only || self.idempotent || self.once
    }

    /// Whether a call runs in a savepoint when it joins a transaction. This includes `once`
    /// operations, so that a marker and the work it stands for are rolled back together.
    pub(crate) const fn in_savepoint(&self) -> bool {
        self.nested || self.once
    }

    pub(crate) fn policy(&self, default: Policy) -> Policy {
        match self.retry {
            Retries::Default => default,
            Retries::Custom(policy) => policy,
            Retries::Never => Policy {
                attempts: 1,
                outage_attempts: 1,
                ..default
            },
        }
    }
}
