//! Taking connections from a pool, and saying why there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::{Connection, Pool};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::holders::Holders;
use super::hooks::{Origin, tell, watch_acquire};
use super::lease::Lease;
use super::recency::Recency;
use super::refusal::{ANSWER_HOLDS, connect_once, exhausted, explain, taken, unopened};
use super::returns::Returns;
use crate::backend::{Backend, DatabaseFile, Plan, Signals};
use crate::classify;
use crate::error::{Class, Error, Result};
use crate::op::Op;
use crate::rt::{Timer, within};

/// How long a connection may take over what it is asked for its own sake, where nothing is set.
pub(super) const VALIDATION_TIMEOUT: Duration = Duration::from_secs(5);

/// What can be set about the pools of a database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolSettings {
    pub(crate) size: u32,
    pub(crate) max_overflow: u32,
    pub(crate) acquire_timeout: Duration,
    pub(crate) max_lifetime: Duration,
    pub(crate) validation_timeout: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            size: 10,
            max_overflow: 0,
            acquire_timeout: Duration::from_secs(10),
            max_lifetime: Duration::from_secs(30 * 60),
            validation_timeout: VALIDATION_TIMEOUT,
        }
    }
}

impl PoolSettings {
    /// The connections that a pool may hold at once.
    pub(crate) fn connections(&self) -> u32 {
        self.size.saturating_add(self.max_overflow)
    }
}

/// After this long without a connection a call asks the server why.
const PATIENCE: Duration = Duration::from_millis(250);

/// One pool of a [`Db`](crate::Db).
#[derive(Debug)]
pub(crate) struct SubPool<DB: Backend> {
    pub(crate) pool: Pool<DB>,
    /// Who has connections, or had those that are being cleaned. The pool's own count includes
    /// connections that are still being opened.
    pub(crate) holders: Arc<Holders>,
    refusal: Mutex<Option<(Instant, Class, String)>>,
    /// `None`: its connections are never tried.
    recency: Option<Arc<Recency>>,
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

impl<DB: Backend> SubPool<DB> {
    pub(crate) fn open(
        plan: &Plan<DB>,
        size: u32,
        settings: &PoolSettings,
        read_only: bool,
    ) -> Arc<Self> {
        let signals = (size == 1 && DB::HAS_SIGNALS).then(Arc::<Signals>::default);
        let patience = DB::REMOTE.then_some(settings.validation_timeout);
        let on_connect = (signals.clone(), plan.file.clone());
        let options = PoolOptions::<DB>::new()
            .after_connect(move |conn, _| {
                let (signals, file) = on_connect.clone();
                tell(Origin::New, signals.as_ref());
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
        // A connection that holds the database is not tried either: a caller that goes away meanwhile
        // would take the connection along.
        let recency = (!plan.keep_forever).then(|| Arc::new(Recency::new(size)));
        let options = match plan.keep_forever {
            true => options.idle_timeout(None).max_lifetime(None),
            false => options.max_lifetime(settings.max_lifetime),
        };
        let pool = try_idle(options, recency.clone(), signals.clone(), patience)
            .connect_lazy_with(plan.options.clone());
        Arc::new(Self {
            pool,
            holders: Arc::default(),
            refusal: Mutex::new(None),
            recency,
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
        if let Some(recency) = &self.recency {
            recency.acquired(now);
        }
        Ok(Lease::of_sub_pool(conn, self, origin, op))
    }

    /// A connection was found dead, so those that are idle now are tried before they are used.
    pub(crate) fn doubt_idle(&self) {
        if let Some(recency) = &self.recency {
            recency.doubt(Instant::now());
        }
    }

    /// A connection that is there and need not be tried; the pool would set a timer first, and listen
    /// for being closed. It looks at a connection's age when it is given back, too.
    fn take_idle(&self, now: Instant) -> Option<PoolConnection<DB>> {
        match &self.recency {
            Some(recency) if !recency.trusts_idle(now, self.pool.size()) => None,
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
        let mut waiting = std::pin::pin!(async {
            let (acquired, origin, _) = watch_acquire(self.pool.acquire()).await;
            acquired.map(|conn| (conn, origin))
        });
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
fn try_idle<DB: Backend>(
    options: PoolOptions<DB>,
    recency: Option<Arc<Recency>>,
    signals: Option<Arc<Signals>>,
    patience: Option<Duration>,
) -> PoolOptions<DB> {
    options.before_acquire(move |conn, meta| {
        tell(Origin::Idle, signals.as_ref());
        let recency = recency.clone();
        Box::pin(async move {
            if let Some(recency) = recency
                && recency.is_doubtful(Instant::now(), meta.idle_for)
            {
                let tried = within(patience, conn.ping()).await;
                if !matches!(tried, Some(Ok(()))) {
                    recency.doubt(Instant::now());
                }
                tried.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
            }
            Ok(true)
        })
    })
}
