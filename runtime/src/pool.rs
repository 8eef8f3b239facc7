//! Taking connections from a pool, and saying why there is none.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::{ConnectOptions, Connection, Pool};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::backend::{Backend, DatabaseFile, Plan};
use crate::classify::{self, Category, Class, Kind, Retry};
use crate::error::{Error, Result};
use crate::holders::Holders;
use crate::lease::Lease;
use crate::op::Op;
use crate::returns::Returns;
use crate::rt::{Timer, within};
use crate::settings::Settings;
use crate::signals::{self, Signals};
use crate::uses::Uses;

/// After this long without a connection it is asked why.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long one answer to that question holds for all who wait.
const ANSWER_HOLDS: Duration = Duration::from_secs(1);

const EXHAUSTED: Class = Class {
    category: Category::Resource,
    kind: Kind::PoolExhausted,
    retry: Retry::Always,
};

/// One pool of a [`Db`](crate::Db).
#[derive(Debug)]
pub(crate) struct Lane<DB: Backend> {
    pub(crate) pool: Pool<DB>,
    /// Who has connections, or had those that are being cleaned. The pool's own count includes
    /// connections that are still being opened.
    pub(crate) holders: Arc<Holders>,
    refusal: Mutex<Option<(Instant, Class, String)>>,
    /// `None`: its connections are never tried.
    uses: Option<Arc<Uses>>,
    /// Of the pool's connection, where it has only one.
    pub(crate) signals: Option<Arc<Signals>>,
    /// How long whatever a connection is asked for its own sake may take; `None`: as long as it
    /// takes.
    pub(crate) patience: Option<Duration>,
    /// Connections on their way back, where that has a limit.
    pub(crate) returns: Option<Arc<Returns>>,
    /// Its sessions were opened read-only.
    pub(crate) read_only: bool,
    /// Its one connection holds the database.
    pub(crate) keep_forever: bool,
    file: DatabaseFile,
}

impl<DB: Backend> Drop for Lane<DB> {
    fn drop(&mut self) {
        signals::forget(&self.pool);
    }
}

/// What is known of a connection when a call gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was used before, and may have been lost while it was idle.
    Idle,
    /// It was opened for this call.
    New,
}

tokio::task_local! {
    /// Set by the pool's hook for a new connection, for whoever waits for one.
    static ORIGIN: Cell<Origin>;
}

impl<DB: Backend> Lane<DB> {
    pub(crate) fn open(
        plan: &Plan<DB>,
        size: u32,
        settings: &Settings,
        read_only: bool,
    ) -> Arc<Self> {
        let signals = (size == 1 && DB::HAS_SIGNALS).then(Arc::<Signals>::default);
        let patience = DB::REMOTE.then_some(settings.validation_timeout);
        let on_connect = (signals.clone(), plan.file.clone());
        let options = PoolOptions::<DB>::new()
            .after_connect(move |conn, _| {
                // Nobody waits where the pool opens a connection by itself.
                let _ = ORIGIN.try_with(|origin| origin.set(Origin::New));
                let (signals, file) = on_connect.clone();
                Box::pin(async move {
                    file.opened()?;
                    match signals {
                        Some(signals) => DB::connect_signals(conn, signals, true).await,
                        None => Ok(()),
                    }
                })
            })
            .max_connections(size)
            .acquire_timeout(settings.acquire_timeout)
            .test_before_acquire(false);
        let (options, uses) = if plan.keep_forever {
            // Not tried either: a caller that goes away meanwhile takes the connection along.
            (options.idle_timeout(None).max_lifetime(None), None)
        } else {
            let uses = Arc::new(Uses::new(size));
            let options = options.max_lifetime(settings.recycle);
            (trying_idle(options, &uses, patience), Some(uses))
        };
        let pool = options.connect_lazy_with(plan.options.clone());
        if let Some(signals) = &signals {
            signals::remember(&pool, signals);
        }
        Arc::new(Self {
            pool,
            holders: Arc::default(),
            refusal: Mutex::new(None),
            uses,
            signals,
            patience,
            returns: patience.map(Returns::new),
            read_only,
            keep_forever: plan.keep_forever,
            file: plan.file.clone(),
        })
    }

    /// A connection for `op` by `until` at the latest, if it is `now`.
    pub(crate) async fn acquire(
        self: &Arc<Self>,
        op: &'static Op,
        now: Instant,
        until: Instant,
        timer: &mut Timer,
    ) -> Result<Lease<DB>> {
        let (conn, origin) = match self.take_idle(now) {
            Some(conn) => (conn, Origin::Idle),
            // In a box: each call would have room for it.
            None => Box::pin(self.wait_for_one(now, until, timer)).await?,
        };
        if let Some(uses) = &self.uses {
            uses.begins(now);
        }
        Ok(Lease::of_lane(conn, self, origin, op))
    }

    /// A connection was found dead, so those that are idle now are tried before they are used.
    pub(crate) fn doubt_idle(&self) {
        if let Some(uses) = &self.uses {
            uses.doubt(Instant::now());
        }
    }

    /// A connection that is there and need not be tried; the pool would set a timer first, and listen
    /// for being closed. It looks at a connection's age when it is given back, too.
    fn take_idle(&self, now: Instant) -> Option<PoolConnection<DB>> {
        match &self.uses {
            Some(uses) if !uses.trusts_idle(now, self.pool.size()) => None,
            _ => self.pool.try_acquire(),
        }
    }

    /// sqlx's pool waits out its timeout while a server refuses connections, and then reports that
    /// the pool timed out. So whoever waits for longer than a moment, while calls hold less than
    /// the pool may, asks the server directly, one at a time, and reports what it says.
    async fn wait_for_one(
        self: &Arc<Self>,
        now: Instant,
        until: Instant,
        timer: &mut Timer,
    ) -> Result<(PoolConnection<DB>, Origin)> {
        let acquiring = async {
            let conn = self.pool.acquire().await?;
            Ok((conn, ORIGIN.with(Cell::get)))
        };
        let mut waiting = std::pin::pin!(ORIGIN.scope(Cell::new(Origin::Idle), acquiring));
        let answered = AtomicBool::new(false);
        let patience = until.min(now + PATIENCE);
        let acquired = match timer.until(patience, &mut waiting).await {
            Ok(acquired) => acquired,
            Err(_) => {
                let refused = Box::pin(self.refused(&answered));
                match timer.until(until, select(waiting, refused)).await {
                    Ok(Either::Left((acquired, _))) => acquired,
                    Ok(Either::Right((refusal, _))) => return Err(refusal),
                    Err(_) => Err(sqlx::Error::PoolTimedOut),
                }
            }
        };
        match acquired {
            Ok(found) => Ok(found),
            Err(error) => Err(self.why_none(error, &answered, now)),
        }
    }

    fn why_none(&self, error: sqlx::Error, answered: &AtomicBool, asked: Instant) -> Error {
        match (self.file.check(), error) {
            (Err(moved), _) => moved,
            (_, sqlx::Error::PoolTimedOut) => self.timed_out(answered, asked),
            (_, error) => explain::<DB>(&self.pool, error.into()),
        }
    }

    /// Resolves when the server refuses a connection for which the pool has room.
    async fn refused(&self, answered: &AtomicBool) -> Error {
        loop {
            let has_room = self.holders.count() < self.size();
            if has_room && let Some(refusal) = self.ask(answered).await {
                return refusal;
            }
            sleep(PATIENCE).await;
        }
    }

    async fn ask(&self, answered: &AtomicBool) -> Option<Error> {
        // The pool goes on trying to open a connection that it was told is not the right one.
        if let Err(moved) = self.file.check() {
            return Some(moved);
        }
        let mut last = self.refusal.lock().await;
        let fresh = last
            .as_ref()
            .filter(|(asked_at, ..)| asked_at.elapsed() < ANSWER_HOLDS);
        if fresh.is_none() {
            let answer = connect_once(&self.pool).await;
            answered.store(matches!(answer, Some(Ok(()))), Ordering::Relaxed);
            *last = answer
                .and_then(Result::err)
                .map(|error| (Instant::now(), classify::sqlx(&error), error.to_string()));
        }
        let (_, class, message) = last.as_ref()?;
        let error = Error::new(*class, message.clone());
        Some(explain::<DB>(&self.pool, error))
    }

    /// Why nobody had a connection to give since `asked`.
    fn timed_out(&self, answered: &AtomicBool, asked: Instant) -> Error {
        let size = self.size();
        if self.holders.count() >= size {
            return exhausted(size, DB::ONE_WRITER, Some(&self.holders));
        }
        // The application takes connections from the pool past us, too, and some may be on their way
        // back.
        if answered.load(Ordering::Relaxed) && self.pool.size() >= size {
            return taken(size);
        }
        unopened(&DB::place(&self.pool.connect_options()), asked.elapsed())
    }

    /// The connections that the pool may have.
    pub(crate) fn size(&self) -> u32 {
        self.pool.options().get_max_connections()
    }
}

/// Lets a pool try a connection that was idle for long, or since before another was found dead.
fn trying_idle<DB: Backend>(
    options: PoolOptions<DB>,
    uses: &Arc<Uses>,
    patience: Option<Duration>,
) -> PoolOptions<DB> {
    let uses = Arc::clone(uses);
    options.before_acquire(move |conn, meta| {
        let uses = Arc::clone(&uses);
        Box::pin(async move {
            if uses.is_doubtful(Instant::now(), meta.idle_for) {
                let tried = within(patience, conn.ping()).await;
                if !matches!(tried, Some(Ok(()))) {
                    uses.doubt(Instant::now());
                }
                tried.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
            }
            Ok(true)
        })
    })
}

/// A connection for `op` from the caller's own pool by `until` at the latest.
pub(crate) async fn acquire_from<DB: Backend>(
    pool: &Pool<DB>,
    op: &'static Op,
    now: Instant,
    until: Instant,
    timer: &mut Timer,
) -> Result<Lease<DB>> {
    // The last part of the wait is used to find out what it is that takes so long.
    let left = until.saturating_duration_since(now);
    let patience = until - ANSWER_HOLDS.min(left / 4);
    let mut waiting = std::pin::pin!(pool.acquire());
    match timer.until(patience, &mut waiting).await {
        Ok(Ok(conn)) => Lease::of_caller(conn, pool, op, until).await,
        Ok(Err(sqlx::Error::PoolTimedOut)) => Err(Box::pin(why_none(pool, now, until)).await),
        Ok(Err(error)) => Err(explain::<DB>(pool, error.into())),
        Err(_) => {
            let reason = Box::pin(why_none(pool, now, until)).await;
            match timer.until(until, waiting).await {
                Ok(Ok(conn)) => Lease::of_caller(conn, pool, op, until).await,
                _ => Err(reason),
            }
        }
    }
}

/// Why a caller's pool gave no connection since `asked`. Who holds its connections is not known
/// here, so the server is asked.
async fn why_none<DB: Backend>(pool: &Pool<DB>, asked: Instant, until: Instant) -> Error {
    match timeout_at(until, connect_once(pool)).await {
        Ok(Some(Ok(()))) => exhausted(pool.options().get_max_connections(), false, None),
        Ok(Some(Err(refusal))) => explain::<DB>(pool, refusal.into()),
        Ok(None) | Err(_) => unopened(&DB::place(&pool.connect_options()), asked.elapsed()),
    }
}

/// The server's answer to a connection outside the pool, if it gives one.
async fn connect_once<DB: Backend>(pool: &Pool<DB>) -> Option<sqlx::Result<()>> {
    let options = pool.connect_options();
    match timeout(ANSWER_HOLDS, options.connect()).await {
        Ok(Ok(conn)) => {
            // The connection is only closed politely; whether that succeeds says nothing about the
            // question.
            let _ = timeout(ANSWER_HOLDS, conn.close()).await;
            Some(Ok(()))
        }
        Ok(Err(error)) => Some(Err(error)),
        Err(_) => None,
    }
}

/// No connection to the database at `place` came about in the time that was waited, and nobody said
/// why.
pub(crate) fn unopened(place: &str, waited: Duration) -> Error {
    Error::new(
        Class {
            category: Category::Transient,
            kind: Kind::Timeout,
            retry: Retry::Always,
        },
        format!(
            "the time was up after {:.3} s of waiting for a connection to {place}, which had not \
             been opened yet; give the call more time, or see why that takes so long",
            waited.as_secs_f64()
        ),
    )
}

/// All connections were in use, by these calls as far as that is known.
pub(crate) fn exhausted(size: u32, one_writer: bool, holders: Option<&Holders>) -> Error {
    let by = holders.map(Holders::to_string).unwrap_or_default();
    let message = if one_writer {
        format!(
            "others were using the one connection that writes{by} for as long as this call could \
             wait; shorten the transactions, and see whether another process holds the file's lock"
        )
    } else {
        format!(
            "all connections of the pool were in use{by} ({size} of {size}) for as long as this \
             call could wait; shorten the transactions, call nothing from inside one that needs a \
             second connection, or raise `pool_size`"
        )
    };
    Error::new(EXHAUSTED, message)
}

/// All connections are open, and operations hold fewer.
fn taken(size: u32) -> Error {
    let message = format!(
        "all {size} connections of the pool were taken for as long as this call could wait, not \
         all of them by operations: the application has borrowed some itself, or they are being \
         given back to a server that does not answer"
    );
    Error::new(EXHAUSTED, message)
}

/// What can be done about a connection that could not be opened.
fn explain<DB: Backend>(pool: &Pool<DB>, error: Error) -> Error {
    if error.kind() == Kind::PoolClosed {
        return error.advise("close a handle or pool only when no call can follow");
    }
    let advice = DB::advice(error.kind(), &pool.connect_options());
    error.advise(advice)
}
