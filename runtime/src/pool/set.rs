//! [`PoolSet`]: the pools of one sort of session, the sessions that write or those that only read.
//!
//! A driver may not say which connection a call holds. A statement that runs can then only be
//! stopped if its pool has no other connection. For such a driver each connection gets a sub-pool
//! of its own, and calls take turns at the sub-pools.

use std::sync::Arc;

use sqlx::Pool;
use tokio::time::Instant;

use super::free::FreeSubPools;
use super::known::KnownPool;
use super::lease::Lease;
use super::place::PlaceOfPools;
use super::refusal::exhausted;
use super::sub_pool::{PoolSettings, Sessions, SubPool};
use crate::backend::{Backend, Plan};
use crate::error::{Error, Result};
use crate::monitor::{Borrower, Registry, SessionInfo};
use crate::rt::Timer;
use crate::telemetry::PoolReport;

/// The pools of one sort of session.
#[derive(Debug)]
pub(crate) struct PoolSet<DB: Backend> {
    each: Vec<Arc<SubPool<DB>>>,
    free: Arc<FreeSubPools>,
    pub(crate) read_only: bool,
    /// The number of connections that are kept once they are open. 0 if all are closed after a while.
    pub(super) keep: u32,
}

impl<DB: Backend> PoolSet<DB> {
    pub(crate) fn open(plan: &Plan<DB>, settings: &PoolSettings, sessions: &Sessions<DB>) -> Self {
        let keep = settings.min_connections.min(plan.size);
        let (sub_pools, size) = match plan.apart {
            true => (plan.size, 1),
            false => (1, plan.size),
        };
        let sub_pool = |index: u32| {
            let keep = match plan.apart {
                true => u32::from(index < keep),
                false => keep,
            };
            SubPool::open(plan, (size, keep), settings, sessions)
        };
        let count = usize::try_from(sub_pools).unwrap_or(usize::MAX);
        Self {
            each: (0..sub_pools).map(sub_pool).collect(),
            free: FreeSubPools::new(count),
            read_only: sessions.opened.read_only,
            keep,
        }
    }

    /// Acquires a connection for a call before `until`; `now` saves a clock read.
    pub(crate) async fn acquire(
        &self,
        by: Borrower,
        mut now: Instant,
        until: Instant,
        timer: &mut Timer,
    ) -> Result<Lease<DB>> {
        let (sub_pool, permit) = match &*self.each {
            [only] => (only, None),
            each => {
                let queue = (by, &*each[0].known.held);
                let permit = self.free.acquire(queue, now, until, timer).await;
                let permit = permit.ok_or_else(|| self.exhausted())?;
                let sub_pool = &each[permit.sub_pool];
                if permit.waited {
                    now = Instant::now();
                }
                (sub_pool, Some(permit))
            }
        };
        // Both cases share one await, because each await reserves space for the whole future.
        let lease = sub_pool.acquire(by, now, until, timer).await?;
        Ok(lease.with_permit(permit))
    }

    /// Makes the error for a call that could not wait until a sub-pool was free.
    fn exhausted(&self) -> Error {
        let mut sessions = Vec::new();
        self.add_sessions(&mut sessions);
        exhausted(self.size(), false, sessions)
    }

    /// Adds the connections that calls hold to a list.
    pub(crate) fn add_sessions(&self, sessions: &mut Vec<SessionInfo>) {
        self.held().for_each(|held| held.add_to(sessions));
    }

    /// Returns what one of the pools reports to.
    pub(super) fn report(&self) -> &PoolReport {
        &self.each[0].known.held.report
    }

    /// Returns the connections of each pool that calls hold.
    pub(super) fn held(&self) -> impl Iterator<Item = &Registry> {
        self.each.iter().map(|sub_pool| &*sub_pool.known.held)
    }

    pub(super) fn known(&self) -> impl Iterator<Item = &KnownPool<DB>> {
        self.each.iter().map(|sub_pool| &sub_pool.known)
    }

    /// The number of connections that the pools may have together.
    pub(crate) fn size(&self) -> u32 {
        self.each.iter().map(|sub_pool| sub_pool.size()).sum()
    }

    /// Returns one of the pools.
    pub(crate) fn pool(&self) -> &Pool<DB> {
        &self.each[0].known.pool
    }

    /// Returns where the database of the pools is.
    pub(super) fn place(&self) -> PlaceOfPools<'_, DB> {
        let first = &self.each[0];
        PlaceOfPools {
            pool: &first.known.pool,
            file: &first.known.file,
            hook: first
                .hook
                .as_deref()
                .map(|hook| (hook, first.opened.read_only)),
        }
    }

    /// Closes all the pools right away, so that all of them refuse calls, and returns a future that
    /// waits until their connections are gone.
    pub(crate) fn close(&self) -> impl Future<Output = ()> {
        let closing: Vec<_> = self
            .each
            .iter()
            .map(|sub_pool| sub_pool.known.pool.close())
            .collect();
        async move {
            for closed in closing {
                closed.await;
            }
        }
    }
}
