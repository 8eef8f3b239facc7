//! Whether a failed attempt is followed by another.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Category, Class, Effect, Kind, Retry};
use crate::op::Op;
use crate::policy::{Budget, Policy};

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
}
