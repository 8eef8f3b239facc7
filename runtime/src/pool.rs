//! Taking connections from a pool, and saying why there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::{ConnectOptions, Connection, Pool};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::backend::{Backend, Origin, Plan};
use crate::classify::{self, Category, Class, Kind, Retry};
use crate::error::{Error, Result};
use crate::lease::Lease;
use crate::settings::Settings;
use crate::stops;
use crate::timer::Timer;
use crate::uses::{TRUSTED_IDLE, Uses};

/// After this long without a connection it is asked why.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long one answer to that question holds for all who wait.
const ANSWER_HOLDS: Duration = Duration::from_secs(1);

/// One pool of a [`Db`](crate::Db).
#[derive(Debug)]
pub(crate) struct Lane<DB: Backend> {
    pub(crate) pool: Pool<DB>,
    /// Connections that calls hold, or that are being cleaned after one. The pool's own count
    /// includes those still being opened.
    pub(crate) held: AtomicU32,
    refusal: Mutex<Option<(Instant, Class, String)>>,
    /// `None`: its connections are never tried.
    uses: Option<Uses>,
    /// Stops what runs on the pool's connection, where it has only one.
    pub(crate) stop: Option<Arc<AtomicBool>>,
    origin: Origin,
}

impl<DB: Backend> Drop for Lane<DB> {
    fn drop(&mut self) {
        stops::forget(&self.pool);
    }
}

impl<DB: Backend> Lane<DB> {
    pub(crate) fn open(plan: &Plan<DB>, size: u32, settings: &Settings) -> Arc<Self> {
        let stop = (size == 1 && DB::CAN_STOP).then(Arc::default);
        let on_connect = (stop.clone(), plan.origin.clone());
        let options = PoolOptions::<DB>::new()
            .after_connect(move |conn, _| {
                let (stop, origin) = on_connect.clone();
                Box::pin(async move {
                    origin.opened()?;
                    match stop {
                        Some(stop) => DB::stop_on(conn, stop).await,
                        None => Ok(()),
                    }
                })
            })
            .max_connections(size)
            .acquire_timeout(settings.acquire_timeout)
            .test_before_acquire(false);
        let options = if plan.keep_forever {
            // Not tried either: a caller that goes away meanwhile takes the connection along.
            options.idle_timeout(None).max_lifetime(None)
        } else {
            options
                .max_lifetime(settings.recycle)
                .before_acquire(|conn, meta| {
                    Box::pin(async move {
                        if meta.idle_for > TRUSTED_IDLE {
                            conn.ping().await?;
                        }
                        Ok(true)
                    })
                })
        };
        let pool = options.connect_lazy_with(plan.options.clone());
        if let Some(stop) = &stop {
            stops::remember(&pool, stop);
        }
        Arc::new(Self {
            pool,
            held: AtomicU32::new(0),
            refusal: Mutex::new(None),
            uses: (!plan.keep_forever).then(|| Uses::new(size)),
            stop,
            origin: plan.origin.clone(),
        })
    }

    /// A connection by `until` at the latest, if it is `now`.
    pub(crate) async fn acquire(
        self: &Arc<Self>,
        now: Instant,
        until: Instant,
        timer: &mut Timer,
    ) -> Result<Lease<DB>> {
        let lease = match self.take_idle(now) {
            Some(conn) => Lease::of_lane(conn, self),
            // In a box: each call would have room for it.
            None => Box::pin(self.wait_for_one(now, until, timer)).await?,
        };
        if let Some(uses) = &self.uses {
            uses.begins(now);
        }
        Ok(lease)
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
    ) -> Result<Lease<DB>> {
        let mut waiting = std::pin::pin!(self.pool.acquire());
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
            Ok(conn) => Ok(Lease::of_lane(conn, self)),
            Err(error) => Err(self.why_none(error, &answered)),
        }
    }

    fn why_none(&self, error: sqlx::Error, answered: &AtomicBool) -> Error {
        match (self.origin.check(), error) {
            (Err(moved), _) => moved,
            (_, sqlx::Error::PoolTimedOut) => self.timed_out(answered),
            (_, error) => explain::<DB>(&self.pool, error.into()),
        }
    }

    /// Resolves when the server refuses a connection for which the pool has room.
    async fn refused(&self, answered: &AtomicBool) -> Error {
        loop {
            let has_room = self.held.load(Ordering::Relaxed) < self.size();
            if has_room && let Some(refusal) = self.ask(answered).await {
                return refusal;
            }
            sleep(PATIENCE).await;
        }
    }

    async fn ask(&self, answered: &AtomicBool) -> Option<Error> {
        // The pool goes on trying to open a connection that it was told is not the right one.
        if let Err(moved) = self.origin.check() {
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

    fn timed_out(&self, answered: &AtomicBool) -> Error {
        let held = self.held.load(Ordering::Relaxed);
        // The application takes connections from it past us, too.
        let lent = answered.load(Ordering::Relaxed) && self.pool.size() >= self.size();
        if held >= self.size() || lent {
            return exhausted(self.size(), DB::ONE_WRITER);
        }
        explain::<DB>(&self.pool, unopened())
    }

    fn size(&self) -> u32 {
        self.pool.options().get_max_connections()
    }
}

/// A connection from the caller's own pool by `until` at the latest.
pub(crate) async fn acquire_from<DB: Backend>(
    pool: &Pool<DB>,
    now: Instant,
    until: Instant,
    timer: &mut Timer,
) -> Result<Lease<DB>> {
    // The last part of the wait is used to find out what it is that takes so long.
    let left = until.saturating_duration_since(now);
    let patience = until - ANSWER_HOLDS.min(left / 4);
    let mut waiting = std::pin::pin!(pool.acquire());
    match timer.until(patience, &mut waiting).await {
        Ok(Ok(conn)) => Lease::of_caller(conn, pool, until).await,
        Ok(Err(sqlx::Error::PoolTimedOut)) => Err(Box::pin(why_none(pool, until)).await),
        Ok(Err(error)) => Err(explain::<DB>(pool, error.into())),
        Err(_) => {
            let reason = Box::pin(why_none(pool, until)).await;
            match timer.until(until, waiting).await {
                Ok(Ok(conn)) => Lease::of_caller(conn, pool, until).await,
                _ => Err(reason),
            }
        }
    }
}

/// Why a caller's pool gave no connection. Who holds its connections is not known here, so the
/// server is asked.
async fn why_none<DB: Backend>(pool: &Pool<DB>, until: Instant) -> Error {
    match timeout_at(until, connect_once(pool)).await {
        Ok(Some(Ok(()))) => exhausted(pool.options().get_max_connections(), false),
        Ok(Some(Err(refusal))) => explain::<DB>(pool, refusal.into()),
        Ok(None) | Err(_) => explain::<DB>(pool, unopened()),
    }
}

/// The server's answer to a connection outside the pool, if it gives one.
async fn connect_once<DB: Backend>(pool: &Pool<DB>) -> Option<sqlx::Result<()>> {
    let options = pool.connect_options();
    match timeout(ANSWER_HOLDS, options.connect()).await {
        Ok(Ok(conn)) => {
            // It is only closed politely; whether that succeeds says nothing about the question.
            drop(conn.close().await);
            Some(Ok(()))
        }
        Ok(Err(error)) => Some(Err(error)),
        Err(_) => None,
    }
}

pub(crate) fn unopened() -> Error {
    Error::new(
        Class {
            category: Category::Transient,
            kind: Kind::Connection,
            retry: Retry::Always,
        },
        "no connection could be opened in time",
    )
}

pub(crate) fn exhausted(size: u32, one_writer: bool) -> Error {
    let class = Class {
        category: Category::Resource,
        kind: Kind::PoolExhausted,
        retry: Retry::Always,
    };
    let message = if one_writer {
        "others were using the one connection that writes for as long as this call could wait; \
         shorten the transactions, and see whether another process holds the file's lock"
            .to_owned()
    } else {
        format!(
            "all connections of the pool were in use ({size} of {size}) for as long as this call \
             could wait; shorten the transactions, call nothing from inside one that needs a \
             second connection, or raise `pool_size`"
        )
    };
    Error::new(class, message)
}

/// What can be done about a connection that could not be opened.
fn explain<DB: Backend>(pool: &Pool<DB>, error: Error) -> Error {
    if error.kind() == Kind::PoolClosed {
        return error.advise("close a handle or pool only when no call can follow");
    }
    let advice = DB::advice(error.kind(), &pool.connect_options());
    error.advise(advice)
}
