//! Calls with a session of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Connection, Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::time::timeout_at;
use tracing::Instrument;

use super::call::{Call, Category, Operation, Outcome, Result, category};
use super::health::Health;
use super::joined::Tx;

/// Steps of SQLite's between two looks at the flag that stops it.
const STEPS: i32 = 1000;

/// A pool of one connection.
pub(crate) struct Database {
    pool: SqlitePool,
    health: Health,
    stop: Arc<AtomicBool>,
}

impl Database {
    pub(crate) fn open(pool: SqlitePoolOptions, options: SqliteConnectOptions) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let flag = Arc::clone(&stop);
        let pool = pool.after_connect(move |conn, _| {
            let flag = Arc::clone(&flag);
            Box::pin(async move {
                let mut handle = conn.lock_handle().await?;
                handle.set_progress_handler(STEPS, move || !flag.swap(false, Relaxed));
                Ok(())
            })
        });
        Self {
            pool: pool.connect_lazy_with(options),
            health: Health::new(),
            stop,
        }
    }

    pub(crate) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    fn stopping(&self, session: Session) -> Stopping {
        Stopping {
            session: Some(session),
            stop: Arc::clone(&self.stop),
        }
    }
}

/// What the statements of a session do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Writes,
    /// On connections that only read.
    Reads,
    /// On those that write, too, so it is made read-only for the call.
    Guarded,
}

enum Session {
    Alone(PoolConnection<Sqlite>, Mode),
    InTransaction(Transaction<'static, Sqlite>),
}

/// Stops what runs when it is dropped, and gives the connection back when that is over.
struct Stopping {
    session: Option<Session>,
    stop: Arc<AtomicBool>,
}

impl Stopping {
    fn conn(&mut self) -> &mut SqliteConnection {
        match self.session.as_mut().expect("held until its end") {
            Session::Alone(conn, _) => conn,
            Session::InTransaction(tx) => tx,
        }
    }

    fn end(mut self) -> Option<Session> {
        self.session.take()
    }
}

impl Drop for Stopping {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else {
            return;
        };
        let stop = Arc::clone(&self.stop);
        stop.store(true, Relaxed);
        tokio::spawn(async move {
            match session {
                Session::Alone(mut conn, Mode::Guarded) => {
                    if say(&mut conn, "PRAGMA query_only = OFF").await.is_err() {
                        conn.close_on_drop();
                    }
                }
                Session::Alone(mut conn, _) => drop(conn.ping().await),
                Session::InTransaction(tx) => drop(tx.rollback().await),
            }
            stop.store(false, Relaxed);
        });
    }
}

/// How far an attempt has come, for the moment when its deadline passes.
enum Stage {
    Before,
    Running,
    Committing,
}

/// A transaction of its own, replayed as a whole.
pub(super) async fn transaction<T>(
    operation: &'static Operation,
    database: &Database,
    body: impl AsyncFn(&mut Tx<'_>) -> sqlx::Result<T>,
) -> Result<T> {
    let mut call = Call::new(operation, Some(&database.health))?;
    loop {
        call.attempt(Outcome::RolledBack);
        let mut stage = Stage::Before;
        let attempt = async {
            let begun = database.pool.begin_with("BEGIN IMMEDIATE").await?;
            let mut running = database.stopping(Session::InTransaction(begun));
            stage = Stage::Running;
            let mut tx = Tx::new(running.conn());
            let result = body(&mut tx).await;
            let spoiled = tx.spoiled;
            let Some(Session::InTransaction(tx)) = running.end() else {
                unreachable!("it was one");
            };
            let value = result?;
            if spoiled {
                return Err(sqlx::Error::Protocol("a part of it has failed".into()));
            }
            stage = Stage::Committing;
            // Apart, because a caller that goes away must not stop it half-way.
            match tokio::spawn(tx.commit()).await {
                Ok(committed) => committed?,
                Err(_) => return Err(sqlx::Error::WorkerCrashed),
            }
            Ok(value)
        };
        let span = call.span.clone();
        let (category, error) = match timeout_at(call.deadline, attempt.instrument(span)).await {
            Ok(Ok(value)) => {
                call.succeeded();
                return Ok(value);
            }
            Ok(Err(error)) => (category(&error), Some(error)),
            Err(_) => (Category::Timeout, None),
        };
        let (category, outcome) = match (stage, category) {
            // SQLite's own refusal has rolled back, or is rolled back; anything else is not known.
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

/// One session whose statements commit one by one.
pub(super) async fn session<T>(
    operation: &'static Operation,
    database: &Database,
    mode: Mode,
    body: impl AsyncFn(&mut SqliteConnection) -> sqlx::Result<T>,
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
            let conn = database.pool.acquire().await?;
            let mut running = database.stopping(Session::Alone(conn, mode));
            stage = Stage::Running;
            if mode == Mode::Guarded {
                say(running.conn(), "PRAGMA query_only = ON").await?;
            }
            let result = body(running.conn()).await;
            if mode == Mode::Guarded {
                say(running.conn(), "PRAGMA query_only = OFF").await?;
            }
            drop(running.end());
            result
        };
        let span = call.span.clone();
        let (category, error) = match timeout_at(call.deadline, attempt.instrument(span)).await {
            Ok(Ok(value)) => {
                call.succeeded();
                return Ok(value);
            }
            Ok(Err(error)) => (category(&error), Some(error)),
            Err(_) => (Category::Timeout, None),
        };
        // Bodies here have one statement, and SQLite refuses one as busy before it has done
        // anything.
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

async fn say(conn: &mut SqliteConnection, sql: &'static str) -> sqlx::Result<()> {
    sqlx::raw_sql(sql).execute(conn).await.map(drop)
}

/// What it does may be done again, and it finds its own connection.
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
            Ok(Err(error)) => (category(&error), Some(error)),
            Err(_) => (Category::Timeout, None),
        };
        if !call.again(category).await {
            return Err(call.error(category, Outcome::Unknown, error.map(Into::into)));
        }
    }
}
