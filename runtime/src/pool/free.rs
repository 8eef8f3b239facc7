//! [`FreeSubPools`]: which of several sub-pools are free.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

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
    _permit: OwnedSemaphorePermit,
}

impl FreeSubPools {
    pub(super) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            permits: Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS))),
            free: Mutex::new((0..count).collect()),
        })
    }

    /// Acquires a sub-pool before `until`. `None` if all of them were in use until then.
    pub(super) async fn acquire(
        self: &Arc<Self>,
        until: Instant,
        timer: &mut Timer,
    ) -> Option<SubPoolPermit> {
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let waiting = Arc::clone(&self.permits).acquire_owned();
                timer.until(until, waiting).await.ok()?.ok()?
            }
        };
        Some(self.take(permit))
    }

    fn take(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> SubPoolPermit {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        SubPoolPermit {
            free: Arc::clone(self),
            sub_pool: free.pop_front().expect("as many as there are permits"),
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
