//! [`Surplus`]: which connections of a pool are more than it needs.
//!
//! sqlx closes idle connections by their age alone, whatever number is to be kept, and opens new ones
//! to keep up a minimum. So where a minimum is set, sqlx closes none for being idle. Connections are
//! closed if calls have not needed so many for the whole idle timeout.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::time::Duration;

use tokio::time::Instant;

use crate::rt::millis_between;

/// Whether calls have lately needed more connections than a pool keeps.
#[derive(Debug)]
pub(super) struct Surplus {
    /// The number of connections that are kept.
    keep: u32,
    pub(super) idle_timeout: Duration,
    opened: Instant,
    /// When calls last held more connections than are kept, in milliseconds since `opened`.
    needed: AtomicU64,
    /// The number of connections that are being closed for this, which the pool still counts as open.
    closing: AtomicU32,
    /// Whether a task closes what is more than needed.
    pub(super) is_watched: AtomicBool,
}

impl Surplus {
    pub(super) fn new(keep: u32, idle_timeout: Duration) -> Self {
        Self {
            keep,
            idle_timeout,
            opened: Instant::now(),
            needed: AtomicU64::new(0),
            closing: AtomicU32::new(0),
            is_watched: AtomicBool::new(false),
        }
    }

    /// Calls hold this many connections.
    pub(super) fn held(&self, connections: u32, now: Instant) {
        if connections > self.keep {
            self.needed.fetch_max(self.millis(now), Relaxed);
        }
    }

    /// Whether a connection of a pool that has this many open is to be closed.
    pub(super) fn is_one(&self, open: u32, now: Instant) -> bool {
        self.is_above(open, self.closing.load(Acquire)) && self.left(now).is_zero()
    }

    /// Like [`is_one`](Self::is_one). If so, the connection counts as one that is being closed, until
    /// [`closed`](Self::closed) is called.
    pub(super) fn claim(&self, open: impl Fn() -> u32, now: Instant) -> bool {
        // `open` is called after `closing` was read. It is therefore not the number from before the
        // end of a connection that does not count in `closing` any more.
        let claim = |closing| self.is_above(open(), closing).then_some(closing + 1);
        self.left(now).is_zero() && self.closing.fetch_update(AcqRel, Acquire, claim).is_ok()
    }

    /// Notes that a connection for which there was a claim has left the pool.
    pub(super) fn closed(&self) {
        self.closing.fetch_sub(1, Release);
    }

    fn is_above(&self, open: u32, closing: u32) -> bool {
        open.saturating_sub(closing) > self.keep
    }

    /// How long after `now` connections that calls do not need any more are a surplus.
    pub(super) fn left(&self, now: Instant) -> Duration {
        let unneeded = self.millis(now).saturating_sub(self.needed.load(Relaxed));
        self.idle_timeout
            .saturating_sub(Duration::from_millis(unneeded))
    }

    fn millis(&self, now: Instant) -> u64 {
        millis_between(self.opened, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_more_than_needed_when_fewer_were_held_for_the_whole_idle_timeout() {
        let minute = Duration::from_secs(60);
        let surplus = Surplus::new(2, minute);
        let start = surplus.opened;
        surplus.held(3, start + minute);
        surplus.held(2, start + 2 * minute);
        assert!(!surplus.is_one(3, start + 2 * minute - Duration::from_millis(1)));
        assert!(surplus.is_one(3, start + 3 * minute));
        assert!(!surplus.is_one(2, start + 9 * minute), "so many are kept");
    }

    #[test]
    fn connections_that_are_being_closed_do_not_count_as_kept() {
        let surplus = Surplus::new(2, Duration::ZERO);
        let now = surplus.opened;
        assert!(surplus.claim(|| 4, now) && surplus.claim(|| 4, now));
        assert!(!surplus.is_one(4, now) && !surplus.claim(|| 4, now));
        surplus.closed();
        assert!(!surplus.is_one(3, now) && !surplus.claim(|| 3, now));
        assert!(surplus.is_one(4, now), "another one was opened");
    }
}
