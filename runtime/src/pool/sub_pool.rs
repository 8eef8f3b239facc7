//! [`SubPool`]: how one pool of dbop's is made, and how a connection is taken from it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::Connection;
use sqlx::pool::{PoolConnection, PoolOptions};
use tokio::time::Instant;

use super::connect_hook::{AfterConnect, ConnectHook};
use super::hooks::{Origin, PoolId, tell};
use super::known::KnownPool;
use super::lease::Lease;
use super::recency::Recency;
use super::returns::Returns;
use super::surplus::Surplus;
use crate::backend::{Backend, OpenedWith, Plan, Signals};
use crate::error::Result;
use crate::monitor::{Borrower, Monitor};
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
    /// `None` if nobody has set it.
    pub(crate) acquire_timeout: Option<Duration>,
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
            acquire_timeout: None,
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

    /// How long a call waits for a connection.
    pub(crate) fn acquire_timeout(&self) -> Duration {
        self.acquire_timeout.unwrap_or(Duration::from_secs(10))
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

/// How the sessions of a handle are opened, beside what the plan of their pool says.
#[derive(Debug)]
pub(crate) struct Sessions<DB: Backend> {
    pub(crate) opened: OpenedWith,
    pub(crate) hook: Option<AfterConnect<DB>>,
    pub(crate) monitor: Arc<Monitor>,
}

/// One pool of a [`Db`](crate::Db), which dbop has made.
#[derive(Debug)]
pub(crate) struct SubPool<DB: Backend> {
    pub(super) known: KnownPool<DB>,
    /// `None` where sqlx closes connections for being idle, or nobody does.
    pub(super) surplus: Option<Surplus>,
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
    pub(super) opened: OpenedWith,
    /// What the application does to each session when it has been opened, and has to do again when
    /// the session has been reset.
    pub(super) hook: Option<Arc<ConnectHook<DB>>>,
    /// Whether the pool's one connection holds the database, and must therefore never be closed.
    pub(crate) keep_forever: bool,
}

impl<DB: Backend> SubPool<DB> {
    pub(crate) fn open(
        plan: &Plan<DB>,
        (size, keep): (u32, u32),
        settings: &PoolSettings,
        sessions: &Sessions<DB>,
    ) -> Arc<Self> {
        let signals = (size == 1 && DB::HAS_SIGNALS).then(Arc::<Signals>::default);
        let patience = DB::REMOTE.then_some(settings.validation_timeout);
        // Known once the pool is made.
        let id = Arc::<OnceLock<PoolId>>::default();
        let opened = sessions.opened;
        let hook = sessions
            .hook
            .as_ref()
            .map(|hook| ConnectHook::new(hook, settings.acquire_timeout()));
        let on_connect = (
            Arc::clone(&id),
            signals.clone(),
            plan.file.clone(),
            hook.clone(),
        );
        let options = PoolOptions::<DB>::new()
            .after_connect(move |conn, _| {
                let (id, signals, file, hook) = on_connect.clone();
                tell(&id, Origin::New, signals.as_ref());
                Box::pin(async move {
                    // First, so that nothing of the application's replaces what dbop sets.
                    if let Some(hook) = hook {
                        hook.run(conn, opened.read_only).await?;
                    }
                    file.opened()?;
                    match signals {
                        Some(signals) => DB::connect_signals(conn, signals, true).await,
                        None => Ok(()),
                    }
                })
            })
            .max_connections(size)
            .acquire_timeout(settings.acquire_timeout())
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
            known: KnownPool::new(
                pool,
                DB::ONE_WRITER,
                plan.file.clone(),
                hook.clone(),
                &sessions.monitor,
            ),
            surplus: has_surplus.then(|| Surplus::new(keep, settings.idle_timeout)),
            recency,
            signals,
            patience,
            returns: patience.map(Returns::new),
            opened,
            hook,
            keep_forever: plan.keep_forever,
        })
    }

    /// The number of connections that the pool may have.
    pub(crate) fn size(&self) -> u32 {
        self.known.size()
    }

    /// Acquires a connection for a call before `until`; `now` saves a clock read.
    pub(crate) async fn acquire(
        self: &Arc<Self>,
        by: Borrower,
        now: Instant,
        until: Instant,
        timer: &mut Timer,
    ) -> Result<Lease<DB>> {
        let (conn, origin, held_from) = match self.take_idle(now) {
            Some(conn) => (conn, Origin::Idle, now),
            // Boxed, because otherwise the future of every call would reserve space for this one.
            None => {
                let (conn, origin, _) = Box::pin(self.known.wait(by, now, until, timer)).await?;
                (conn, origin, Instant::now())
            }
        };
        if let Some(recency) = &self.recency {
            recency.acquired(now);
        }
        let lease = Lease::of_sub_pool(conn, self, origin, self.known.held.hold(by, held_from));
        if let Some(surplus) = &self.surplus {
            surplus.held(self.known.held.count(), now);
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

    /// Notes that a connection leads to a server that has become a standby, so that those that are
    /// idle now are closed and not used.
    pub(crate) fn retire_idle(&self) {
        if let Some(recency) = &self.recency {
            recency.retire(Instant::now());
        }
    }

    /// Takes an idle connection that need not be tried, if there is one.
    ///
    /// This is cheaper than the pool's `acquire`, which sets a timer and watches for the pool being
    /// closed. `acquire` also looks at the connection's age, but so does the pool when a connection
    /// is given back.
    fn take_idle(&self, now: Instant) -> Option<PoolConnection<DB>> {
        match &self.recency {
            Some(recency) if !recency.trusts_idle(now, self.known.pool.size()) => None,
            _ => self.known.pool.try_acquire(),
        }
    }
}

/// Makes a pool try a connection before use if it was idle for long, or has been idle since before
/// another connection was found dead. One that leads to a standby is closed.
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
            let Some(recency) = recency else {
                return Ok(true);
            };
            if recency.is_retired(Instant::now(), meta.idle_for) {
                // An error has the connection closed without a goodbye, for which nobody could set a
                // time limit here.
                let fault = "the server of this idle connection has become a standby";
                return Err(sqlx::Error::Protocol(fault.to_owned()));
            }
            if recency.is_doubtful(Instant::now(), meta.idle_for) {
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
