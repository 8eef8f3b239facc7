//! [`RetryPolicy`]: how often a call is tried again, and after which waits.

use std::time::Duration;

/// How often a call is tried again, and how long it waits before each attempt.
///
/// The wait before attempt `n + 1` is drawn at random from `0 .. min(cap, base * 2^(n-1))`, which
/// is called full jitter
/// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
///
/// ```
/// use std::time::Duration;
///
/// use dbop::RetryPolicy;
///
/// let patient = RetryPolicy::DEFAULT.attempts(10).cap(Duration::from_secs(5));
/// assert_eq!((patient.attempts, patient.outage_attempts), (10, 3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// The number of attempts, the first included, when the failure is a conflict with another
    /// session or a timeout. 0 means 1. 5 by default.
    ///
    /// The option `retry(attempts = n)` of an operation sets
    /// [`outage_attempts`](Self::outage_attempts) as well.
    pub attempts: u32,
    /// The number of attempts, the first included, when the connection or the server fails, or when
    /// the body returns an error of the application's own that says
    /// `#[db_error(category = transient)]`. 0 means 1. 3 by default.
    pub outage_attempts: u32,
    /// The upper bound of the first wait. It doubles with each attempt. 10 ms by default.
    pub base: Duration,
    /// The upper bound of every wait. 1 s by default. If [`base`](Self::base) is longer, this is also
    /// the bound of the first wait.
    pub cap: Duration,
}

impl RetryPolicy {
    /// Allows 5 attempts for conflicts and 3 for outages. The first wait is at most 10 ms, and no
    /// wait is longer than 1 s.
    pub const DEFAULT: Self = Self {
        attempts: 5,
        outage_attempts: 3,
        base: Duration::from_millis(10),
        cap: Duration::from_secs(1),
    };

    /// Changes [`attempts`](Self::attempts), and not [`outage_attempts`](Self::outage_attempts).
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Changes [`outage_attempts`](Self::outage_attempts).
    #[must_use]
    pub const fn outage_attempts(mut self, attempts: u32) -> Self {
        self.outage_attempts = attempts;
        self
    }

    /// Changes [`base`](Self::base).
    #[must_use]
    pub const fn base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// Changes [`cap`](Self::cap).
    #[must_use]
    pub const fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// Returns a wait, drawn with full jitter, for a call that has made `attempts` attempts.
    pub(crate) fn backoff(&self, attempts: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1).min(31));
        let bound = self.base.saturating_mul(doubled).min(self.cap);
        bound.mul_f64(fastrand::f64())
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_between_zero_and_the_doubling_bound() {
        let policy = RetryPolicy::DEFAULT;
        for attempts in 1..40 {
            let bound = policy
                .base
                .saturating_mul(2_u32.saturating_pow(attempts - 1))
                .min(policy.cap);
            for _ in 0..50 {
                assert!(policy.backoff(attempts) <= bound);
            }
        }
    }

    #[test]
    fn no_wait_is_longer_than_the_cap_even_if_the_first_one_may_be() {
        let policy = RetryPolicy::DEFAULT
            .base(Duration::from_secs(9))
            .cap(Duration::from_millis(2));
        for attempts in 1..40 {
            assert!(policy.backoff(attempts) <= Duration::from_millis(2));
        }
    }
}
