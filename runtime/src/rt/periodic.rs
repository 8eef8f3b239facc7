//! [`Periodic`]: work that one call does now and then.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Work that is done by whichever call comes by when the work is due.
#[derive(Debug)]
pub(crate) struct Periodic {
    every: Duration,
    /// `None`: the work is due at once.
    last: Mutex<Option<Instant>>,
}

impl Periodic {
    pub(crate) fn new(every: Duration) -> Self {
        Self {
            every,
            last: Mutex::new(None),
        }
    }

    /// Whether the caller has to do the work. Nobody else is asked until the next time.
    pub(crate) fn is_due(&self) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= self.every);
        if due {
            *last = Some(Instant::now());
        }
        due
    }

    /// The work was not finished, so the next caller goes on with it.
    pub(crate) fn is_unfinished(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
