//! Where a call acquires its connection from: a pool of dbop's, or one of the application's own.

use sqlx::Pool;
use tokio::time::{Instant, timeout_at};

use super::hooks::watch_acquire;
use super::lease::Lease;
use super::refusal::{ANSWER_HOLDS, connect_once, exhausted, explain, unopened};
use super::set::PoolSet;
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::op::Op;
use crate::rt::Timer;

/// Where connections come from.
pub(crate) enum ConnectionSource<'a, DB: Backend> {
    Ours(&'a PoolSet<DB>),
    Callers(&'a Pool<DB>),
}

impl<DB: Backend> ConnectionSource<'_, DB> {
    /// A connection for `op` by `until` at the latest, if it is `now`.
    pub(crate) async fn acquire(
        &self,
        op: &'static Op,
        now: Instant,
        until: Instant,
        timer: &mut Timer,
    ) -> Result<Lease<DB>> {
        match self {
            Self::Ours(pools) => pools.acquire(op, now, until, timer).await,
            // In a box, or each call on a `Db` would have room for it.
            Self::Callers(pool) => Box::pin(acquire_from(pool, op, now, until, timer)).await,
        }
    }

    pub(crate) fn is_read_only(&self) -> bool {
        matches!(self, Self::Ours(pools) if pools.read_only)
    }

    /// The connections that there may be.
    pub(crate) fn size(&self) -> u32 {
        match self {
            Self::Ours(pools) => pools.size(),
            Self::Callers(pool) => pool.options().get_max_connections(),
        }
    }
}

/// A connection for `op` from the caller's own pool by `until` at the latest.
async fn acquire_from<DB: Backend>(
    pool: &Pool<DB>,
    op: &'static Op,
    now: Instant,
    until: Instant,
    timer: &mut Timer,
) -> Result<Lease<DB>> {
    // The last part of the wait is used to find out what it is that takes so long.
    let left = until.saturating_duration_since(now);
    let patience = until - ANSWER_HOLDS.min(left / 4);
    let mut waiting = std::pin::pin!(async {
        let (acquired, _, signals) = watch_acquire(pool.acquire()).await;
        acquired.map(|conn| (conn, signals))
    });
    match timer.until(patience, &mut waiting).await {
        Ok(Ok((conn, signals))) => Lease::of_caller(conn, pool, op, signals, until).await,
        Ok(Err(sqlx::Error::PoolTimedOut)) => Err(Box::pin(why_none(pool, now, until)).await),
        Ok(Err(error)) => Err(explain::<DB>(pool, error.into())),
        Err(_) => {
            let reason = Box::pin(why_none(pool, now, until)).await;
            match timer.until(until, waiting).await {
                Ok(Ok((conn, signals))) => Lease::of_caller(conn, pool, op, signals, until).await,
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
