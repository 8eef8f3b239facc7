//! [`Trusting`]: lets deadpool pool the connections of an r2d2 manager.
//!
//! The pool knows its connections, and not the type of the manager that opens them. So a handle can
//! forget that type: see [`AnyManager`].

use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use deadpool_r2d2::{Runtime, SyncWrapper};
use r2d2::ManageConnection;

use super::connection::SyncConnection;
use crate::error::{Category, Class, Error, ErrorKind, Result, Retry};
use crate::pool::TRUSTED_IDLE;
use crate::rt::within;

/// An r2d2 manager whose connections implement [`SyncConnection`]: `r2d2_sqlite`'s, diesel's,
/// `r2d2_postgres`'s, or one of your own.
pub trait Manager: ManageConnection<Connection: SyncConnection, Error: Send + Sync> {}

impl<M: ManageConnection<Connection: SyncConnection, Error: Send + Sync>> Manager for M {}

/// Opens and tries connections: a [`Manager`] of any type.
pub(super) trait Connects<C>: Send + Sync {
    fn connect(&self) -> Result<C>;
    fn is_valid(&self, conn: &mut C) -> Result<()>;
    fn has_broken(&self, conn: &mut C) -> bool;
}

impl<M: Manager> Connects<M::Connection> for M {
    fn connect(&self) -> Result<M::Connection> {
        ManageConnection::connect(self).map_err(unavailable::<M>)
    }

    fn is_valid(&self, conn: &mut M::Connection) -> Result<()> {
        ManageConnection::is_valid(self, conn).map_err(unavailable::<M>)
    }

    fn has_broken(&self, conn: &mut M::Connection) -> bool {
        ManageConnection::has_broken(self, conn)
    }
}

fn unavailable<M: Manager>(error: M::Error) -> Error {
    let class = M::Connection::classify(&error).unwrap_or(Class {
        category: Category::Internal,
        kind: ErrorKind::Connection,
        retry: Retry::Never,
    });
    Error::of_driver(class, error)
        .advise("no connection could be opened; check what the manager was given")
}

/// Stands for a [`Manager`] of any type that opens connections of the type `C`, as in
/// `BlockingDb<AnyManager<rusqlite::Connection>>`. There are no values of this type: the pool of such
/// a handle keeps the manager that it was made with.
#[derive(Debug)]
pub struct AnyManager<C> {
    none: Infallible,
    connection: PhantomData<fn() -> C>,
}

impl<C: SyncConnection> ManageConnection for AnyManager<C> {
    type Connection = C;
    type Error = Error;

    fn connect(&self) -> Result<C> {
        match self.none {}
    }

    fn is_valid(&self, _: &mut C) -> Result<()> {
        match self.none {}
    }

    fn has_broken(&self, _: &mut C) -> bool {
        match self.none {}
    }
}

/// A manager for deadpool that does not try a connection that was used a moment ago. The manager of
/// deadpool-r2d2 would, at the cost of one more trip to the blocking pool for each call.
pub(super) struct Trusting<C> {
    manager: Arc<dyn Connects<C>>,
    /// When a connection was last found dead; `None` if never. Connections that were last handed
    /// out before that moment are doubtful.
    doubted: Mutex<Option<Instant>>,
    /// When a connection was last found to lead to a standby; `None` if never. Connections that were
    /// last handed out before that moment are closed.
    retired: Mutex<Option<Instant>>,
    /// How long a connection may take to show that it is alive; `None` for no limit.
    patience: Option<Duration>,
}

impl<C: SyncConnection> Trusting<C> {
    pub(super) fn new(manager: impl Connects<C> + 'static, patience: Option<Duration>) -> Self {
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
    async fn try_out(&self, slot: &mut SyncWrapper<Slot<C>>) -> RecycleResult<Error> {
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

impl<C: SyncConnection> managed::Manager for Trusting<C> {
    type Type = SyncWrapper<Slot<C>>;
    type Error = Error;

    async fn create(&self) -> Result<Self::Type> {
        let manager = Arc::clone(&self.manager);
        let connect = move || {
            let conn = manager.connect()?;
            let read_only = false;
            Ok(Slot { conn, read_only })
        };
        SyncWrapper::new(Runtime::Tokio1, connect).await
    }

    async fn recycle(&self, slot: &mut Self::Type, uses: &Metrics) -> RecycleResult<Error> {
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
