//! [`Leaks`]: connections that calls hold for longer than they should.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::session_info::SessionInfo;
use crate::rt::FOREVER;

/// When a connection counts as held for too long, and how often that has happened.
#[derive(Debug)]
pub(super) struct Leaks {
    /// `FOREVER` if nothing is reported.
    pub(super) threshold: Duration,
    count: AtomicU64,
    /// How many connections are held for too long at this moment.
    now: AtomicU32,
}

/// The number of looks within one threshold.
const LOOKS: u32 = 4;
/// The time between two looks is not shorter or longer than this.
const PAUSES: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(15);

impl Leaks {
    /// Connections that are held for longer than `threshold` are reported.
    pub(super) fn new(threshold: Duration) -> Self {
        Self {
            threshold,
            count: AtomicU64::new(0),
            now: AtomicU32::new(0),
        }
    }

    pub(super) fn are_reported(&self) -> bool {
        self.threshold < FOREVER
    }

    /// How often a connection was held for too long.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// The time between two looks.
    pub(super) fn pause(&self) -> Duration {
        (self.threshold / LOOKS).clamp(*PAUSES.start(), *PAUSES.end())
    }

    /// How many connections are held for too long at this moment.
    pub(super) fn now(&self) -> u32 {
        self.now.load(Relaxed)
    }

    /// One more is held for too long. Called while the list of those that are held is locked, as is
    /// [`one_less`](Self::one_less), so that the two come in their order.
    pub(super) fn one_more(&self) {
        self.now.fetch_add(1, Relaxed);
    }

    pub(super) fn one_less(&self) {
        self.now.fetch_sub(1, Relaxed);
    }

    pub(super) fn report(&self, session: &SessionInfo) {
        self.count.fetch_add(1, Relaxed);
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(
            db.operation.name = session.operation,
            code.file.path = session.file,
            code.line.number = session.line,
            dbop.attempt = session.attempt,
            dbop.held_ms = millis(session.held_for),
            dbop.session.state = session.state.as_str(),
            dbop.session.state_ms = millis(session.state_for),
            "a call has held its connection for longer than `leak_threshold`; wait for slow things \
             before the call or after it, give the operation a `timeout`, or see who has stopped to \
             poll its future"
        );
    }
}
