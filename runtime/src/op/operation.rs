//! [`Op`]: what an attribute wrote down about one function, fixed at compile time.

use std::time::Duration;

use tokio::sync::Semaphore;

use super::metrics::Counters;
use crate::isolation::Isolation;
use crate::policy::Policy;
use crate::rt::FOREVER;

/// One annotated function: its name, place and options, and what its calls have counted.
///
/// Generated code keeps one in a `static`, so a call passes a pointer and copies nothing.
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
    /// The body gets the driver's connection itself.
    pub(crate) lends_connection: bool,
    pub(crate) isolation: Option<Isolation>,
    pub(crate) retry: Retries,
    pub(crate) timeout: Option<Duration>,
    pub(crate) limit: Option<Limit>,
    pub(crate) counters: Counters,
}

/// What the option `max_concurrency` says.
#[derive(Debug)]
pub(crate) struct Limit {
    pub(crate) places: Semaphore,
    /// For a place until the deadline; otherwise a call that finds none is refused.
    pub(crate) wait: bool,
}

/// What the option `retry` says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Retries {
    Default,
    Never,
    Custom(Policy),
}

impl Op {
    /// A function under `#[db_op]`.
    #[must_use]
    pub const fn operation(name: &'static str, file: &'static str, line: u32) -> Self {
        Self::new(name, file, line, false)
    }

    /// A function under `#[transactional]`.
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

    /// `read_only`
    #[must_use]
    pub const fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// `idempotent`
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// `nested`
    #[must_use]
    pub const fn nested(mut self) -> Self {
        self.nested = true;
        self
    }

    /// `once = ..`
    #[must_use]
    pub const fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// `deferrable`
    #[must_use]
    pub const fn deferrable(mut self) -> Self {
        self.deferrable = true;
        self
    }

    /// The session parameter is, or may be, the driver's connection.
    #[must_use]
    pub const fn lends_connection(mut self) -> Self {
        self.lends_connection = true;
        self
    }

    /// `isolation = ..`
    #[must_use]
    pub const fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = Some(isolation);
        self
    }

    /// `retry = never`
    #[must_use]
    pub const fn retry_never(mut self) -> Self {
        self.retry = Retries::Never;
        self
    }

    /// `retry(attempts = .., base = "..", cap = "..")`
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

    /// `timeout = ".."`
    #[must_use]
    pub const fn timeout_ms(mut self, ms: u64) -> Self {
        self.timeout = Some(Duration::from_millis(ms));
        self
    }

    /// `timeout = none`: a call of its own has no deadline, and a joined call has that of the call it
    /// joins.
    #[must_use]
    pub const fn timeout_none(mut self) -> Self {
        self.timeout = Some(FOREVER);
        self
    }

    /// `max_concurrency = ..`
    #[must_use]
    pub const fn max_concurrency(mut self, calls: usize, wait: bool) -> Self {
        self.limit = Some(Limit {
            places: Semaphore::const_new(calls),
            wait,
        });
        self
    }

    /// Whether statements can be read before they are sent, so that those that provably read need no
    /// guard of their own.
    pub(crate) const fn guards_late(&self) -> bool {
        self.read_only && !self.lends_connection
    }

    /// Whether the body may run a second time even if its first run may have been applied.
    pub(crate) const fn repeatable(&self) -> bool {
        self.read_only || self.idempotent || self.once
    }

    /// Whether it is a savepoint when it joins a transaction: also so that a marker and what it
    /// stands for go together.
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
