//! [`SubPool`]: how a connection is taken from one pool, and the reason when there is none.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::{Either, select};
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::{Connection, Pool};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::holders::Holders;
use super::hooks::{Origin, PoolId, tell, watch_acquire};
use super::lease::Lease;
use super::recency::Recency;
use super::refusal::{ANSWER_HOLDS, connect_once, exhausted, explain, taken, unopened};
use super::returns::Returns;
use super::surplus::Surplus;
use crate::backend::{Backend, DatabaseFile, Plan, Signals};
use crate::classify;
use crate::error::{Class, Error, Result};
use crate::op::Op;
use crate::rt::{Timer, within};

/// The default of [`PoolSettings::validation_timeout`], which also holds for the application's own
/// pools.
pub(super) const VALIDATION_TIMEOUT: Duration = Duration::from_secs(5);

/// The most connections that a pool may have. PostgreSQL itself cannot be set to more, and drivers
/// reserve memory for all of them when a pool is made.
pub(crate) const MOST_CONNECTIONS: u32 = 262_143;

/// The settings of the pools of a database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolSettings {
    /// The number of connections that a pool may have at once.
    pub(crate) max_connections: u32,
    /// The number of connections that are kept once they are open.
    pub(crate) min_connections: u32,
    /// How long a connection beyond those may be idle.
    pub(crate) idle_timeout: Duration,
    pub(crate) acquire_timeout: Duration,
    pub(crate) max_lifetime: Duration,
    /// How long the server may take over each thing that dbop asks of a connection on its own
    /// account, such as a ping or a clean-up.
    pub(crate) validation_timeout: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            max_connections: 10,
            min_connections: 0,
            idle_timeout: Duration::from_secs(10 * 60),
            acquire_timeout: Duration::from_secs(10),
            max_lifetime: Duration::from_secs(30 * 60),
            validation_timeout: VALIDATION_TIMEOUT,
        }
    }
}

impl PoolSettings {
    /// Sets the number of connections that a pool may have at once, within what is possible.
    pub(crate) fn allow(&mut self, connections: u32) {
        self.max_connections = connections.clamp(1, MOST_CONNECTIONS);
    }

    /// Takes the numbers of the environment: the connections that are kept, and those that may be
    /// opened in addition when all of them are in use. A number that is not given stays.
    pub(crate) fn keep_and_add(&mut self, kept: Option<u32>, additional: Option<u32>) {
        if kept.is_none() && additional.is_none() {
            return;
        }
        let kept = kept.unwrap_or(match self.min_connections {
            0 => self.max_connections,
            kept => kept,
        });
        self.min_connections = kept;
        self.allow(kept.saturating_add(additional.unwrap_or(0)));
    }
}

/// How long a call waits for a connection before it asks the server for the reason.
const PATIENCE: Duration = Duration::from_millis(250);

/// One pool of a [`Db`](crate::Db).
#[derive(Debug)]
pub(crate) struct SubPool<DB: Backend> {
    pub(crate) pool: Pool<DB>,
    /// The operations that hold connections of the pool; a connection that is being cleaned still
    /// counts. The pool's own count includes connections that are still being opened.
    pub(crate) holders: Arc<Holders>,
    /// `None` where sqlx closes connections for being idle, or nobody does.
    pub(super) surplus: Option<Surplus>,
    /// When the server last refused a connection, and with what error. `None` if it last accepted
    /// one, gave no answer, or has not been asked.
    refusal: Mutex<Option<(Instant, Class, String)>>,
    /// `None` if connections of the pool are never tried before they are used.
    recency: Option<Arc<Recency>>,
    /// The signals of the pool's only connection. `None` if the pool may have several, or if the
    /// database has no signals.
    pub(crate) signals: Option<Arc<Signals>>,
    /// The time limit for each thing that dbop asks of a connection on its own account. `None` if
    /// there is no limit.
    pub(crate) patience: Option<Duration>,
    /// The connections on their way back to the pool. `None` if their return has no time limit.
    pub(crate) returns: Option<Arc<Returns>>,
    /// Whether the sessions were opened read-only.
    pub(crate) read_only: bool,
    /// Whether the pool's one connection holds the database, and must therefore never be closed.
    pub(crate) keep_forever: bool,
    file: DatabaseFile,
}

impl<DB: Backend> SubPool<DB> {
    pub(crate) fn open(
        plan: &Plan<DB>,
        (size, keep): (u32, u32),
        settings: &PoolSettings,
        read_only: bool,
    ) -> Arc<Self> {
        let signals = (size == 1 && DB::HAS_SIGNALS).then(Arc::<Signals>::default);
        let patience = DB::REMOTE.then_some(settings.validation_timeout);
        // Known once the pool is made.
        let id = Arc::<OnceLock<PoolId>>::default();
        let on_connect = (Arc::clone(&id), signals.clone(), plan.file.clone());
        let options = PoolOptions::<DB>::new()
            .after_connect(move |conn, _| {
                let (id, signals, file) = on_connect.clone();
                tell(&id, Origin::New, signals.as_ref());
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
        // A connection that holds the database is never tried: a caller that goes away meanwhile
        // would take the connection along.
        let recency = (!plan.keep_forever).then(|| Arc::new(Recency::new(size)));
        let idle_timeout = (keep == 0).then_some(settings.idle_timeout);
        let options = match plan.keep_forever {
            true => options.idle_timeout(None).max_lifetime(None),
            false => options
                .idle_timeout(idle_timeout)
                .max_lifetime(settings.max_lifetime),
        };
        let has_surplus = !plan.keep_forever && (1..size).contains(&keep);
        let told = (Arc::clone(&id), signals.clone());
        let options = try_idle(options, recency.clone(), told, patience);
        let pool = options.connect_lazy_with(plan.options.clone());
        id.get_or_init(|| PoolId::of(&pool));
        Arc::new(Self {
            pool,
            holders: Arc::default(),
            surplus: has_surplus.then(|| Surplus::new(keep, settings.idle_timeout)),
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

    /// Acquires a connection for `op` before `until`; `now` saves a clock read.
    pub(crate) async fn acquire(
        self: &Arc<Self>,
        op: &'static Op,
        now: Instant,
        until: Instant,
        timer: &mut Timer,
    ) -> Result<Lease<DB>> {
        let (conn, origin) = match self.take_idle(now) {
            Some(conn) => (conn, Origin::Idle),
            // Boxed, because otherwise the future of every call would reserve space for this one.
            None => Box::pin(self.wait_for_one(now, until, timer)).await?,
        };
        if let Some(recency) = &self.recency {
            recency.acquired(now);
        }
        let lease = Lease::of_sub_pool(conn, self, origin, op);
        if let Some(surplus) = &self.surplus {
            surplus.held(self.holders.count(), now);
            self.watch_surplus(surplus);
        }
        Ok(lease)
    }

    /// Notes that a connection was found dead, so that those that are idle now are tried before
    /// they are used.
    pub(crate) fn doubt_idle(&self) {
        if let Some(recency) = &self.recency {
            recency.doubt(Instant::now());
        }
    }

    /// Takes an idle connection that need not be tried, if there is one.
    ///
    /// This is cheaper than the pool's `acquire`, which sets a timer and watches for the pool being
    /// closed. `acquire` also looks at the connection's age, but so does the pool when a connection
    /// is given back.
    fn take_idle(&self, now: Instant) -> Option<PoolConnection<DB>> {
        match &self.recency {
            Some(recency) if !recency.trusts_idle(now, self.pool.size()) => None,
            _ => self.pool.try_acquire(),
        }
    }

    /// Waits for a connection of the pool before `until`.
    ///
    /// sqlx's pool waits out its timeout while a server refuses connections, and then reports that
    /// the pool timed out. Therefore a call that has waited for [`PATIENCE`], while calls hold
    /// fewer connections than the pool may have, asks the server directly and reports the server's
    /// answer. Waiting calls ask one at a time.
    async fn wait_for_one(
        self: &Arc<Self>,
        now: Instant,
        until: Instant,
        timer: &mut Timer,
    ) -> Result<(PoolConnection<DB>, Origin)> {
        let mut acquiring = std::pin::pin!(self.pool.acquire());
        let mut waiting = std::pin::pin!(async {
            let (acquired, origin, _) =
                watch_acquire(PoolId::of(&self.pool), acquiring.as_mut()).await;
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

    /// Makes `error` say why there was no connection between `asked` and now.
    fn why_none(&self, error: sqlx::Error, answered: &AtomicBool, asked: Instant) -> Error {
        match (self.file.check(), error) {
            (Err(moved), _) => moved,
            (_, sqlx::Error::PoolTimedOut) => self.timed_out(answered, asked),
            (_, error) => explain::<DB>(&self.pool, error.into()),
        }
    }

    /// Waits until the server refuses a connection for which the pool has room, and returns the
    /// refusal. `answered` tells whether the server accepted the connection when last asked.
    async fn refused(&self, answered: &AtomicBool) -> Error {
        loop {
            let has_room = self.holders.count() < self.size();
            if has_room && let Some(refusal) = self.ask(answered).await {
                return refusal;
            }
            sleep(PATIENCE).await;
        }
    }

    /// Asks the server for one connection outside the pool, unless its last refusal is still fresh.
    /// Returns the refusal, or `None` if the server accepted or gave no answer.
    async fn ask(&self, answered: &AtomicBool) -> Option<Error> {
        // A replaced file is reported at once, because the pool itself would go on trying.
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

    /// Returns the reason why there was no connection between `asked` and now.
    fn timed_out(&self, answered: &AtomicBool, asked: Instant) -> Error {
        let size = self.size();
        if self.holders.count() >= size {
            return exhausted(size, DB::ONE_WRITER, Some(&self.holders));
        }
        // The application may have taken connections from the pool itself, and others may be on
        // their way back.
        if answered.load(Ordering::Relaxed) && self.pool.size() >= size {
            return taken(size);
        }
        unopened(&DB::place(&self.pool.connect_options()), asked.elapsed())
    }

    /// The number of connections that the pool may have.
    pub(crate) fn size(&self) -> u32 {
        self.pool.options().get_max_connections()
    }
}

/// Makes a pool try a connection before use if it was idle for long, or has been idle since before
/// another connection was found dead.
fn try_idle<DB: Backend>(
    options: PoolOptions<DB>,
    recency: Option<Arc<Recency>>,
    (id, signals): (Arc<OnceLock<PoolId>>, Option<Arc<Signals>>),
    patience: Option<Duration>,
) -> PoolOptions<DB> {
    options.before_acquire(move |conn, meta| {
        tell(&id, Origin::Idle, signals.as_ref());
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
