//! [`Cutoff`]: the moment from which many calls wait for nothing more.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use tokio::time::Instant;

/// A moment, not known before, at which everybody who waits is woken and waits no longer.
#[derive(Debug, Default)]
pub(crate) struct Cutoff {
    /// Read without a lock, because every wait asks.
    at: OnceLock<Instant>,
    seats: Mutex<Seats>,
}

/// The waiters that are woken. A seat that is left is used again, so that a wait allocates nothing.
#[derive(Debug, Default)]
struct Seats {
    /// `None` where nobody waits.
    wakers: Vec<Option<Waker>>,
    /// The indices of the seats that nobody has.
    free: Vec<usize>,
}

impl Cutoff {
    /// Says that the moment is now. A second time changes nothing. Returns the moment.
    pub(crate) fn now(&self) -> Instant {
        let at = *self.at.get_or_init(Instant::now);
        let wakers: Vec<_> = self.seats().wakers.iter_mut().map(Option::take).collect();
        // Nothing is locked here, because a waker runs code that is not ours.
        wakers.into_iter().flatten().for_each(Waker::wake);
        at
    }

    /// The moment; `None` if it has not come.
    #[inline]
    pub(crate) fn at(&self) -> Option<Instant> {
        self.at.get().copied()
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one who waits, until this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    cutoff: Arc<Cutoff>,
    index: usize,
    /// What is woken, as it is in the seat. Kept twice, so that to look needs no lock.
    waker: Waker,
}

impl Seat {
    /// A waiter that is woken at the cutoff by this waker. Whoever waits has to ask after this
    /// whether the cutoff has come, because it may have come just before.
    pub(super) fn new(cutoff: &Arc<Cutoff>, waker: &Waker) -> Self {
        let seated = Some(waker.clone());
        let mut seats = cutoff.seats();
        let index = match seats.free.pop() {
            Some(index) => {
                seats.wakers[index] = seated;
                index
            }
            None => {
                seats.wakers.push(seated);
                seats.wakers.len() - 1
            }
        };
        drop(seats);
        Self {
            cutoff: Arc::clone(cutoff),
            index,
            waker: waker.clone(),
        }
    }

    /// From now on, another waker may be the one that is woken.
    #[inline]
    pub(super) fn is_woken_by(&mut self, waker: &Waker) {
        if !self.waker.will_wake(waker) {
            self.waker.clone_from(waker);
            let seated = Some(waker.clone());
            let before = std::mem::replace(&mut self.cutoff.seats().wakers[self.index], seated);
            drop(before);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.cutoff.seats();
        let waker = seats.wakers[self.index].take();
        seats.free.push(self.index);
        drop(seats);
        // Only now, because to drop a waker runs code that is not ours.
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicU32);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    fn waker() -> (Arc<Woken>, Waker) {
        let woken = Arc::<Woken>::default();
        (Arc::clone(&woken), Waker::from(woken))
    }

    #[test]
    fn whoever_still_waits_is_woken_once_by_the_last_waker() {
        let cutoff = Arc::<Cutoff>::default();
        let (gone, waits, moved, other) = (waker(), waker(), waker(), waker());
        let first = Seat::new(&cutoff, &gone.1);
        let _second = Seat::new(&cutoff, &waits.1);
        drop(first);
        let mut third = Seat::new(&cutoff, &moved.1);
        assert_eq!(cutoff.seats().wakers.len(), 2, "a seat is used again");
        third.is_woken_by(&moved.1);
        third.is_woken_by(&other.1);
        let at = cutoff.now();
        assert_eq!((cutoff.at(), cutoff.now()), (Some(at), at));
        let counts = [gone, waits, moved, other].map(|(woken, _)| woken.0.load(SeqCst));
        assert_eq!(counts, [0, 1, 0, 1]);
    }

    /// A waker that has a seat of its own, which is dropped with the waker.
    struct Nested(Seat);

    impl Wake for Nested {
        fn wake(self: Arc<Self>) {
            assert!(self.0.cutoff.at().is_some());
        }
    }

    #[test]
    fn a_waker_may_take_and_leave_seats_when_it_is_woken_replaced_and_dropped() {
        let cutoff = Arc::<Cutoff>::default();
        let nested = || Waker::from(Arc::new(Nested(Seat::new(&cutoff, Waker::noop()))));
        let mut seat = Seat::new(&cutoff, &nested());
        seat.is_woken_by(&nested());
        let left = Seat::new(&cutoff, &nested());
        drop(left);
        cutoff.now();
        drop(seat);
        let seats = cutoff.seats();
        assert_eq!(seats.free.len(), seats.wakers.len());
    }
}
