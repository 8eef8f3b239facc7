//! [`Periodic`]: work that is done from time to time, by one of many calls.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Work that is done by the first call that asks when the work is due.
#[derive(Debug)]
pub(crate) struct Periodic {
    every: Duration,
    /// When the work was last begun. `None` if the work is due at once.
    last: Mutex<Option<Instant>>,
    /// How many do the work instead of the calls.
    elsewhere: AtomicU32,
}

impl Periodic {
    pub(crate) fn new(every: Duration) -> Self {
        Self {
            every,
            last: Mutex::new(None),
            elsewhere: AtomicU32::new(0),
        }
    }

    /// Whether the caller has to do the work. If so, no other caller has to until it is due again.
    pub(crate) fn is_due(&self) -> bool {
        if self.elsewhere.load(Ordering::Relaxed) > 0 {
            return false;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= self.every);
        if due {
            *last = Some(Instant::now());
        }
        due
    }

    /// Somebody else does the work until the returned value is dropped, and no caller has to.
    pub(crate) fn take_over(&self) -> TakenOver<'_> {
        self.elsewhere.fetch_add(1, Ordering::Relaxed);
        TakenOver(self)
    }

    /// Notes that the work was not finished, so that the next caller goes on with it.
    pub(crate) fn is_unfinished(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// See [`Periodic::take_over`].
#[derive(Debug)]
pub(crate) struct TakenOver<'a>(&'a Periodic);

impl Drop for TakenOver<'_> {
    fn drop(&mut self) {
        self.0.elsewhere.fetch_sub(1, Ordering::Relaxed);
    }
}
