//! Where a call acquires its connection from: a pool of dbop's, or one of the application's own.

use std::time::Duration;

use futures_core::future::BoxFuture;
use sqlx::Pool;
use tokio::time::{Instant, timeout_at};

use super::adopted::AdoptedPool;
use super::hooks::{PoolId, watch_acquire};
use super::lease::{Lease, Owner};
use super::place::PlaceOfPools;
use super::refusal::{ANSWER_HOLDS, connect_once, exhausted, explain, unopened};
use super::set::PoolSet;
use crate::backend::Backend;
use crate::error::{Error, ErrorKind, Result};
use crate::monitor::{Borrower, Registry, SessionInfo, Waiting};
use crate::rt::Timer;
use crate::telemetry::PoolReport;

/// The pools of a [`Db`](crate::Db), for one sort of session.
#[derive(Debug)]
pub(crate) enum Pools<DB: Backend> {
    /// The pools that dbop has made.
    Ours(PoolSet<DB>),
    /// The pool that the application has made.
    Adopted(AdoptedPool<DB>),
}

impl<DB: Backend> Pools<DB> {
    /// Acquires a connection for a call before `until`; `now` saves a clock read.
    pub(crate) async fn acquire(
        &self,
        by: Borrower,
        now: Instant,
        until: Instant,
        timer: &mut Timer,
    ) -> Result<Lease<DB>> {
        let acquired = match self {
            Self::Ours(pools) => pools.acquire(by, now, until, timer).await,
            // Boxed, because otherwise each call on dbop's own pools would reserve space for this
            // future.
            Self::Adopted(pool) => Box::pin(pool.acquire(by, now, until, timer)).await,
        };
        match &acquired {
            Ok(_) => self.report().acquired(now),
            Err(error) if is_late(error) => self.report().timed_out(),
            Err(_) => {}
        }
        acquired
    }

    /// Returns what one of the pools reports to. All of them report as one.
    fn report(&self) -> &PoolReport {
        match self {
            Self::Ours(pools) => pools.report(),
            Self::Adopted(pool) => &pool.known.held.report,
        }
    }

    /// Names the pools in metrics.
    #[cfg(feature = "metrics")]
    pub(crate) fn report_as(&self, name: &str) {
        match self {
            Self::Ours(pools) => pools
                .held()
                .for_each(|held| held.report.is_named(name.into())),
            Self::Adopted(pool) => pool.known.held.report.is_named(name.into()),
        }
    }

    /// Adds the numbers of the pools to those of all pools.
    #[cfg(feature = "metrics")]
    pub(crate) fn add_to(&self, sums: &mut crate::telemetry::Sums) {
        let counts = self.counts();
        let numbers = crate::telemetry::PoolGauges {
            max: counts.max,
            open: counts.open,
            idle: counts.idle,
            waiting: counts.waiting,
        };
        sums.add(self.report(), numbers);
    }

    /// Adds the connections that calls hold to a list.
    pub(crate) fn add_sessions(&self, sessions: &mut Vec<SessionInfo>) {
        match self {
            Self::Ours(pools) => pools.add_sessions(sessions),
            Self::Adopted(pool) => pool.known.held.add_to(sessions),
        }
    }

    /// For how long the connections together have been held that calls hold now.
    pub(crate) fn held_so_far(&self) -> Duration {
        match self {
            Self::Ours(pools) => pools.held().map(Registry::held_so_far).sum(),
            Self::Adopted(pool) => pool.known.held.held_so_far(),
        }
    }

    /// The number of connections that the pools keep once they are open.
    pub(crate) fn min_connections(&self) -> u32 {
        match self {
            Self::Ours(pools) => pools.keep,
            Self::Adopted(pool) => pool.pool().options().get_min_connections(),
        }
    }

    /// Returns one of the pools.
    pub(crate) fn pool(&self) -> &Pool<DB> {
        match self {
            Self::Ours(pools) => pools.pool(),
            Self::Adopted(pool) => pool.pool(),
        }
    }

    /// Returns where the database of the pools is.
    pub(super) fn place(&self) -> PlaceOfPools<'_, DB> {
        match self {
            Self::Ours(pools) => pools.place(),
            Self::Adopted(AdoptedPool { known, .. }) => PlaceOfPools {
                pool: &known.pool,
                file: &known.file,
                hook: None,
            },
        }
    }

    /// Closes all the pools right away, so that all of them refuse calls, and returns a future that
    /// waits until their connections are gone.
    pub(crate) fn close(&self) -> BoxFuture<'_, ()> {
        match self {
            Self::Ours(pools) => Box::pin(pools.close()),
            Self::Adopted(pool) => Box::pin(pool.pool().close()),
        }
    }
}

/// Whether a call has no connection because its time was up.
pub(crate) fn is_late(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::PoolExhausted | ErrorKind::Timeout)
}

/// Where a call's connection comes from.
pub(crate) enum ConnectionSource<'a, DB: Backend> {
    /// The pools of a [`Db`](crate::Db).
    OfDb(&'a Pools<DB>),
    /// A pool that the caller has passed.
    Callers(&'a Pool<DB>),
}

impl<DB: Backend> ConnectionSource<'_, DB> {
    /// Acquires a connection for a call before `until`; `now` saves a clock read.
    pub(crate) async fn acquire(
        &self,
        by: Borrower,
        now: Instant,
        until: Instant,
        timer: &mut Timer,
    ) -> Result<Lease<DB>> {
        match self {
            Self::OfDb(pools) => pools.acquire(by, now, until, timer).await,
            // Boxed, because otherwise each call on a `Db` would reserve space for this future.
            Self::Callers(pool) => Box::pin(acquire_from(pool, by, now, until, timer)).await,
        }
    }

    pub(crate) fn is_read_only(&self) -> bool {
        matches!(self, Self::OfDb(Pools::Ours(pools)) if pools.read_only)
    }

    /// The number of connections that there may be at once.
    pub(crate) fn size(&self) -> u32 {
        match self {
            Self::OfDb(Pools::Ours(pools)) => pools.size(),
            Self::OfDb(Pools::Adopted(pool)) => pool.pool().options().get_max_connections(),
            Self::Callers(pool) => pool.options().get_max_connections(),
        }
    }
}

/// Acquires a connection for a call from the caller's own pool before `until`.
async fn acquire_from<DB: Backend>(
    pool: &Pool<DB>,
    by: Borrower,
    now: Instant,
    until: Instant,
    timer: &mut Timer,
) -> Result<Lease<DB>> {
    let counted = Waiting::outside(by, now);
    // The last part of the wait is used to find out why it takes so long.
    let left = until.saturating_duration_since(now);
    let patience = until - ANSWER_HOLDS.min(left / 4);
    let mut acquiring = std::pin::pin!(pool.acquire());
    let mut waiting = std::pin::pin!(watch_acquire(PoolId::of(pool), acquiring.as_mut()));
    let (conn, _, signals) = match timer.until(patience, &mut waiting).await {
        Ok(Ok(found)) => found,
        Ok(Err(sqlx::Error::PoolTimedOut)) => {
            return Err(Box::pin(why_none(pool, now, until)).await);
        }
        Ok(Err(error)) => return Err(explain::<DB>(pool, error.into())),
        Err(_) => {
            let reason = Box::pin(why_none(pool, now, until)).await;
            match timer.until(until, waiting).await {
                Ok(Ok(found)) => found,
                _ => return Err(reason),
            }
        }
    };
    drop(counted);
    Lease::of_caller(conn, Owner::of_caller(pool), by.op, signals, until).await
}

/// Returns the reason why a caller's pool gave no connection since `asked`. It is not known here
/// who holds the connections of that pool, so the server is asked.
async fn why_none<DB: Backend>(pool: &Pool<DB>, asked: Instant, until: Instant) -> Error {
    match timeout_at(until, connect_once(pool)).await {
        Ok(Some(Ok(()))) => exhausted(pool.options().get_max_connections(), false, Vec::new()),
        Ok(Some(Err(refusal))) => explain::<DB>(pool, refusal.into()),
        Ok(None) | Err(_) => unopened(&DB::place(&pool.connect_options()), asked.elapsed()),
    }
}
