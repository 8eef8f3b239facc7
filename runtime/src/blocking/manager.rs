//! [`Trusting`]: lets deadpool pool the connections of an r2d2 manager.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use deadpool_r2d2::{Runtime, SyncWrapper};
use r2d2::ManageConnection;

use crate::pool::TRUSTED_IDLE;
use crate::rt::within;

/// A manager for deadpool that does not try a connection that was used a moment ago. The manager of
/// deadpool-r2d2 would, at the cost of one more trip to the blocking pool for each call.
pub(super) struct Trusting<M> {
    manager: Arc<M>,
    /// When a connection was last found dead; `None` if never. Connections that were last handed
    /// out before that moment are doubtful.
    doubted: Mutex<Option<Instant>>,
    /// When a connection was last found to lead to a standby; `None` if never. Connections that were
    /// last handed out before that moment are closed.
    retired: Mutex<Option<Instant>>,
    /// How long a connection may take to show that it is alive; `None` for no limit.
    patience: Option<Duration>,
}

impl<M: ManageConnection> Trusting<M> {
    pub(super) fn new(manager: M, patience: Option<Duration>) -> Self {
        Self {
            manager: Arc::new(manager),
            doubted: Mutex::new(None),
            retired: Mutex::new(None),
            patience,
        }
    }

    /// Notes that a connection was found dead. Connections that are idle now are tried before they
    /// are used.
    pub(super) fn doubt_idle(&self) {
        *lock(&self.doubted) = Some(Instant::now());
    }

    /// Notes that a connection leads to a server that has become a standby. Those that were handed
    /// out before now are closed.
    pub(super) fn retire(&self) {
        *lock(&self.retired) = Some(Instant::now());
    }

    /// Asks a connection whether it is alive, for at most `patience`.
    async fn try_out(&self, slot: &mut SyncWrapper<Slot<M::Connection>>) -> RecycleResult<M::Error>
    where
        M: ManageConnection<Error: Send>,
    {
        let manager = Arc::clone(&self.manager);
        let trying = slot.interact(move |slot| manager.is_valid(&mut slot.conn));
        let tried = match within(self.patience, trying).await {
            Some(Ok(valid)) => valid.map_err(RecycleError::Backend),
            Some(Err(error)) => Err(RecycleError::message(error.to_string())),
            // The thread that asks still waits, until the operating system gives up.
            None => Err(RecycleError::message("it does not answer")),
        };
        if tried.is_err() {
            self.doubt_idle();
        }
        tried
    }

    /// Whether the connection may be used without asking whether it is alive.
    fn trusts(&self, uses: &Metrics) -> bool {
        uses.last_used() <= TRUSTED_IDLE && !is_before(uses, &self.doubted)
    }
}

fn lock(moment: &Mutex<Option<Instant>>) -> MutexGuard<'_, Option<Instant>> {
    moment.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a connection was last handed out before this moment.
fn is_before(uses: &Metrics, moment: &Mutex<Option<Instant>>) -> bool {
    let taken = uses.recycled.unwrap_or(uses.created);
    lock(moment).is_some_and(|moment| taken <= moment)
}

/// A connection of the pool.
pub(super) struct Slot<C> {
    pub(super) conn: C,
    /// Whether the guard of a `read_only` call is on. The guard stays on when that call ends, and
    /// is taken off for the next call that may write.
    pub(super) read_only: bool,
}

impl<M: ManageConnection<Error: Send>> managed::Manager for Trusting<M> {
    type Type = SyncWrapper<Slot<M::Connection>>;
    type Error = M::Error;

    async fn create(&self) -> Result<Self::Type, Self::Error> {
        let manager = Arc::clone(&self.manager);
        let connect = move || {
            let conn = manager.connect()?;
            let read_only = false;
            Ok(Slot { conn, read_only })
        };
        SyncWrapper::new(Runtime::Tokio1, connect).await
    }

    async fn recycle(&self, slot: &mut Self::Type, uses: &Metrics) -> RecycleResult<Self::Error> {
        if is_before(uses, &self.retired) {
            return Err(RecycleError::message("its server has become a standby"));
        }
        // The connection is idle in the pool, so nobody else holds the lock.
        match slot
            .lock()
            .map(|mut slot| self.manager.has_broken(&mut slot.conn))
        {
            Ok(false) => {}
            Ok(true) => return Err(RecycleError::message("it is broken")),
            Err(_) => return Err(RecycleError::message("its driver has panicked")),
        }
        if self.trusts(uses) {
            return Ok(());
        }
        // Boxed because this is rare: otherwise the future of every call would have room for it.
        Box::pin(self.try_out(slot)).await
    }
}
