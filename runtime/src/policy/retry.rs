//! [`Policy`]: how often a call is tried again, and after how long.

use std::time::Duration;

/// How often, and how patiently, a call is tried again.
///
/// The wait before attempt `n + 1` is drawn from `0 .. min(cap, base * 2^(n-1))`: full jitter
/// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Attempts, the first included, when the failure is a conflict with another session.
    pub attempts: u32,
    /// Attempts, the first included, when the failure is the connection or the server, or an error of
    /// the application's own that says `#[db_error(category = transient)]`.
    pub outage_attempts: u32,
    /// The upper bound of the first wait.
    pub base: Duration,
    /// The upper bound of every wait.
    pub cap: Duration,
}

impl Policy {
    /// 5 attempts for conflicts, 3 for outages, waits from 10 ms to 1 s.
    pub const DEFAULT: Self = Self {
        attempts: 5,
        outage_attempts: 3,
        base: Duration::from_millis(10),
        cap: Duration::from_secs(1),
    };

    /// A wait with full jitter before the attempt after `attempts`.
    pub(crate) fn backoff(&self, attempts: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1).min(31));
        let bound = self.base.saturating_mul(doubled).min(self.cap);
        bound.mul_f64(fastrand::f64())
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_between_zero_and_the_doubling_bound() {
        let policy = Policy::DEFAULT;
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
}
