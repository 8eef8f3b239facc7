//! [`Retries`]: what an operation says itself about its retries.

use std::time::Duration;

use super::retry_policy::RetryPolicy;

/// What an operation says itself about its retries: the value of the option `retry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retries {
    Default,
    Never,
    Parts(RetryParts),
}

/// The parts of a retry policy that an operation says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RetryParts {
    pub(crate) attempts: Option<u32>,
    pub(crate) base: Option<Duration>,
    pub(crate) cap: Option<Duration>,
}

impl Retries {
    /// Returns the policy of an operation that says this, where `default` says the rest.
    #[inline]
    pub(crate) fn over(self, default: RetryPolicy) -> RetryPolicy {
        match self {
            Self::Default => default,
            Self::Parts(parts) => parts.over(default),
            Self::Never => RetryPolicy {
                attempts: 1,
                outage_attempts: 1,
                ..default
            },
        }
    }
}

impl RetryParts {
    /// Says nothing yet.
    pub(crate) const NONE: Self = Self {
        attempts: None,
        base: None,
        cap: None,
    };

    /// Returns the policy with these parts, and the other parts of `default`. A first wait is never
    /// longer than the longest, so a part of the operation's own moves one of the default's.
    fn over(self, default: RetryPolicy) -> RetryPolicy {
        let cap = match (self.cap, self.base) {
            (Some(cap), _) => cap,
            (None, Some(base)) => default.cap.max(base),
            (None, None) => default.cap,
        };
        RetryPolicy {
            attempts: self.attempts.unwrap_or(default.attempts),
            outage_attempts: self.attempts.unwrap_or(default.outage_attempts),
            base: self.base.unwrap_or(default.base).min(cap),
            cap,
        }
    }
}
