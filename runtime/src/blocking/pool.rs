//! [`BlockingDb`]: a pool of connections of a synchronous driver.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use deadpool::managed::{Object, PoolError, QueueMode};
use deadpool_r2d2::Pool;
use pin_project_lite::pin_project;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::bridge;
use super::connection::SyncConnection;
use super::manager::{AnyManager, Manager, Slot, Trusting};
use crate::db::Settings;
use crate::error::{Category, Class, Error, ErrorKind, Result, Retry};
use crate::monitor::{Borrower, Holding, Registry, SessionState};
use crate::policy::{Defaults, Shutdown};
use crate::pool::{Origin, exhausted, is_late, unopened};
use crate::rt::{Timer, Uninterrupted};

/// The database of plain functions under `#[db_op]` and `#[transactional]`: a pool of a synchronous
/// driver's connections, and the defaults of calls on that pool. A clone is another handle to the
/// same pool.
///
/// Bodies run on tokio's blocking pool, so that the driver never blocks a thread of the runtime. A
/// connection belongs to the thread that runs the body until the body has ended, even if the caller
/// has gone away or its deadline has passed. No other call gets a connection while a transaction is
/// open on it. On SQLite, calls that may write take turns.
///
/// ```
/// # #[cfg(feature = "rusqlite")]
/// # mod example {
/// use dbop::{BlockingDb, db_op, transactional};
/// use r2d2_sqlite::SqliteConnectionManager;
///
/// #[transactional]
/// fn add_user(conn: &mut rusqlite::Connection, name: &str) -> dbop::Result<i64> {
///     conn.execute("INSERT INTO users (name) VALUES (?1)", [name])?;
///     Ok(conn.last_insert_rowid())
/// }
///
/// # pub
/// async fn example() -> dbop::Result<()> {
///     let manager = SqliteConnectionManager::file("file:users?mode=memory&cache=shared")
///         .with_init(|conn| conn.execute_batch("PRAGMA foreign_keys = ON"));
///     let db = BlockingDb::new(manager);
///     # schema(&db).await?;
///     assert_eq!(add_user(&db, "Ada").await?, 1);
///     Ok(())
/// }
/// # #[db_op]
/// # fn schema(conn: &mut rusqlite::Connection) -> dbop::Result<()> {
/// #     Ok(conn.execute_batch("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")?)
/// # }
/// # }
/// # #[cfg(feature = "rusqlite")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> dbop::Result<()> { example::example().await }
/// # #[cfg(not(feature = "rusqlite"))]
/// # fn main() {}
/// ```
pub struct BlockingDb<M: Manager> {
    inner: Arc<BlockingDbInner<M::Connection>>,
    manager: PhantomData<fn() -> M>,
}

pub(super) struct BlockingDbInner<C: SyncConnection> {
    /// `None` only while this is dropped.
    pool: Option<Pool<Trusting<C>>>,
    pub(super) size: u32,
    /// One permit for each connection. Calls wait here with their deadline, and never in deadpool's
    /// own queue.
    places: Arc<Semaphore>,
    /// The turn to write, on a database that lets one connection write at a time; otherwise `None`.
    writer: Option<Arc<Semaphore>>,
    /// The connections that calls hold.
    pub(super) held: Arc<Registry>,
    defaults: Defaults,
}

impl<M: Manager> BlockingDb<M> {
    /// Makes the pool with these settings. No connection is opened yet.
    pub(super) fn of(manager: M, settings: &Settings) -> Self {
        let size = settings.pool.max_connections;
        let most = usize::try_from(size).unwrap_or(usize::MAX);
        // A database that is a file asks nobody over a network, so its answer needs no time limit.
        let patience = settings.pool.validation_timeout;
        let patience = (!M::Connection::ONE_WRITER).then_some(patience);
        let manager = Trusting::new(manager, patience);
        let pool = Pool::builder(manager)
            .max_size(most)
            // The connection that was used last has its pages and statements in its caches.
            .queue_mode(QueueMode::Lifo)
            .build()
            .expect("only timeouts could need what is missing, and none are set");
        let writer = M::Connection::ONE_WRITER.then(|| Arc::new(Semaphore::new(1)));
        let defaults = settings.defaults();
        let inner = Arc::new(BlockingDbInner {
            pool: Some(pool),
            size,
            places: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            writer,
            held: Registry::new(&defaults.monitor),
            defaults,
        });
        #[cfg(feature = "metrics")]
        inner.report();
        Self::new_handle(inner)
    }

    fn new_handle(inner: Arc<BlockingDbInner<M::Connection>>) -> Self {
        let manager = PhantomData;
        Self { inner, manager }
    }

    /// Returns another handle to the same pool, whose type does not say who opens the connections.
    #[must_use]
    pub fn with_any_manager(&self) -> BlockingDb<AnyManager<M::Connection>> {
        BlockingDb::new_handle(Arc::clone(&self.inner))
    }

    /// Shuts the handle down: no call begins any more, calls that run have this long to finish, and all
    /// connections are closed. [`Db::shutdown`](crate::Db::shutdown) says what holds for whom.
    ///
    /// At the deadline, the statements of a transaction or a `read_only` body are interrupted, and the
    /// body commits nothing any more. Its thread cannot be stopped. If the body has not returned 6 s
    /// later, the result counts it as [unfinished](Shutdown::unfinished).
    pub async fn shutdown(&self, time: Duration) -> Shutdown {
        let close = || async { self.close() };
        Box::pin(self.defaults().running_on_handle().shut_down(time, close)).await
    }

    /// Closes the pool without waiting. Calls that have a connection finish. Later calls, and calls
    /// that still wait for a connection, fail with [`ErrorKind::PoolClosed`].
    /// [`shutdown`](Self::shutdown) waits for calls that run.
    pub fn close(&self) {
        self.inner.places.close();
        bridge::closing(|| self.inner.pool().close());
    }

    pub(crate) fn defaults(&self) -> &Defaults {
        &self.inner.defaults
    }

    /// Returns the connections that calls hold.
    pub(super) fn held(&self) -> &Registry {
        &self.inner.held
    }

    /// Returns how many connections the pool may have.
    pub(crate) fn size(&self) -> u32 {
        self.inner.size
    }

    /// Returns whether calls hold as many connections as the pool may have.
    pub(super) fn is_full(&self) -> bool {
        self.inner.places.available_permits() == 0
    }

    /// Notes that a connection was found dead. Connections that are idle now are tried before they
    /// are used.
    pub(crate) fn doubt_idle(&self) {
        self.inner.pool().manager().doubt_idle();
    }

    /// Notes that a connection leads to a server that has become a standby. Connections that were
    /// handed out before now are closed before the next use.
    pub(crate) fn retire(&self) {
        self.inner.pool().manager().retire();
    }

    /// Acquires a connection for a call, which has asked for it at `asked`; fails if none can be had
    /// before `until`.
    pub(crate) async fn acquire(
        &self,
        by: Borrower,
        asked: Instant,
        until: Instant,
        timer: &mut Timer,
    ) -> Result<Checkout<M::Connection>> {
        let checkout = self.check_out(by, asked, until, timer).await;
        checkout.inspect_err(|error| {
            if is_late(error) {
                self.inner.held.report.timed_out();
            }
        })
    }

    async fn check_out(
        &self,
        by: Borrower,
        asked: Instant,
        until: Instant,
        timer: &mut Timer,
    ) -> Result<Checkout<M::Connection>> {
        let inner = &*self.inner;
        let turn = match &inner.writer {
            Some(writer) if !by.op.read_only => {
                Some(inner.wait_for(writer, by, true, until, timer).await?)
            }
            _ => None,
        };
        let place = inner
            .wait_for(&inner.places, by, false, until, timer)
            .await?;
        let pool = inner.pool().clone();
        let opened = Instant::now();
        let holding = inner.held.hold(by, opened);
        holding.progress().starts_in(SessionState::HandedOut);
        // The future of the pool would close its connection if it was dropped half-way, and with
        // the connection a database in memory. So the future is not dropped, but finishes in a
        // task.
        let opening = async move {
            let object = pool.get().await.map_err(unavailable)?;
            Ok(Checkout {
                object: Some(object),
                keep: true,
                _holding: holding,
                _place: place,
                _turn: turn,
            })
        };
        let opening = Uninterrupted::new(Closing {
            opening: Some(opening),
        });
        let checkout = timer.until(until, opening).await;
        let checkout =
            checkout.unwrap_or_else(|_| Err(unopened("the database", opened.elapsed())))?;
        if checkout.origin() == Origin::New {
            inner.held.report.opened(opened);
        }
        inner.held.report.acquired(asked);
        Ok(checkout)
    }
}

pin_project! {
    /// Acquires a connection from the pool. If this is dropped half-way, the connection may be
    /// closed there, outside of any runtime or while its runtime ends.
    struct Closing<F> {
        // `None` only while this is dropped.
        #[pin]
        opening: Option<F>,
    }

    impl<F> PinnedDrop for Closing<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            bridge::closing(|| this.opening.set(None));
        }
    }
}

impl<F: Future> Future for Closing<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let opening = self.project().opening.as_pin_mut();
        opening.expect("held until it is dropped").poll(cx)
    }
}

fn unavailable(error: PoolError<Error>) -> Error {
    match error {
        PoolError::Backend(error) => error,
        PoolError::Closed => closed(),
        // The pool has no timeouts and no hooks, so no other error is expected.
        other => Error::programming(ErrorKind::Configuration, other.to_string()),
    }
}

fn closed() -> Error {
    Error::new(
        Class {
            category: Category::Resource,
            kind: ErrorKind::PoolClosed,
            retry: Retry::Never,
        },
        "the pool has been closed; close a handle only when no call can follow",
    )
}

impl<C: SyncConnection> BlockingDbInner<C> {
    async fn wait_for(
        &self,
        queue: &Arc<Semaphore>,
        by: Borrower,
        one_writer: bool,
        until: Instant,
        timer: &mut Timer,
    ) -> Result<OwnedSemaphorePermit> {
        // A free permit needs no timer.
        if let Ok(permit) = Arc::clone(queue).try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = self.held.wait(by, Instant::now());
        match timer.until(until, Arc::clone(queue).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(closed()),
            Err(_) => Err(exhausted(self.size, one_writer, self.held.sessions())),
        }
    }

    pub(super) fn pool(&self) -> &Pool<Trusting<C>> {
        self.pool.as_ref().expect("held until it is dropped")
    }
}

impl<C: SyncConnection> Drop for BlockingDbInner<C> {
    fn drop(&mut self) {
        bridge::closing(|| drop(self.pool.take()));
    }
}

impl<M: Manager> Clone for BlockingDb<M> {
    fn clone(&self) -> Self {
        Self::new_handle(Arc::clone(&self.inner))
    }
}

impl<M: Manager> fmt::Debug for BlockingDb<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingDb")
            .field("system", &M::Connection::SYSTEM)
            .finish_non_exhaustive()
    }
}

/// A borrowed connection.
pub(crate) struct Checkout<C: SyncConnection> {
    object: Option<Object<Trusting<C>>>,
    /// Whether the connection goes back to the pool when this is dropped. Otherwise it is closed.
    pub(super) keep: bool,
    // Dropped after `drop` has given the connection back.
    _holding: Holding,
    _place: OwnedSemaphorePermit,
    _turn: Option<OwnedSemaphorePermit>,
}

impl<C: SyncConnection> Checkout<C> {
    /// Returns whether the connection was opened for this call or was idle in the pool.
    pub(crate) fn origin(&self) -> Origin {
        let object = self.object.as_ref().expect("held until it is dropped");
        match Object::metrics(object).recycled {
            Some(_) => Origin::Idle,
            None => Origin::New,
        }
    }

    pub(super) fn with<R>(&self, work: impl FnOnce(&mut Slot<C>) -> R) -> R {
        let object = self.object.as_ref().expect("held until it is dropped");
        let mut slot = object
            .lock()
            .expect("the pool hands out no connection whose driver has panicked");
        work(&mut slot)
    }
}

impl<C: SyncConnection> Drop for Checkout<C> {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else {
            return;
        };
        bridge::closing(|| {
            if self.keep {
                // Goes back to the pool if the pool still exists and is open.
                drop(object);
            } else {
                drop(Object::take(object));
            }
        });
    }
}

impl<C: SyncConnection> fmt::Debug for Checkout<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkout").finish_non_exhaustive()
    }
}

/// Returns the handle that the option `db` of a plain function names, and checks that the handle's
/// connections are of the type `C` of the function's parameter.
pub fn handle<C, M>(db: &BlockingDb<M>) -> BlockingDb<M>
where
    C: SyncConnection,
    M: Manager<Connection = C>,
{
    db.clone()
}
