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

impl<M: ManageConnection<Error: Send>> managed::Manager for Trusting<M> {
    type Type = SyncWrapper<M::Connection>;
    type Error = M::Error;

    async fn create(&self) -> Result<Self::Type, Self::Error> {
        let manager = Arc::clone(&self.0);
        SyncWrapper::new(Runtime::Tokio1, move || manager.connect()).await
    }

    async fn recycle(&self, conn: &mut Self::Type, uses: &Metrics) -> RecycleResult<Self::Error> {
        // Nobody else has it, so nothing waits for the lock.
        match conn.lock().map(|mut conn| self.0.has_broken(&mut conn)) {
            Ok(false) => {}
            Ok(true) => return Err(RecycleError::message("it is broken")),
            Err(_) => return Err(RecycleError::message("its driver has panicked")),
        }
        if uses.last_used() <= TRUSTED_IDLE {
            return Ok(());
        }
        let manager = Arc::clone(&self.0);
        match conn.interact(move |conn| manager.is_valid(conn)).await {
            Ok(valid) => valid.map_err(RecycleError::Backend),
            Err(error) => Err(RecycleError::message(error.to_string())),
        }
    }
}
