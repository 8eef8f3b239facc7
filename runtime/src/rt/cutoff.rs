//! [`Cutoff`]: the moment from which many calls wait for nothing more.

use std::sync::OnceLock;

use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A moment, not known before, at which everybody who waits is woken and waits no longer.
#[derive(Debug, Default)]
pub(crate) struct Cutoff {
    /// Read without a lock, because every wait asks.
    at: OnceLock<Instant>,
    waker: CancellationToken,
}

impl Cutoff {
    /// Says that the moment is now. A second time changes nothing. Returns the moment.
    pub(crate) fn now(&self) -> Instant {
        let at = *self.at.get_or_init(Instant::now);
        self.waker.cancel();
        at
    }

    /// The moment; `None` if it has not come.
    #[inline]
    pub(crate) fn at(&self) -> Option<Instant> {
        self.at.get().copied()
    }

    /// Waits for the moment.
    pub(crate) fn reached(&self) -> WaitForCancellationFutureOwned {
        self.waker.clone().cancelled_owned()
    }
}
