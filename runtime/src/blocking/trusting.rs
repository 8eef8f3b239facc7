//! [`Trusting`]: connections of an r2d2 manager, for deadpool.

use std::sync::Arc;

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use deadpool_r2d2::{Runtime, SyncWrapper};
use r2d2::ManageConnection;

use crate::uses::TRUSTED_IDLE;

/// Unlike the manager of deadpool-r2d2, it does not try a connection that was used a moment ago: that
/// would be another trip to the blocking pool for each call.
pub(super) struct Trusting<M>(Arc<M>);

impl<M: ManageConnection> Trusting<M> {
    pub(super) fn new(manager: M) -> Self {
        Self(Arc::new(manager))
    }
}

/// A connection of the pool.
pub(super) struct Slot<C> {
    pub(super) conn: C,
    /// A call that only reads has made it read-only, and it is still so: the next may only read, too.
    pub(super) read_only: bool,
}

impl<M: ManageConnection<Error: Send>> managed::Manager for Trusting<M> {
    type Type = SyncWrapper<Slot<M::Connection>>;
    type Error = M::Error;

    async fn create(&self) -> Result<Self::Type, Self::Error> {
        let manager = Arc::clone(&self.0);
        let connect = move || {
            let conn = manager.connect()?;
            let read_only = false;
            Ok(Slot { conn, read_only })
        };
        SyncWrapper::new(Runtime::Tokio1, connect).await
    }

    async fn recycle(&self, slot: &mut Self::Type, uses: &Metrics) -> RecycleResult<Self::Error> {
        // Nobody else has it, so nothing waits for the lock.
        match slot
            .lock()
            .map(|mut slot| self.0.has_broken(&mut slot.conn))
        {
            Ok(false) => {}
            Ok(true) => return Err(RecycleError::message("it is broken")),
            Err(_) => return Err(RecycleError::message("its driver has panicked")),
        }
        if uses.last_used() <= TRUSTED_IDLE {
            return Ok(());
        }
        let manager = Arc::clone(&self.0);
        match slot
            .interact(move |slot| manager.is_valid(&mut slot.conn))
            .await
        {
            Ok(valid) => valid.map_err(RecycleError::Backend),
            Err(error) => Err(RecycleError::message(error.to_string())),
        }
    }
}
