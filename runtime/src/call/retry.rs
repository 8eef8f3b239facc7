//! What follows a failed attempt: the one place that decides it.
//!
//! A wrong retry applies a payment twice; a missed one is an error that the caller sees. So two
//! things have to be known before an attempt is followed by another: that the fault may pass, and
//! that a second run does no harm.
//!
//! | what is known of the failed attempt | what follows |
//! |---|---|
//! | it ran on a connection that the caller has lent | the error |
//! | its handle was shut down, and the time for what ran is up | the error |
//! | the table it missed has been made | another at once |
//! | its connection was dead before anything was sent | another at once, on another connection; as often as the pool may have connections |
//! | no body has run, and somebody else holds the lock it needs | another after a wait in the queue for that lock |
//! | no attempt is left, or the circuit is open | the error |
//! | its body may have lifted the guard that keeps it from writing, and something may have been written | the error |
//! | it may have had an effect, and the operation is neither `read_only`, `idempotent` nor `once` | the error |
//! | its fault does not pass: it is not transient, or the next attempt would meet the same limit | the error |
//! | the deadline comes before the next attempt, or the budget for outages is used up | the error |
//! | anything else | another after back-off |
//!
//! The rows three to five count as no attempt.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Span;

use super::state::{CallState, Phase};
use crate::error::{Category, Class, Effect, Error, ErrorKind};
use crate::policy::{Circuit, Defaults};

/// What is known of an attempt that has failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailedAttempt {
    pub(crate) class: Class,
    /// Whether something of the attempt may be in the database.
    pub(crate) effect: Effect,
    /// Why another attempt may begin at once.
    pub(crate) at_once: Option<AtOnce>,
    /// `None` if no body has run.
    pub(crate) body: Option<BodyRan>,
    /// How long a service asks to be left alone. `None` if it does not say.
    pub(crate) retry_after: Option<Duration>,
}

/// Why another attempt may begin at once, and counts as none.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AtOnce {
    /// The table that the attempt missed has been made.
    TableMade,
    /// The connection had been lost while it was idle, or was ended by an administrator. Its pool
    /// may have this many connections, and each may be as dead.
    DeadConnection { of: u32 },
}

/// What is known of the body of a failed attempt.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BodyRan {
    /// The body has failed without using its session. What it failed at may have had an effect
    /// elsewhere.
    pub(crate) elsewhere: bool,
    /// The body was declared to read only, and may have lifted what keeps it from writing.
    pub(crate) unguarded: bool,
    /// A statement that the body has let go of may be running still.
    pub(crate) left_running: bool,
    /// What may be in the database went past the transaction, so no marker covers it.
    pub(crate) past_transaction: bool,
}

impl FailedAttempt {
    /// No body has run, so nothing can have been applied.
    pub(crate) fn before_body(error: &Error) -> Self {
        Self {
            class: error.class(),
            effect: Effect::None,
            at_once: None,
            body: None,
            retry_after: None,
        }
    }

    /// A body has run.
    pub(crate) fn of_body(class: Class, effect: Effect, body: BodyRan) -> Self {
        Self {
            class,
            effect,
            at_once: None,
            body: Some(body),
            retry_after: None,
        }
    }

    /// Whether no body has run because somebody else holds the lock it needs, and lets go of it
    /// soon: another process that writes to the file, or another call with the same key. A
    /// statement's own timeout may be shorter than the time for which another call has the marker.
    pub(crate) fn waits_for_lock(&self, call: &CallState) -> bool {
        let kind = self.class.kind;
        let is_lock = matches!(
            kind,
            ErrorKind::Lock | ErrorKind::Serialization | ErrorKind::Deadlock
        );
        self.body.is_none() && (is_lock || (call.is_once() && kind == ErrorKind::Timeout))
    }

    /// Whether a second run could do something a second time.
    fn may_repeat(&self) -> bool {
        self.effect == Effect::Possible || self.body.is_some_and(|body| body.elsewhere)
    }

    /// Whether a second run could do harm, because the first may have had an effect that the options of
    /// the operation do not cover.
    fn may_do_harm(&self, call: &CallState) -> bool {
        let body = self.body.unwrap_or_default();
        let is_past_mark = call.is_once() && body.past_transaction;
        let is_covered = call.is_repeatable() && !body.unguarded && !is_past_mark;
        self.may_repeat() && !is_covered
    }

    /// Whether the fault may be gone at the next attempt.
    fn may_pass(&self, call: &CallState) -> bool {
        let Class { category, .. } = self.class;
        (category == Category::Transient && !self.class.is_own_limit())
            || (category == Category::Ambiguous && call.is_repeatable())
    }

    /// Whether what the attempt has sent may be running still. That must not land after what the
    /// next attempt does. A marker sees to that by itself.
    fn may_run_on(&self, call: &CallState) -> bool {
        let kind = self.class.kind;
        let left_running = self.body.is_some_and(|body| body.left_running);
        !call.is_once() && (is_outage(kind) || kind == ErrorKind::Timeout || left_running)
    }
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The call fails.
    Error,
    /// Another attempt at once.
    AtOnce,
    /// Another attempt after a wait in the queue for a lock.
    Queue(Duration),
    /// Another attempt after back-off.
    Attempt(Duration),
}

/// Decides by the table at the top of this file.
fn next(call: &CallState, failed: &FailedAttempt, defaults: &Defaults) -> Next {
    let (op, attempts) = (call.op, &call.attempts);
    if attempts.on_lent || call.is_past_cutoff() {
        return Next::Error;
    }
    match failed.at_once {
        Some(AtOnce::TableMade) => return Next::AtOnce,
        Some(AtOnce::DeadConnection { of })
            if attempts.replaced < of
                && failed.effect == Effect::None
                && (failed.body.is_none() || !attempts.is_last()) =>
        {
            return Next::AtOnce;
        }
        _ => {}
    }
    let policy = op.policy(defaults.overrides.of(op.name), defaults.retry);
    let left = || call.deadline().saturating_duration_since(Instant::now());
    if failed.waits_for_lock(call) {
        let wait = policy.backoff(attempts.queued + 1);
        let wait = wait.max(Duration::from_millis(1));
        if wait < left() {
            return Next::Queue(wait);
        }
    }
    // What the caller learns is why the attempt failed, and not that it was not followed by
    // another.
    let is_open = |circuit: &Arc<Circuit>| circuit.is_open();
    if attempts.is_last() || defaults.circuit.as_ref().is_some_and(is_open) {
        return Next::Error;
    }
    if failed.may_do_harm(call) || !failed.may_pass(call) {
        return Next::Error;
    }
    // Whatever a service fails at, a repeat is a burden on the service.
    let outage = is_outage(failed.class.kind) || op.guard.is_some();
    let allowed = match outage {
        true => policy.outage_attempts,
        false => policy.attempts,
    };
    if attempts.made >= allowed {
        return Next::Error;
    }
    let mut wait = policy.backoff(attempts.made);
    if failed.may_repeat() && !op.read_only && failed.may_run_on(call) {
        wait = wait.max(call.until_ended.get());
    }
    if let Some(asked) = failed.retry_after {
        wait = wait.saturating_add(asked);
    }
    if wait >= left() || (outage && !defaults.budget.withdraw()) {
        return Next::Error;
    }
    Next::Attempt(wait)
}

impl CallState {
    /// Decides what follows a failed attempt whose connection has been given back, and waits for
    /// it. `true`: there is another attempt.
    pub(crate) async fn follow(&mut self, defaults: &Defaults, failed: &FailedAttempt) -> bool {
        self.phase = Phase::Waiting;
        self.attempts.past_options |= failed.may_do_harm(self);
        let next = next(self, failed, defaults);
        match next {
            Next::Error => false,
            Next::AtOnce => {
                if matches!(failed.at_once, Some(AtOnce::DeadConnection { .. })) {
                    self.attempts.replaced += 1;
                }
                self.attempts.made -= 1;
                true
            }
            Next::Queue(wait) => {
                self.attempts.queued += 1;
                if !self.pause(failed.class, wait).await {
                    return false;
                }
                self.attempts.made -= 1;
                true
            }
            Next::Attempt(wait) => {
                self.attempts.may_have_effect |= failed.may_repeat() && !self.op.read_only;
                self.attempts.stale_plans = failed.class.kind == ErrorKind::StalePlan;
                let follows =
                    self.pause(failed.class, wait).await && self.ask_breaker(defaults).is_ok();
                if follows {
                    self.count_retry(failed.class.kind);
                }
                follows
            }
        }
    }

    /// Counts an attempt that has failed in this way and is followed by another.
    fn count_retry(&self, kind: ErrorKind) {
        self.op.count_retry(kind);
        if let Some(monitor) = &self.monitor {
            self.report.retried(&monitor.reports, self.op, kind);
        }
    }

    /// Waits before the next attempt, with an event that says so. `false`: there is none, because the
    /// handle was shut down meanwhile.
    async fn pause(&mut self, class: Class, wait: Duration) -> bool {
        tracing::info!(
            parent: self.span().and_then(Span::id),
            db.operation.name = self.op.name_in_database(),
            dbop.guarded.name = self.op.name_of_guarded(),
            db.response.status_code = self.seen_status_code(),
            error.r#type = self.seen_status_code().unwrap_or(class.kind.as_str()),
            dbop.kind = class.kind.as_str(),
            dbop.attempt = self.attempts.made,
            dbop.wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            "attempt failed and is retried"
        );
        let end = Instant::now() + wait;
        let _ = self.timer.until(end, pending::<()>()).await;
        let is_cut_off = self.is_past_cutoff();
        if is_cut_off {
            self.was_cut_off();
        }
        !is_cut_off
    }
}

/// Whether the fault is one of the server or of the way to it. Every other transient fault is a
/// conflict between sessions, which another attempt resolves without a burden on an ailing server.
fn is_outage(kind: ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::Serialization
            | ErrorKind::Deadlock
            | ErrorKind::Lock
            | ErrorKind::StalePlan
            | ErrorKind::Timeout
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::state::Clock;
    use crate::error::Retry;
    use crate::op::Op;
    use crate::op::Retries;
    use crate::op::RetryPolicy;
    use crate::policy::{CallSettings, SessionLimits};

    static PLAIN: Op = Op::operation("plain", "here", 1);
    static IDEMPOTENT: Op = Op::operation("idempotent", "here", 1).idempotent();
    static NEVER: Op = Op::operation("never", "here", 1).retry_never();

    const CONFLICT: Class = class(Category::Transient, ErrorKind::Serialization);
    const OUTAGE: Class = class(Category::Transient, ErrorKind::Connection);
    const AMBIGUOUS: Class = class(Category::Ambiguous, ErrorKind::CompletionUnknown);
    const APPLICATION: Class = class(Category::Application, ErrorKind::Application);

    const fn class(category: Category, kind: ErrorKind) -> Class {
        Class {
            category,
            kind,
            retry: Retry::IfIdempotent,
        }
    }

    /// A call that has made so many attempts, and has this long.
    fn call(op: &'static Op, made: u32, left: Duration) -> CallState {
        let mut call = CallState::new(op, "sqlite", None, Duration::ZERO);
        let started = Instant::now();
        call.clock = Clock::Outermost {
            started,
            deadline: started + left,
            watched: true,
            own: false,
        };
        call.attempts.made = made;
        call.attempts.most = match op.retry {
            Retries::Never => 1,
            _ => u32::MAX,
        };
        call
    }

    fn defaults(retry: RetryPolicy, retry_budget: (f64, f64)) -> Defaults {
        let settings = CallSettings {
            retry,
            retry_budget,
            ..CallSettings::default()
        };
        Defaults::new(&settings, Duration::ZERO, SessionLimits::Foreign)
    }

    fn next_after(call: &CallState, class: Class, effect: Effect, defaults: &Defaults) -> Next {
        let failed = FailedAttempt::of_body(class, effect, BodyRan::default());
        next(call, &failed, defaults)
    }

    fn retried(op: &'static Op, class: Class, effect: Effect, attempts: u32) -> bool {
        let defaults = defaults(RetryPolicy::DEFAULT, (0.2, 10.0));
        let call = call(op, attempts, Duration::from_secs(60));
        next_after(&call, class, effect, &defaults) != Next::Error
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
        let policy = RetryPolicy {
            base: Duration::from_secs(3600),
            cap: Duration::from_secs(3600),
            ..RetryPolicy::DEFAULT
        };
        let call = call(&PLAIN, 1, Duration::from_millis(1));
        let defaults = defaults(policy, (0.2, 10.0));
        let tries = (0..100)
            .filter(|_| next_after(&call, CONFLICT, Effect::None, &defaults) != Next::Error)
            .count();
        assert!(
            tries <= 1,
            "{tries} of 100 waits of up to an hour fit into 1 ms"
        );
    }

    #[test]
    fn conflicts_do_not_draw_on_the_outage_budget() {
        let call = call(&PLAIN, 1, Duration::from_secs(60));
        let defaults = defaults(RetryPolicy::DEFAULT, (0.0, 0.0));
        let next = |class| next_after(&call, class, Effect::None, &defaults);
        assert_ne!(next(CONFLICT), Next::Error);
        assert_eq!(next(OUTAGE), Next::Error);
    }

    #[test]
    fn a_dead_connection_is_replaced_as_often_as_its_pool_may_have_connections() {
        let defaults = defaults(RetryPolicy::DEFAULT, (0.0, 0.0));
        let dead = FailedAttempt {
            at_once: Some(AtOnce::DeadConnection { of: 2 }),
            ..FailedAttempt::of_body(OUTAGE, Effect::None, BodyRan::default())
        };
        let mut call = call(&PLAIN, 1, Duration::from_secs(60));
        assert_eq!(next(&call, &dead, &defaults), Next::AtOnce);
        call.attempts.replaced = 2;
        assert_eq!(next(&call, &dead, &defaults), Next::Error);
    }

    #[test]
    fn a_dead_connection_is_not_replaced_once_something_may_have_been_applied_or_arguments_moved() {
        let defaults = defaults(RetryPolicy::DEFAULT, (0.0, 0.0));
        let dead = |effect, body| FailedAttempt {
            class: OUTAGE,
            effect,
            at_once: Some(AtOnce::DeadConnection { of: 2 }),
            body,
            retry_after: None,
        };
        let ran = Some(BodyRan::default());
        let far = Duration::from_secs(60);
        let applied = next(
            &call(&PLAIN, 1, far),
            &dead(Effect::Possible, ran),
            &defaults,
        );
        assert_eq!(applied, Next::Error);
        let moved = next(&call(&NEVER, 1, far), &dead(Effect::None, ran), &defaults);
        assert_eq!(moved, Next::Error);
        let untouched = next(&call(&NEVER, 1, far), &dead(Effect::None, None), &defaults);
        assert_eq!(untouched, Next::AtOnce);
    }

    #[test]
    fn a_lock_is_queued_for_without_an_attempt_only_before_a_body_has_run() {
        let defaults = defaults(RetryPolicy::DEFAULT, (0.0, 0.0));
        let lock = class(Category::Transient, ErrorKind::Lock);
        let call = call(&PLAIN, 5, Duration::from_secs(60));
        let before = FailedAttempt {
            body: None,
            ..FailedAttempt::of_body(lock, Effect::None, BodyRan::default())
        };
        assert!(matches!(next(&call, &before, &defaults), Next::Queue(_)));
        assert_eq!(
            next_after(&call, lock, Effect::None, &defaults),
            Next::Error
        );
    }

    #[test]
    fn a_body_that_may_have_written_without_its_guard_or_past_its_marker_is_not_run_again() {
        static READS: Op = Op::operation("reads", "here", 1).read_only();
        static ONCE: Op = Op::transaction("once", "here", 1).once();
        let defaults = defaults(RetryPolicy::DEFAULT, (0.2, 10.0));
        let far = Duration::from_secs(60);
        let after = |op, body| {
            let failed = FailedAttempt::of_body(CONFLICT, Effect::Possible, body);
            next(&call(op, 1, far), &failed, &defaults)
        };
        let unguarded = BodyRan {
            unguarded: true,
            ..BodyRan::default()
        };
        let past = BodyRan {
            past_transaction: true,
            ..BodyRan::default()
        };
        assert_ne!(after(&READS, BodyRan::default()), Next::Error);
        assert_eq!(after(&READS, unguarded), Next::Error);
        assert_ne!(after(&ONCE, BodyRan::default()), Next::Error);
        assert_eq!(after(&ONCE, past), Next::Error);
    }

    #[test]
    fn what_may_be_running_still_is_waited_for_before_the_next_attempt() {
        let defaults = defaults(RetryPolicy::DEFAULT, (0.2, 10.0));
        let second = Duration::from_secs(1);
        let mut call = call(&IDEMPOTENT, 1, 60 * second);
        call.until_ended = crate::rt::Millis::new(second);
        let waited = next_after(&call, OUTAGE, Effect::Possible, &defaults);
        assert_eq!(waited, Next::Attempt(second));
        let Next::Attempt(conflict) = next_after(&call, CONFLICT, Effect::Possible, &defaults)
        else {
            panic!("a conflict is tried again");
        };
        assert!(conflict < second);
    }
}
