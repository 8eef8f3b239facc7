//! [`Alerts`]: conditions that somebody should be told about at once, each once until it is over.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::Instant;

use super::alert::{Alert, AlertKind, AlertReceiver};
use crate::error::{Category, Class, ErrorKind, Outcome};
use crate::op::Op;

/// The conditions of one handle.
#[derive(Debug)]
pub(super) struct Alerts {
    conditions: Mutex<Conditions>,
    /// Whether a condition is on, or may soon be. While none is, a call that succeeds has nothing to
    /// look at.
    any: AtomicBool,
    told: broadcast::Sender<Alert>,
}

/// The conditions, each at the number of its kind.
#[derive(Debug, Default)]
struct Conditions([Condition; AlertKind::ALL.len()]);

#[derive(Clone, Copy, Debug, Default)]
struct Condition {
    /// How often it has occurred since it was last over.
    occurrences: u64,
    last: Option<Instant>,
    /// Whether somebody was told that it is on.
    is_told: bool,
    last_told: Option<Instant>,
}

/// A receiver that falls behind by more misses the oldest.
const KEPT: usize = 64;
/// Nobody is told of the same condition again within this time.
const PAUSE: Duration = Duration::from_secs(60);
/// After this time without another occurrence, a condition that nothing else ends is over.
const QUIET: Duration = Duration::from_secs(10 * 60);
/// The server counts as gone after so many failures with no success between them. A single lost
/// connection says little.
const IN_A_ROW: u64 = 3;
/// A server that has not answered for a shorter time may only be slow.
const SILENCE: Duration = Duration::from_secs(1);

impl Alerts {
    pub(super) fn new() -> Self {
        Self {
            conditions: Mutex::default(),
            any: AtomicBool::new(false),
            told: broadcast::channel(KEPT).0,
        }
    }

    pub(super) fn receiver(&self) -> AlertReceiver {
        AlertReceiver::new(self.told.subscribe())
    }

    fn conditions(&self) -> MutexGuard<'_, Conditions> {
        self.conditions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A call of `op` has failed, with this outcome.
    pub(super) fn failed(&self, op: &'static Op, class: Class, outcome: Outcome) {
        if outcome == Outcome::Unknown && is_outage(class.category) {
            self.occurs(AlertKind::OutcomeUnknown, op, 1);
        }
        match class.kind {
            ErrorKind::CircuitOpen => self.occurs(AlertKind::ServerGone, op, 1),
            ErrorKind::Connection | ErrorKind::StartingUp => {
                self.occurs(AlertKind::ServerGone, op, IN_A_ROW);
            }
            ErrorKind::Authentication => self.occurs(AlertKind::CredentialsRefused, op, 1),
            ErrorKind::DiskFull => self.occurs(AlertKind::DiskFull, op, 1),
            ErrorKind::Corrupt => self.occurs(AlertKind::Corruption, op, 1),
            _ => {}
        }
    }

    /// A condition has occurred in a call of `op`. It is on if that happens `at_least` so often
    /// before it is over.
    pub(super) fn occurs(&self, kind: AlertKind, op: &'static Op, at_least: u64) {
        let mut conditions = self.conditions();
        self.any.store(true, Relaxed);
        let alert = conditions.begin(kind, op, at_least);
        self.tell(conditions, alert);
    }

    /// No connection was opened for a call of `op` that has waited for one for so long.
    pub(super) fn unanswered(&self, op: &'static Op, waited: Duration) {
        if waited >= SILENCE {
            self.occurs(AlertKind::ServerGone, op, IN_A_ROW);
        }
    }

    /// A call of `op` holds a connection for too long, or does so no more. `held` returns how many do
    /// now; it is asked once nobody else can change the condition.
    pub(super) fn leaks(&self, op: &'static Op, held: impl Fn() -> u32) {
        let mut conditions = self.conditions();
        let alert = match held() {
            0 => conditions.end(AlertKind::Leak, op),
            _ => conditions.begin(AlertKind::Leak, op, 1),
        };
        self.tell(conditions, alert);
    }

    /// A call of `op` has succeeded.
    #[inline]
    pub(super) fn succeeded(&self, op: &'static Op) {
        if self.any.load(Relaxed) {
            self.look_after_success(op);
        }
    }

    #[cold]
    fn look_after_success(&self, op: &'static Op) {
        let now = Instant::now();
        let mut conditions = self.conditions();
        let mut alerts = Vec::new();
        for kind in AlertKind::ALL {
            if conditions.is_over(*kind, op, now) {
                alerts.extend(conditions.end(*kind, op));
            }
        }
        self.any.store(conditions.any(), Relaxed);
        self.tell(conditions, alerts);
    }

    /// Tells of alerts, in the order in which the conditions have changed. Logs them once others may
    /// look at the conditions again, because to log may take long.
    fn tell(
        &self,
        conditions: MutexGuard<'_, Conditions>,
        alerts: impl IntoIterator<Item = Alert>,
    ) {
        let alerts: Vec<_> = alerts.into_iter().collect();
        for alert in &alerts {
            // Fails only if nobody listens.
            let _ = self.told.send(alert.clone());
        }
        drop(conditions);
        alerts.iter().for_each(Alert::log);
    }
}

impl Conditions {
    /// A condition occurs. Returns the alert that is to be told.
    fn begin(&mut self, kind: AlertKind, op: &'static Op, at_least: u64) -> Option<Alert> {
        let now = Instant::now();
        let condition = &mut self.0[kind as usize];
        condition.occurrences += 1;
        condition.last = Some(now);
        if condition.is_told || condition.occurrences < at_least {
            return None;
        }
        condition.is_told = condition.last_told.is_none_or(|told| told + PAUSE <= now);
        if !condition.is_told {
            return None;
        }
        condition.last_told = Some(now);
        Some(Alert::begins(kind, op, condition.occurrences))
    }

    /// A condition is over. Returns the alert that is to be told.
    fn end(&mut self, kind: AlertKind, op: &'static Op) -> Option<Alert> {
        let condition = &mut self.0[kind as usize];
        let occurrences = std::mem::take(&mut condition.occurrences);
        let was_told = std::mem::take(&mut condition.is_told);
        was_told.then(|| Alert::ends(kind, op, occurrences))
    }

    /// Whether a condition is over now that a call of `op` has succeeded.
    fn is_over(&self, kind: AlertKind, op: &'static Op, now: Instant) -> bool {
        match kind {
            AlertKind::ServerGone | AlertKind::CredentialsRefused => true,
            AlertKind::DiskFull => !op.read_only,
            AlertKind::OutcomeUnknown | AlertKind::Corruption => self.0[kind as usize]
                .last
                .is_some_and(|last| last + QUIET <= now),
            // Its connection says that.
            AlertKind::Leak => false,
        }
    }

    fn any(&self) -> bool {
        self.0.iter().any(|condition| condition.occurrences > 0)
    }
}

/// Whether a failure of this category leaves open what has become of its call. Where the database has
/// refused a statement, the statements before it stand, and the call knows that.
fn is_outage(category: Category) -> bool {
    matches!(
        category,
        Category::Transient
            | Category::Resource
            | Category::Ambiguous
            | Category::Cancelled
            | Category::Internal
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::error::Retry;

    static PAY: Op = Op::transaction("pay", "src/bank.rs", 30);
    static LOOK: Op = Op::operation("look", "src/bank.rs", 40).read_only();

    fn class(category: Category, kind: ErrorKind) -> Class {
        Class {
            category,
            kind,
            retry: Retry::Never,
        }
    }

    fn fail(alerts: &Alerts, class: Class) {
        alerts.failed(&PAY, class, Outcome::RolledBack);
    }

    /// Returns what was told since this was last asked: the condition, whether it is over, and how
    /// often it has occurred.
    fn told(receiver: &mut AlertReceiver) -> Vec<(AlertKind, bool, u64)> {
        std::iter::from_fn(|| receiver.try_recv())
            .map(|alert| (alert.kind, alert.is_over, alert.occurrences))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_condition_is_told_once_until_it_is_over() {
        let alerts = Alerts::new();
        let mut receiver = alerts.receiver();
        let full = class(Category::Resource, ErrorKind::DiskFull);
        for _ in 0..5 {
            fail(&alerts, full);
        }
        assert_eq!(told(&mut receiver), [(AlertKind::DiskFull, false, 1)]);
        alerts.succeeded(&LOOK);
        assert_eq!(told(&mut receiver), [], "a call that reads needs no room");
        alerts.succeeded(&PAY);
        assert_eq!(told(&mut receiver), [(AlertKind::DiskFull, true, 5)]);
        assert!(!alerts.any.load(Relaxed));
    }

    #[tokio::test(start_paused = true)]
    async fn a_condition_that_comes_and_goes_is_told_once_a_minute() {
        let alerts = Alerts::new();
        let mut receiver = alerts.receiver();
        let refused = class(Category::Permission, ErrorKind::Authentication);
        for _ in 0..120 {
            fail(&alerts, refused);
            alerts.succeeded(&PAY);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(told(&mut receiver).len(), 2 * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn one_lost_connection_does_not_mean_that_the_server_is_gone() {
        let alerts = Alerts::new();
        let mut receiver = alerts.receiver();
        let lost = class(Category::Transient, ErrorKind::Connection);
        fail(&alerts, lost);
        fail(&alerts, lost);
        alerts.succeeded(&PAY);
        assert_eq!(told(&mut receiver), []);
        for _ in 0..3 {
            fail(&alerts, lost);
        }
        assert_eq!(told(&mut receiver), [(AlertKind::ServerGone, false, 3)]);
        alerts.succeeded(&PAY);
        fail(&alerts, class(Category::Resource, ErrorKind::CircuitOpen));
        tokio::time::advance(PAUSE).await;
        alerts.succeeded(&PAY);
        fail(&alerts, class(Category::Resource, ErrorKind::CircuitOpen));
        assert_eq!(
            told(&mut receiver),
            [
                (AlertKind::ServerGone, true, 3),
                (AlertKind::ServerGone, false, 1)
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_condition_that_nothing_ends_is_over_after_ten_quiet_minutes() {
        let alerts = Alerts::new();
        let mut receiver = alerts.receiver();
        alerts.failed(&PAY, Class::OUTCOME_UNKNOWN, Outcome::Unknown);
        alerts.succeeded(&PAY);
        assert_eq!(told(&mut receiver), [(AlertKind::OutcomeUnknown, false, 1)]);
        tokio::time::advance(QUIET).await;
        alerts.succeeded(&PAY);
        assert_eq!(told(&mut receiver), [(AlertKind::OutcomeUnknown, true, 1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_condition_that_comes_back_soon_and_stays_is_told_after_a_minute() {
        let alerts = Alerts::new();
        let mut receiver = alerts.receiver();
        let full = class(Category::Resource, ErrorKind::DiskFull);
        fail(&alerts, full);
        alerts.succeeded(&PAY);
        assert_eq!(told(&mut receiver).len(), 2);
        fail(&alerts, full);
        assert_eq!(told(&mut receiver), []);
        tokio::time::advance(PAUSE).await;
        fail(&alerts, full);
        assert_eq!(told(&mut receiver), [(AlertKind::DiskFull, false, 2)]);
    }

    #[test]
    fn an_outcome_that_is_unknown_because_of_an_outage_is_told() {
        let alerts = Alerts::new();
        let mut receiver = alerts.receiver();
        let late = class(Category::Transient, ErrorKind::Timeout);
        alerts.failed(&PAY, late, Outcome::RolledBack);
        assert_eq!(told(&mut receiver), []);
        let refused = class(Category::Integrity, ErrorKind::Unique);
        alerts.failed(&PAY, refused, Outcome::Unknown);
        assert_eq!(told(&mut receiver), []);
        alerts.failed(&PAY, late, Outcome::Unknown);
        assert_eq!(told(&mut receiver), [(AlertKind::OutcomeUnknown, false, 1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_leaves_calls_without_an_answer_is_gone_and_one_that_is_slow_is_not() {
        let alerts = Alerts::new();
        let mut receiver = alerts.receiver();
        for _ in 0..10 {
            alerts.unanswered(&PAY, SILENCE / 2);
        }
        assert_eq!(told(&mut receiver), []);
        for _ in 0..3 {
            alerts.unanswered(&PAY, SILENCE);
        }
        assert_eq!(told(&mut receiver), [(AlertKind::ServerGone, false, 3)]);
    }

    /// Looks at the conditions at each event.
    struct Looks(Arc<Alerts>);

    impl tracing::Subscriber for Looks {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }
        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn event(&self, _: &tracing::Event<'_>) {
            assert!(self.0.conditions.try_lock().is_ok(), "others have to wait");
        }
        fn enter(&self, _: &tracing::span::Id) {}
        fn exit(&self, _: &tracing::span::Id) {}
    }

    #[test]
    fn nobody_waits_while_an_alert_is_logged() {
        let alerts = Arc::new(Alerts::new());
        let mut receiver = alerts.receiver();
        tracing::subscriber::with_default(Looks(Arc::clone(&alerts)), || {
            fail(&alerts, class(Category::Resource, ErrorKind::DiskFull));
            alerts.succeeded(&PAY);
        });
        assert_eq!(told(&mut receiver).len(), 2);
    }
}
