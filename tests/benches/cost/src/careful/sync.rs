//! The functions over rusqlite, which run on the blocking pool, by hand with dbop's promises.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, InterruptHandle, TransactionBehavior};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::call::{Call, Category, Operation, Outcome, Result, operation};
use super::dialect::category_of_sqlite;
use super::health::Health;
use crate::texts::sqlite::ADD;

type Pool = r2d2::Pool<SqliteConnectionManager>;

/// A pool of one connection, for which calls wait without blocking a thread.
pub(crate) struct Database {
    pool: Pool,
    places: Arc<Semaphore>,
    health: Health,
}

impl Database {
    pub(crate) fn new(pool: Pool) -> Self {
        Self {
            pool,
            places: Arc::new(Semaphore::new(1)),
            health: Health::new(),
        }
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }
}

/// What the caller and the thread share.
#[derive(Default)]
struct Shared {
    /// Whether the caller has gone away. Then nothing may be committed.
    abandoned: AtomicBool,
    running: Mutex<Option<InterruptHandle>>,
}

/// Abandons the work when the caller goes away. This has no effect once the work has ended.
struct Caller(Arc<Shared>);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.abandoned.store(true, SeqCst);
        let running = self
            .0
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = &*running {
            running.interrupt();
        }
    }
}

enum Failed {
    Pool(r2d2::Error),
    Database(rusqlite::Error),
    Abandoned,
    /// The body has ended the transaction itself.
    Ended,
}

impl From<r2d2::Error> for Failed {
    fn from(error: r2d2::Error) -> Self {
        Self::Pool(error)
    }
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

fn category(error: &rusqlite::Error) -> Category {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code.map_or(Category::Other, category_of_sqlite)
}

/// Runs the body on the blocking pool; with `transaction`, in a transaction.
async fn blocking<T: Send + 'static>(
    operation: &'static Operation,
    database: &Database,
    transaction: bool,
    body: impl Fn(&Connection) -> rusqlite::Result<T> + Clone + Send + 'static,
) -> Result<T> {
    let mut call = Call::new(operation, Some(&database.health))?;
    loop {
        call.attempt(if transaction {
            Outcome::RolledBack
        } else {
            Outcome::Unknown
        });
        let waiting = Arc::clone(&database.places).acquire_owned();
        let Ok(Ok(place)) = timeout_at(call.deadline, waiting).await else {
            return Err(call.error(Category::Timeout, Outcome::RolledBack, None));
        };
        let shared = Arc::new(Shared::default());
        let caller = Caller(Arc::clone(&shared));
        let (pool, body, span, deadline) = (
            database.pool.clone(),
            body.clone(),
            call.span.clone(),
            call.deadline,
        );
        let thread = spawn_blocking(move || -> Result<T, Failed> {
            let (_entered, _place) = (span.enter(), place);
            let mut conn = pool.get_timeout(deadline.saturating_duration_since(Instant::now()))?;
            if shared.abandoned.load(SeqCst) {
                return Err(Failed::Abandoned);
            }
            if !transaction {
                return Ok(body(&conn)?);
            }
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let running = |handle| {
                *shared
                    .running
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = handle;
            };
            running(Some(tx.get_interrupt_handle()));
            let result = body(&tx);
            running(None);
            let value = result?;
            if tx.is_autocommit() {
                return Err(Failed::Ended);
            }
            if shared.abandoned.load(SeqCst) {
                return Err(Failed::Abandoned);
            }
            tx.commit()?;
            Ok(value)
        });
        let done = timeout_at(call.deadline, thread).await;
        drop(caller);
        let unknown = if transaction {
            Outcome::RolledBack
        } else {
            Outcome::Unknown
        };
        let (category, outcome, error) = match done {
            Ok(Ok(Ok(value))) => {
                call.succeeded();
                return Ok(value);
            }
            Ok(Ok(Err(Failed::Database(error)))) => {
                let category = category(&error);
                let busy = category == Category::Busy;
                let outcome = if busy { Outcome::RolledBack } else { unknown };
                (category, outcome, Some(error.into()))
            }
            Ok(Ok(Err(Failed::Pool(error)))) => (
                Category::Connection,
                Outcome::RolledBack,
                Some(error.into()),
            ),
            Ok(Ok(Err(Failed::Ended))) => (Category::Other, Outcome::Unknown, None),
            Ok(Ok(Err(Failed::Abandoned))) => (Category::Timeout, Outcome::RolledBack, None),
            Ok(Err(stopped)) => match stopped.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(stopped) => (Category::Connection, unknown, Some(stopped.into())),
            },
            // The thread may have looked at the flag for the last time already.
            Err(_) => (Category::Timeout, Outcome::Unknown, None),
        };
        if outcome != Outcome::RolledBack || !call.again(category).await {
            return Err(call.error(category, outcome, error));
        }
    }
}

pub(crate) async fn sync_add(database: &Database, id: i64, cents: i64) -> Result<usize> {
    blocking(
        operation!("sync_add", "sqlite"),
        database,
        false,
        move |conn| conn.prepare_cached(ADD)?.execute((cents, id)),
    )
    .await
}

pub(crate) async fn sync_transfer(
    database: &Database,
    from: i64,
    to: i64,
    cents: i64,
) -> Result<usize> {
    blocking(
        operation!("sync_transfer", "sqlite"),
        database,
        true,
        move |conn| {
            let mut add = conn.prepare_cached(ADD)?;
            Ok(add.execute((-cents, from))? + add.execute((cents, to))?)
        },
    )
    .await
}
