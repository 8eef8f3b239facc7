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
    conditions: Mutex<[Condition; AlertKind::ALL.len()]>,
    /// Whether a condition is on, or may soon be. While none is, a call that succeeds has nothing to
    /// look at.
    any: AtomicBool,
    told: broadcast::Sender<Alert>,
}

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

    fn conditions(&self) -> MutexGuard<'_, [Condition; AlertKind::ALL.len()]> {
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
        self.begin(kind, op, at_least, &mut *conditions);
    }

    fn begin(&self, kind: AlertKind, op: &'static Op, at_least: u64, conditions: &mut [Condition]) {
        self.any.store(true, Relaxed);
        let now = Instant::now();
        let condition = &mut conditions[kind as usize];
        condition.occurrences += 1;
        condition.last = Some(now);
        if condition.is_told || condition.occurrences < at_least {
            return;
        }
        condition.is_told = condition.last_told.is_none_or(|told| told + PAUSE <= now);
        if condition.is_told {
            condition.last_told = Some(now);
            self.tell(Alert::begins(kind, op, condition.occurrences));
        }
    }

    /// A call of `op` holds a connection for too long, or does so no more. `held` returns how many do
    /// now; it is asked once nobody else can change the condition.
    pub(super) fn leaks(&self, op: &'static Op, held: impl Fn() -> u32) {
        let mut conditions = self.conditions();
        match held() {
            0 => self.end(AlertKind::Leak, op, &mut *conditions),
            _ => self.begin(AlertKind::Leak, op, 1, &mut *conditions),
        }
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
        for kind in AlertKind::ALL {
            let is_over = match kind {
                AlertKind::ServerGone | AlertKind::CredentialsRefused => true,
                AlertKind::DiskFull => !op.read_only,
                AlertKind::OutcomeUnknown | AlertKind::Corruption => conditions[*kind as usize]
                    .last
                    .is_some_and(|last| last + QUIET <= now),
                // Its connection says that.
                AlertKind::Leak => false,
            };
            if is_over {
                self.end(*kind, op, &mut *conditions);
            }
        }
        let any = conditions.iter().any(|condition| condition.occurrences > 0);
        self.any.store(any, Relaxed);
    }

    fn end(&self, kind: AlertKind, op: &'static Op, conditions: &mut [Condition]) {
        let condition = &mut conditions[kind as usize];
        let occurrences = std::mem::take(&mut condition.occurrences);
        if std::mem::take(&mut condition.is_told) {
            self.tell(Alert::ends(kind, op, occurrences));
        }
    }

    fn tell(&self, alert: Alert) {
        alert.log();
        // Fails only if nobody listens.
        let _ = self.told.send(alert);
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
}
