//! [`Budget`]: how many retries an outage is worth.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// A token bucket for retries of an outage: each call puts in a fifth of a token, each second ten,
/// each retry takes one. When a server is down, retries then add at most a fifth to the load
/// (<https://sre.google/sre-book/handling-overload/>).
#[derive(Debug)]
pub(crate) struct Budget {
    per_call: f64,
    per_second: f64,
    state: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

impl Budget {
    /// Tokens the bucket holds at most: ten seconds' worth.
    const SECONDS_HELD: f64 = 10.0;

    pub(crate) fn new(per_call: f64, per_second: f64) -> Self {
        Self {
            per_call,
            per_second,
            state: Mutex::new(Bucket {
                tokens: per_second,
                filled_at: Instant::now(),
            }),
        }
    }

    /// A call began.
    pub(crate) fn deposit(&self, now: Instant) {
        self.with(now, |bucket| bucket.tokens += self.per_call);
    }

    /// A retry wants to go out; `false` when the bucket is empty.
    pub(crate) fn withdraw(&self) -> bool {
        self.with(Instant::now(), |bucket| {
            let enough = bucket.tokens >= 1.0;
            if enough {
                bucket.tokens -= 1.0;
            }
            enough
        })
    }

    fn with<R>(&self, now: Instant, f: impl FnOnce(&mut Bucket) -> R) -> R {
        let mut bucket = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Another call may have been faster with its lock and later with its clock.
        let seconds = now
            .saturating_duration_since(bucket.filled_at)
            .as_secs_f64();
        bucket.filled_at = bucket.filled_at.max(now);
        bucket.tokens += seconds * self.per_second;
        let result = f(&mut bucket);
        let most = (self.per_second * Self::SECONDS_HELD).max(1.0);
        bucket.tokens = bucket.tokens.min(most);
        result
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(0.2, 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_the_calls_pays_for_retries() {
        let budget = Budget::new(0.2, 0.0);
        for _ in 0..5 {
            assert!(!budget.withdraw());
            budget.deposit(Instant::now());
        }
        assert!(budget.withdraw());
        assert!(!budget.withdraw());
    }
}
