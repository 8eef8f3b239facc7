//! When to try again, after how long, and how often an outage may be asked about.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::classify::{Category, Class, Kind, Retry};
use crate::error::Effect;
use crate::op::Op;

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

/// The one place that decides whether a failed attempt is followed by another: the wait before it,
/// or `None`.
///
/// A wrong retry applies a payment twice; a missed one is an error the caller sees. So both have
/// to be known: that the fault may pass, and that a second run does no harm.
pub(crate) fn next_wait(
    op: &Op,
    default: Policy,
    budget: &Budget,
    failed: (Class, Effect),
    attempts: u32,
    deadline: Instant,
) -> Option<Duration> {
    let (class, effect) = failed;
    let may_pass = (class.category == Category::Transient && !is_own_limit(class))
        || (class.category == Category::Ambiguous && op.repeatable());
    let harmless = effect == Effect::None || op.repeatable();
    if !may_pass || !harmless {
        return None;
    }
    let policy = op.policy(default);
    let outage = is_outage(class.kind);
    let allowed = if outage {
        policy.outage_attempts
    } else {
        policy.attempts
    };
    if attempts >= allowed {
        return None;
    }
    let wait = policy.backoff(attempts);
    if wait >= deadline.saturating_duration_since(Instant::now()) {
        return None;
    }
    if outage && !budget.withdraw() {
        return None;
    }
    Some(wait)
}

/// Whether the database has ended a statement, or the pool a wait, at a limit that the next attempt
/// would have as well. A deadline of ours is told from these by what it leaves open: whether what it
/// cut off had an effect.
const fn is_own_limit(class: Class) -> bool {
    matches!((class.kind, class.retry), (Kind::Timeout, Retry::Always))
}

/// Faults of the server or the way to it; everything else that is transient is a conflict between
/// sessions, which trying again resolves and does not burden an ailing server.
pub(crate) fn is_outage(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Serialization | Kind::Deadlock | Kind::Lock | Kind::StalePlan | Kind::Timeout
    )
}

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

    static PLAIN: Op = Op::operation("plain", "here", 1);
    static IDEMPOTENT: Op = Op::operation("idempotent", "here", 1).idempotent();
    static NEVER: Op = Op::operation("never", "here", 1).retry_never();

    const CONFLICT: Class = class(Category::Transient, Kind::Serialization);
    const OUTAGE: Class = class(Category::Transient, Kind::Connection);
    const AMBIGUOUS: Class = class(Category::Ambiguous, Kind::CompletionUnknown);
    const APPLICATION: Class = class(Category::Application, Kind::Application);

    const fn class(category: Category, kind: Kind) -> Class {
        Class {
            category,
            kind,
            retry: Retry::IfIdempotent,
        }
    }

    fn retried(op: &Op, class: Class, effect: Effect, attempts: u32) -> bool {
        let far = Instant::now() + Duration::from_secs(60);
        let budget = Budget::default();
        next_wait(op, Policy::DEFAULT, &budget, (class, effect), attempts, far).is_some()
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert!(retried(&PLAIN, CONFLICT, Effect::None, 1));
        assert!(retried(&PLAIN, OUTAGE, Effect::None, 1));
        assert!(!retried(&PLAIN, APPLICATION, Effect::None, 1));
        assert!(!retried(&IDEMPOTENT, APPLICATION, Effect::None, 1));
    }

    #[test]
    fn what_was_ended_by_its_own_limit_is_not_run_again() {
        let limit =
            crate::classify::postgres("57014", "canceling statement due to statement timeout");
        assert!(!retried(&PLAIN, limit, Effect::None, 1));
        assert!(!retried(&IDEMPOTENT, limit, Effect::None, 1));
        // The deadline of a call inside may have been spent on waiting for another's lock.
        let deadline = crate::Error::deadline("a test").class();
        assert!(retried(&PLAIN, deadline, Effect::None, 1));
    }

    #[test]
    fn a_possible_effect_is_repeated_only_where_declared_harmless() {
        assert!(!retried(&PLAIN, CONFLICT, Effect::Possible, 1));
        assert!(retried(&IDEMPOTENT, CONFLICT, Effect::Possible, 1));
        assert!(!retried(&PLAIN, AMBIGUOUS, Effect::Possible, 1));
        assert!(!retried(&PLAIN, AMBIGUOUS, Effect::None, 1));
        assert!(retried(&IDEMPOTENT, AMBIGUOUS, Effect::Possible, 1));
    }

    #[test]
    fn attempts_are_counted_by_kind_of_fault() {
        assert!(retried(&PLAIN, CONFLICT, Effect::None, 4));
        assert!(!retried(&PLAIN, CONFLICT, Effect::None, 5));
        assert!(retried(&PLAIN, OUTAGE, Effect::None, 2));
        assert!(!retried(&PLAIN, OUTAGE, Effect::None, 3));
        assert!(!retried(&NEVER, CONFLICT, Effect::None, 1));
    }

    #[test]
    fn no_wait_goes_past_the_deadline() {
        let policy = Policy {
            base: Duration::from_secs(3600),
            cap: Duration::from_secs(3600),
            ..Policy::DEFAULT
        };
        let soon = Instant::now() + Duration::from_millis(1);
        let budget = Budget::default();
        let tries = (0..100)
            .filter_map(|_| {
                let failed = (CONFLICT, Effect::None);
                next_wait(&PLAIN, policy, &budget, failed, 1, soon)
            })
            .count();
        assert!(
            tries <= 1,
            "{tries} of 100 waits of up to an hour fit into 1 ms"
        );
    }

    #[test]
    fn conflicts_do_not_draw_on_the_outage_budget() {
        let far = Instant::now() + Duration::from_secs(60);
        let budget = Budget::new(0.0, 0.0);
        let wait = |class| {
            let failed = (class, Effect::None);
            next_wait(&PLAIN, Policy::DEFAULT, &budget, failed, 1, far)
        };
        assert!(wait(CONFLICT).is_some());
        assert!(wait(OUTAGE).is_none());
    }

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
