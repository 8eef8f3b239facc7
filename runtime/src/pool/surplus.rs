//! [`Surplus`]: which connections of a pool are more than it needs.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use crate::rt::millis_between;

/// Whether calls have lately needed more connections than a pool keeps.
///
/// sqlx closes idle connections by their age alone, whatever number is to be kept, and opens new ones
/// to keep up a minimum. So where a minimum is set, sqlx closes none for being idle, and a connection
/// that is given back is closed if calls have not needed so many for a while.
#[derive(Debug)]
pub(super) struct Surplus {
    /// The number of connections that are kept.
    keep: u32,
    idle_timeout: Duration,
    opened: Instant,
    /// When calls last held more connections than are kept, in milliseconds since `opened`.
    needed: AtomicU64,
}

impl Surplus {
    pub(super) fn new(keep: u32, idle_timeout: Duration) -> Self {
        Self {
            keep,
            idle_timeout,
            opened: Instant::now(),
            needed: AtomicU64::new(0),
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
        let unneeded = self.millis(now).saturating_sub(self.needed.load(Relaxed));
        open > self.keep && u128::from(unneeded) > self.idle_timeout.as_millis()
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
        assert!(!surplus.is_one(3, start + 2 * minute));
        assert!(surplus.is_one(3, start + 3 * minute));
        assert!(!surplus.is_one(2, start + 9 * minute), "so many are kept");
    }
}
