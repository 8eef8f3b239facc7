//! [`Recency`]: whether an idle connection may be used without being tried first.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use crate::rt::millis_between;

/// A connection that was idle for longer is tried before it is used.
pub(crate) const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// When connections of a pool were last taken.
///
/// sqlx tells only its own hooks how long a connection was idle, and running them costs a timer.
/// This type finds a bound without them. The pool hands out first the connection that was given
/// back first. So while one connection is idle, each of the others can be taken at most once. In a
/// pool of three, for example, the third last time that any connection was taken is before the
/// moment at which the next connection to be handed out was given back. If that time was less than
/// a second ago, the connection has been idle for less than a second.
#[derive(Debug)]
pub(crate) struct Recency {
    opened: Instant,
    /// When connections were last taken, in milliseconds since `opened`. A ring with one entry for
    /// each connection.
    taken: Box<[AtomicU64]>,
    next: AtomicUsize,
    /// The first millisecond after a connection was last found dead, since `opened`. A connection
    /// that has been idle since before then is doubtful: whatever ended one connection, a failover
    /// or a firewall, has often ended the others.
    doubted: AtomicU64,
    /// Like `doubted`, for a server that has become a standby. Its connections still answer, so
    /// those that have been idle since before then are closed.
    retired: AtomicU64,
}

impl Recency {
    /// Creates the record of a pool that may have `most` connections.
    pub(crate) fn new(most: u32) -> Self {
        Self {
            opened: Instant::now(),
            taken: (0..most).map(|_| AtomicU64::new(0)).collect(),
            next: AtomicUsize::new(0),
            doubted: AtomicU64::new(0),
            retired: AtomicU64::new(0),
        }
    }

    /// Notes that a connection was found dead. Those that are idle `now` are doubtful until they
    /// have been used.
    pub(crate) fn doubt(&self, now: Instant) {
        self.doubted.fetch_max(self.millis(now) + 1, Relaxed);
    }

    /// Notes that a connection leads to a server that has become a standby, and probably those that
    /// are idle `now` as well.
    pub(crate) fn retire(&self, now: Instant) {
        self.retired.fetch_max(self.millis(now) + 1, Relaxed);
        self.doubt(now);
    }

    /// Whether a connection is to be closed and not used, if it has been idle for `idle_for`.
    pub(crate) fn is_retired(&self, now: Instant, idle_for: Duration) -> bool {
        self.idle_since(now, idle_for) < self.retired.load(Relaxed)
    }

    /// Whether a connection has to be tried before it is used, if it has been idle for `idle_for`.
    pub(crate) fn is_doubtful(&self, now: Instant, idle_for: Duration) -> bool {
        let idle_since = self.idle_since(now, idle_for);
        idle_for > TRUSTED_IDLE || idle_since < self.doubted.load(Relaxed)
    }

    fn idle_since(&self, now: Instant, idle_for: Duration) -> u64 {
        self.millis(now.checked_sub(idle_for).unwrap_or(self.opened))
    }

    /// Notes that a connection was taken.
    pub(crate) fn acquired(&self, now: Instant) {
        let index = self.next.fetch_add(1, Relaxed);
        self.taken[index % self.taken.len()].store(self.millis(now), Relaxed);
    }

    /// Whether the pool, with `open` connections, may hand out an idle one without trying it first.
    pub(crate) fn trusts_idle(&self, now: Instant, open: u32) -> bool {
        let taken = self.next.load(Relaxed);
        let open = usize::try_from(open).unwrap_or(usize::MAX);
        if open > self.taken.len() || open > taken {
            return false;
        }
        let first = self.taken[(taken - open) % self.taken.len()].load(Relaxed);
        let is_recent = self.millis(now).saturating_sub(first) < TRUSTED_IDLE.as_millis() as u64;
        is_recent && first >= self.doubted.load(Relaxed)
    }

    fn millis(&self, now: Instant) -> u64 {
        millis_between(self.opened, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(1);

    #[test]
    fn a_connection_is_trusted_for_a_second_after_it_was_taken() {
        let recency = Recency::new(1);
        let start = recency.opened;
        assert!(!recency.trusts_idle(start, 1), "never taken");
        recency.acquired(start);
        assert!(recency.trusts_idle(start + TRUSTED_IDLE - MOMENT, 1));
        assert!(!recency.trusts_idle(start + TRUSTED_IDLE, 1));
        recency.acquired(start + TRUSTED_IDLE);
        assert!(recency.trusts_idle(start + TRUSTED_IDLE + MOMENT, 1));
    }

    #[test]
    fn one_busy_connection_does_not_vouch_for_the_others() {
        let recency = Recency::new(3);
        let start = recency.opened;
        recency.acquired(start);
        recency.acquired(start);
        recency.acquired(start);
        let later = start + TRUSTED_IDLE;
        recency.acquired(later);
        recency.acquired(later);
        assert!(recency.trusts_idle(later, 2));
        assert!(!recency.trusts_idle(later, 3));
        recency.acquired(later);
        assert!(recency.trusts_idle(later, 3));
    }

    #[test]
    fn after_one_is_found_dead_those_idle_then_are_doubtful_until_they_were_used() {
        let recency = Recency::new(2);
        let start = recency.opened + MOMENT;
        recency.acquired(start);
        recency.acquired(start);
        assert!(recency.trusts_idle(start, 2));
        assert!(!recency.is_doubtful(start, Duration::ZERO));
        let found = start + 10 * MOMENT;
        recency.doubt(found);
        assert!(!recency.trusts_idle(found, 2), "nobody has tried them");
        let later = found + 10 * MOMENT;
        assert!(recency.is_doubtful(later, 11 * MOMENT));
        assert!(!recency.is_doubtful(later, 5 * MOMENT), "given back since");
        recency.acquired(later);
        assert!(!recency.trusts_idle(later, 2), "one of them was not taken");
        recency.acquired(later);
        assert!(recency.trusts_idle(later, 2));
    }

    #[test]
    fn after_a_standby_is_met_those_idle_then_are_retired_and_later_ones_are_not() {
        let recency = Recency::new(2);
        let start = recency.opened + MOMENT;
        recency.acquired(start);
        recency.acquired(start);
        assert!(!recency.is_retired(start, Duration::ZERO));
        let met = start + 10 * MOMENT;
        recency.retire(met);
        assert!(!recency.trusts_idle(met, 2), "the pool has to look at them");
        let later = met + 10 * MOMENT;
        assert!(recency.is_retired(later, 11 * MOMENT));
        assert!(!recency.is_retired(later, 5 * MOMENT), "given back since");
        recency.doubt(later);
        let doubted = later + 2 * MOMENT;
        assert!(recency.is_doubtful(doubted, 3 * MOMENT));
        assert!(!recency.is_retired(doubted, 3 * MOMENT), "doubted only");
    }

    /// Simulates a pool that hands out first what was given back first, with connections that are
    /// held for random times.
    #[test]
    fn what_is_trusted_was_given_back_within_the_second() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let recency = Recency::new(5);
        let mut now = recency.opened;
        let mut idle: std::collections::VecDeque<_> = (0..5).map(|_| now).collect();
        let mut held = 0;
        let mut trusted = 0;
        for _ in 0..50_000 {
            now += Duration::from_millis(random.u64(..300));
            if held > 0 && random.bool() {
                idle.push_back(now);
                held -= 1;
            } else if let Some(&given_back) = idle.front() {
                if recency.trusts_idle(now, 5) {
                    trusted += 1;
                    assert!(now - given_back <= TRUSTED_IDLE);
                }
                idle.pop_front();
                held += 1;
                // The application takes some connections from the pool itself.
                if random.u8(..4) > 0 {
                    recency.acquired(now);
                }
            }
        }
        assert!(trusted > 0);
    }
}
