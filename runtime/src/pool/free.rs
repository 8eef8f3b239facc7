//! [`FreeSubPools`]: which of several sub-pools are free.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::monitor::{Borrower, Registry};
use crate::rt::Timer;

/// The sub-pools that are free. The one that was given back first is handed out first.
#[derive(Debug)]
pub(super) struct FreeSubPools {
    permits: Arc<Semaphore>,
    free: Mutex<VecDeque<usize>>,
}

/// A permit to use one sub-pool. Dropping the permit frees the sub-pool.
#[derive(Debug)]
pub(super) struct SubPoolPermit {
    free: Arc<FreeSubPools>,
    /// The index of the sub-pool.
    pub(super) sub_pool: usize,
    /// Whether the call has waited for the sub-pool.
    pub(super) waited: bool,
    _permit: OwnedSemaphorePermit,
}

impl FreeSubPools {
    pub(super) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            permits: Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS))),
            free: Mutex::new((0..count).collect()),
        })
    }

    /// Acquires a sub-pool for a call before `until`. `None` if all of them were in use until then. A
    /// call that waits, since `now`, is counted in `queue`.
    pub(super) async fn acquire(
        self: &Arc<Self>,
        (by, queue): (Borrower, &Registry),
        now: Instant,
        until: Instant,
        timer: &mut Timer,
    ) -> Option<SubPoolPermit> {
        let (permit, waited) = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => (permit, false),
            Err(_) => {
                let _waiting = queue.wait(by, now);
                let waiting = Arc::clone(&self.permits).acquire_owned();
                (timer.until(until, waiting).await.ok()?.ok()?, true)
            }
        };
        Some(self.take(permit, waited))
    }

    fn take(self: &Arc<Self>, permit: OwnedSemaphorePermit, waited: bool) -> SubPoolPermit {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        SubPoolPermit {
            free: Arc::clone(self),
            sub_pool: free.pop_front().expect("as many as there are permits"),
            waited,
            _permit: permit,
        }
    }
}

impl Drop for SubPoolPermit {
    fn drop(&mut self) {
        let free = &self.free.free;
        let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
        free.push_back(self.sub_pool);
    }
}
