//! [`Periodic`]: work that is done from time to time, by one of many calls.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Work that is done by the first call that asks when the work is due.
#[derive(Debug)]
pub(crate) struct Periodic {
    every: Duration,
    /// When the work was last begun. `None` if the work is due at once.
    last: Mutex<Option<Instant>>,
}

impl Periodic {
    pub(crate) fn new(every: Duration) -> Self {
        Self {
            every,
            last: Mutex::new(None),
        }
    }

    /// Whether the caller has to do the work. If so, no other caller has to until it is due again.
    pub(crate) fn is_due(&self) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= self.every);
        if due {
            *last = Some(Instant::now());
        }
        due
    }

    /// Notes that the work was not finished, so that the next caller goes on with it.
    pub(crate) fn is_unfinished(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
