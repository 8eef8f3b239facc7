//! Calls with a session of their own.

use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::{Connection, Pool, SqlSafeStr};
use sqlx_core::transaction::TransactionManager;
use tokio::time::timeout_at;
use tracing::Instrument;

use super::call::{Call, Category, Operation, Outcome, Result, category};
use super::dialect::Dialect;
use super::health::Health;
use super::joined::Tx;

/// A pool of one connection.
pub(crate) struct Database<DB: Dialect> {
    pool: Pool<DB>,
    health: Health,
    stop: DB::Stop,
}

impl<DB: Dialect> Database<DB> {
    pub(crate) fn open(
        pool: PoolOptions<DB>,
        options: <DB::Connection as Connection>::Options,
    ) -> Self {
        let stop = DB::Stop::default();
        let of_connection = stop.clone();
        let pool =
            pool.after_connect(move |conn, _| Box::pin(DB::stop_on(conn, of_connection.clone())));
        Self {
            pool: pool.connect_lazy_with(options),
            health: Health::new(),
            stop,
        }
    }

    pub(crate) fn pool(&self) -> &Pool<DB> {
        &self.pool
    }

    fn stopping(&self, conn: PoolConnection<DB>, mode: Mode) -> Stopping<DB> {
        Stopping {
            conn: Some(conn),
            mode,
            stop: self.stop.clone(),
        }
    }
}

/// What the statements of a session do, and on which connections.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Writes,
    /// They read, on connections that only read.
    Reads,
    /// They read, on connections that also write, which are made read-only for the call.
    Guarded,
    Transaction,
}

/// A connection in use. When this is dropped before its end, the running statement is stopped.
struct Stopping<DB: Dialect> {
    conn: Option<PoolConnection<DB>>,
    mode: Mode,
    stop: DB::Stop,
}

impl<DB: Dialect> Stopping<DB> {
    fn conn(&mut self) -> &mut DB::Connection {
        self.conn.as_mut().expect("held until its end")
    }

    async fn commit(mut self) -> sqlx::Result<()> {
        DB::TransactionManager::commit(self.conn()).await?;
        self.end();
        Ok(())
    }

    async fn roll_back(mut self) {
        let rolled_back = DB::TransactionManager::rollback(self.conn()).await;
        if rolled_back.is_ok() {
            self.end();
        }
    }

    /// Gives the connection back.
    fn end(mut self) {
        drop(self.conn.take());
    }
}

impl<DB: Dialect> Drop for Stopping<DB> {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            DB::stop(conn, self.mode, self.stop.clone());
        }
    }
}

/// How far an attempt has come when its deadline passes.
enum Stage {
    Before,
    Running,
    Committing,
}

/// Runs a transaction of its own, which is replayed as a whole.
pub(super) async fn transaction<DB: Dialect, T>(
    operation: &'static Operation,
    database: &Database<DB>,
    body: impl AsyncFn(&mut Tx<'_, DB>) -> sqlx::Result<T>,
) -> Result<T> {
    let mut call = Call::new(operation, Some(&database.health))?;
    loop {
        call.attempt(Outcome::RolledBack);
        let mut stage = Stage::Before;
        let attempt = async {
            let mut conn = DB::acquire(&database.pool).await?;
            DB::TransactionManager::begin(&mut conn, Some(DB::BEGIN.into_sql_str())).await?;
            let mut running = database.stopping(conn, Mode::Transaction);
            stage = Stage::Running;
            let mut tx = Tx::<DB>::new(running.conn());
            let result = body(&mut tx).await;
            let result = match tx.spoiled {
                true => result.and_then(|_| Err(spoiled())),
                false => result,
            };
            if result.is_err() {
                running.roll_back().await;
                return result;
            }
            stage = Stage::Committing;
            // COMMIT runs in a task of its own, because a caller that goes away must not stop it
            // half-way.
            let committed = tokio::spawn(running.commit()).await;
            committed.unwrap_or(Err(sqlx::Error::WorkerCrashed))?;
            result
        };
        let span = call.span.clone();
        let (category, error) = match timeout_at(call.deadline, attempt.instrument(span)).await {
            Ok(Ok(value)) => {
                call.succeeded();
                return Ok(value);
            }
            Ok(Err(error)) => (category::<DB>(&error), Some(error)),
            Err(_) => (Category::Timeout, None),
        };
        let (category, outcome) = match (stage, category) {
            // If the database itself refused, the transaction has been rolled back or will be. In
            // any other case the outcome is not known.
            (Stage::Committing, Category::Connection | Category::Timeout) => {
                (Category::Ambiguous, Outcome::Unknown)
            }
            (_, category) => (category, Outcome::RolledBack),
        };
        if !call.again(category).await {
            return Err(call.error(category, outcome, error.map(Into::into)));
        }
    }
}

/// Runs statements that commit one by one, in one session.
pub(super) async fn session<DB: Dialect, T>(
    operation: &'static Operation,
    database: &Database<DB>,
    mode: Mode,
    body: impl AsyncFn(&mut DB::Connection) -> sqlx::Result<T>,
) -> Result<T> {
    let reads = mode != Mode::Writes;
    let unless_read = if reads {
        Outcome::RolledBack
    } else {
        Outcome::Unknown
    };
    let mut call = Call::new(operation, Some(&database.health))?;
    loop {
        call.attempt(unless_read);
        let mut stage = Stage::Before;
        let attempt = async {
            let conn = DB::acquire(&database.pool).await?;
            let mut running = database.stopping(conn, mode);
            stage = Stage::Running;
            if mode == Mode::Guarded {
                DB::say(running.conn(), DB::READ_ONLY_ON).await?;
            }
            let result = body(running.conn()).await;
            if mode == Mode::Guarded {
                DB::say(running.conn(), DB::READ_ONLY_OFF).await?;
            }
            running.end();
            result
        };
        let span = call.span.clone();
        let (category, error) = match timeout_at(call.deadline, attempt.instrument(span)).await {
            Ok(Ok(value)) => {
                call.succeeded();
                return Ok(value);
            }
            Ok(Err(error)) => (category::<DB>(&error), Some(error)),
            Err(_) => (Category::Timeout, None),
        };
        // These bodies have one statement, and a statement that is refused as busy has done
        // nothing.
        let harmless = reads || matches!(stage, Stage::Before) || category == Category::Busy;
        let outcome = if harmless {
            Outcome::RolledBack
        } else {
            Outcome::Unknown
        };
        if !harmless || !call.again(category).await {
            return Err(call.error(category, outcome, error.map(Into::into)));
        }
    }
}

fn spoiled() -> sqlx::Error {
    sqlx::Error::Protocol("a part of it has failed".into())
}

/// Runs a body that may be repeated and that finds its own connection.
pub(super) async fn sessionless<T>(
    operation: &'static Operation,
    body: impl AsyncFn() -> sqlx::Result<T>,
) -> Result<T> {
    let mut call = Call::new(operation, None)?;
    loop {
        call.attempt(Outcome::Unknown);
        let span = call.span.clone();
        let (category, error) = match timeout_at(call.deadline, body().instrument(span)).await {
            Ok(Ok(value)) => {
                call.succeeded();
                return Ok(value);
            }
            Ok(Err(error)) => (category::<sqlx::Sqlite>(&error), Some(error)),
            Err(_) => (Category::Timeout, None),
        };
        if !call.again(category).await {
            return Err(call.error(category, Outcome::Unknown, error.map(Into::into)));
        }
    }
}
