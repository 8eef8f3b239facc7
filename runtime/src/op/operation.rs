//! [`Op`]: what an attribute has recorded about one function, at compile time.

use std::time::Duration;

use tokio::sync::Semaphore;

use super::counters::Counters;
use super::overrides::Override;
use super::retries::{Retries, RetryParts};
use super::retry_policy::RetryPolicy;
use crate::isolation::Isolation;
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
    /// Whether the function returns a stream.
    pub(crate) stream: bool,
    /// Whether the body gets the driver's connection itself.
    pub(crate) lends_connection: bool,
    pub(crate) isolation: Option<Isolation>,
    pub(crate) retry: Retries,
    pub(crate) timeout: Option<Duration>,
    limit: Option<Limit>,
    /// What an attribute has said that is for calls of other services; `None` for an operation on a
    /// database.
    pub(crate) guard: Option<Guard>,
    /// Whether a call may hold its connection for longer than others, as its timeout says.
    pub(crate) holds_long: bool,
    /// The lines of the loops in which the body waits.
    pub(crate) loops: &'static [u32],
    pub(crate) counters: Counters,
}

/// The options that only a function under `#[guarded]` has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    /// The name of the circuit breaker, which other functions may share.
    pub(crate) breaker: Option<&'static str>,
    /// How long one attempt may take. `None` if only the deadline of the call limits the attempt.
    pub(crate) attempt_timeout: Option<Duration>,
}

/// The value of the option `max_concurrency`.
#[derive(Debug)]
pub(crate) struct Limit {
    places: Semaphore,
    /// Whether a call waits for a place until its deadline. If not, a call that finds no place is
    /// refused.
    wait: bool,
}

/// The places of a limited operation, of which each call takes one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    pub(crate) each: &'static Semaphore,
    /// See [`Limit`].
    pub(crate) wait: bool,
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

    /// Describes a function under `#[guarded]`, which is called once unless it has the option `retry(..)`.
    #[must_use]
    pub const fn guarded(name: &'static str, file: &'static str, line: u32) -> Self {
        let mut op = Self::new(name, file, line, false);
        op.guard = Some(Guard {
            breaker: None,
            attempt_timeout: None,
        });
        op.retry = Retries::Never;
        op
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
            stream: false,
            lends_connection: false,
            isolation: None,
            retry: Retries::Default,
            timeout: None,
            limit: None,
            guard: None,
            holds_long: false,
            loops: &[],
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

    /// Notes that the function returns a stream.
    #[must_use]
    pub const fn stream(mut self) -> Self {
        self.stream = true;
        self
    }

    /// Notes that a call may hold its connection for long, so that it is no leak.
    pub(crate) const fn holds_long(mut self) -> Self {
        self.holds_long = true;
        self
    }

    /// Notes the lines of the loops in which the body waits.
    #[must_use]
    pub const fn loops(mut self, lines: &'static [u32]) -> Self {
        self.loops = lines;
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

    /// Sets the option `retry(..)`, none of whose parts is set yet.
    #[must_use]
    pub const fn retry(mut self) -> Self {
        self.retry = Retries::Parts(RetryParts::NONE);
        self
    }

    /// Sets the part `attempts = ..` of the option `retry(..)`, for conflicts and outages alike.
    #[must_use]
    pub const fn retry_attempts(mut self, attempts: u32) -> Self {
        if let Retries::Parts(parts) = &mut self.retry {
            parts.attempts = Some(attempts);
        }
        self
    }

    /// Sets the part `base = ".."` of the option `retry(..)`.
    #[must_use]
    pub const fn retry_base_ms(mut self, ms: u64) -> Self {
        if let Retries::Parts(parts) = &mut self.retry {
            parts.base = Some(Duration::from_millis(ms));
        }
        self
    }

    /// Sets the part `cap = ".."` of the option `retry(..)`.
    #[must_use]
    pub const fn retry_cap_ms(mut self, ms: u64) -> Self {
        if let Retries::Parts(parts) = &mut self.retry {
            parts.cap = Some(Duration::from_millis(ms));
        }
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

    /// Sets the option `breaker = ".."` of `#[guarded]`.
    #[must_use]
    pub const fn breaker(mut self, name: &'static str) -> Self {
        if let Some(guard) = &mut self.guard {
            guard.breaker = Some(name);
        }
        self
    }

    /// Sets the option `attempt_timeout = ".."` of `#[guarded]`.
    #[must_use]
    pub const fn attempt_timeout_ms(mut self, ms: u64) -> Self {
        if let Some(guard) = &mut self.guard {
            guard.attempt_timeout = Some(Duration::from_millis(ms));
        }
        self
    }

    /// Returns the name, where it is one that OpenTelemetry's attribute `db.operation.name` may have.
    pub(crate) const fn name_in_database(&self) -> Option<&'static str> {
        match self.guard {
            None => Some(self.name),
            Some(_) => None,
        }
    }

    /// Returns the name of a function that is no operation on a database.
    pub(crate) const fn name_of_guarded(&self) -> Option<&'static str> {
        match self.guard {
            None => None,
            Some(_) => Some(self.name),
        }
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

    /// How long a call may take: as the environment says, or else the option `timeout`. `None` if
    /// neither says that.
    #[inline]
    pub(crate) fn timeout(&self, own: Option<&Override>) -> Option<Duration> {
        match own {
            None => self.timeout,
            Some(own) => own.timeout.or(self.timeout),
        }
    }

    /// How many calls may run at once: as the environment says, or else the option
    /// `max_concurrency`. `None` if neither says that.
    #[inline]
    pub(crate) fn places(&'static self, own: Option<&Override>) -> Option<Places> {
        let limit = self.limit.as_ref();
        let own = own.and_then(|own| own.places);
        Some(Places {
            each: own.or(limit.map(|limit| &limit.places))?,
            wait: limit.is_none_or(|limit| limit.wait),
        })
    }

    /// How calls are retried: as the environment says, or else the option `retry`, or else
    /// `default`. An operation under `retry = never` stays that way: its attribute has made no code
    /// that could run the body twice.
    #[inline]
    pub(crate) fn policy(&self, own: Option<&Override>, default: RetryPolicy) -> RetryPolicy {
        let policy = self.retry.over(default);
        match own {
            Some(own) if !matches!(self.retry, Retries::Never) => own.retry.over(policy),
            _ => policy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_option_that_names_one_part_of_the_policy_inherits_the_rest() {
        let default = RetryPolicy {
            attempts: 9,
            outage_attempts: 7,
            base: SECOND,
            cap: 8 * SECOND,
        };
        let base = Op::operation("f", "here", 1).retry().retry_base_ms(5);
        let expected = default.base(Duration::from_millis(5));
        assert_eq!(base.policy(None, default), expected);
        let attempts = Op::operation("f", "here", 1).retry().retry_attempts(2);
        let expected = default.attempts(2).outage_attempts(2);
        assert_eq!(attempts.policy(None, default), expected);
        let cap = Op::operation("f", "here", 1).retry().retry_cap_ms(4_000);
        assert_eq!(cap.policy(None, default), default.cap(4 * SECOND));
    }

    #[test]
    fn the_first_wait_is_never_longer_than_the_longest() {
        let default = RetryPolicy::DEFAULT;
        let base = Op::operation("f", "here", 1).retry().retry_base_ms(2_000);
        assert_eq!(
            base.policy(None, default),
            default.base(2 * SECOND).cap(2 * SECOND)
        );
        let cap = Op::operation("f", "here", 1).retry().retry_cap_ms(4);
        let least = Duration::from_millis(4);
        assert_eq!(cap.policy(None, default), default.base(least).cap(least));
        // An option that names neither of the two leaves the longest wait of the handle as it is.
        let odd = default.base(2 * SECOND).cap(SECOND);
        let attempts = Op::operation("f", "here", 1).retry().retry_attempts(5);
        assert_eq!(attempts.policy(None, odd).cap, SECOND);
    }
}
