//! [`Budget`]: how many retries an outage may cost.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// A token bucket for the retries of an outage. By default each call puts in a fifth of a token,
/// and each second puts in ten tokens; each retry takes one out. When a server is down, retries
/// then add at most a fifth to the load of many calls
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
    /// The most that the bucket holds is what this many seconds put in, but at least one token.
    const SECONDS_HELD: f64 = 10.0;

    /// Creates a bucket that holds the tokens of one second.
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

    /// Puts in the share of a call that has begun.
    pub(crate) fn deposit(&self, now: Instant) {
        self.with(now, |bucket| bucket.tokens += self.per_call);
    }

    /// Takes out a token for a retry. `false` if there is none.
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
        // Another call may have read the clock later and yet taken the lock earlier, so `now` may
        // lie before `filled_at`.
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
