//! [`Lanes`]: the pools of one sort of session.
//!
//! Where the driver does not say which connection a call holds, what runs on it can only be stopped
//! if its pool has no other. There each connection is a pool of its own, and calls take turns.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::Pool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::backend::{Backend, Plan};
use crate::error::{Error, Result};
use crate::holders::Holders;
use crate::lease::Lease;
use crate::op::Op;
use crate::pool::{self, Lane};
use crate::rt::Timer;
use crate::settings::Settings;

#[derive(Debug)]
pub(crate) struct Lanes<DB: Backend> {
    each: Vec<Arc<Lane<DB>>>,
    turns: Arc<Turns>,
    pub(crate) read_only: bool,
}

/// Which of several lanes are free; the one that was given back first is the next.
#[derive(Debug)]
struct Turns {
    permits: Arc<Semaphore>,
    free: Mutex<VecDeque<usize>>,
}

/// The use of one lane; given back when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Arc<Turns>,
    lane: usize,
    _permit: OwnedSemaphorePermit,
}

impl<DB: Backend> Lanes<DB> {
    pub(crate) fn open(plan: &Plan<DB>, settings: &Settings, read_only: bool) -> Self {
        let (lanes, size) = match plan.apart {
            true => (plan.size, 1),
            false => (1, plan.size),
        };
        let lane = |_| Lane::open(plan, size, settings, read_only);
        let count = usize::try_from(lanes).unwrap_or(usize::MAX);
        Self {
            each: (0..lanes).map(lane).collect(),
            turns: Arc::new(Turns {
                permits: Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS))),
                free: Mutex::new((0..count).collect()),
            }),
            read_only,
        }
    }

    /// A connection for `op` by `until` at the latest, if it is `now`.
    pub(crate) async fn acquire(
        &self,
        op: &'static Op,
        now: Instant,
        until: Instant,
        timer: &mut Timer,
    ) -> Result<Lease<DB>> {
        let (lane, turn) = match &*self.each {
            [only] => (only, None),
            each => {
                let turn = self.turn(until, timer).await?;
                (&each[turn.lane], Some(turn))
            }
        };
        // One await for both, since each would have room for the whole of it.
        let lease = lane.acquire(op, now, until, timer).await?;
        Ok(lease.in_turn(turn))
    }

    async fn turn(&self, until: Instant, timer: &mut Timer) -> Result<Turn> {
        let permits = Arc::clone(&self.turns.permits);
        let permit = match Arc::clone(&permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => match timer.until(until, permits.acquire_owned()).await {
                Ok(Ok(permit)) => permit,
                _ => return Err(self.exhausted()),
            },
        };
        Ok(self.turns.take(permit))
    }

    /// All lanes were in use for as long as a call could wait.
    fn exhausted(&self) -> Error {
        let holders = Holders::default();
        for lane in &self.each {
            lane.holders.copy_to(&holders);
        }
        pool::exhausted(self.size(), false, Some(&holders))
    }

    /// The connections that the pools may have together.
    pub(crate) fn size(&self) -> u32 {
        self.each.iter().map(|lane| lane.size()).sum()
    }

    /// Any of the pools.
    pub(crate) fn pool(&self) -> &Pool<DB> {
        &self.each[0].pool
    }

    /// All of them refuse from now on, before any of them is waited for.
    pub(crate) fn close(&self) -> impl Future<Output = ()> {
        let closing: Vec<_> = self.each.iter().map(|lane| lane.pool.close()).collect();
        async move {
            for closed in closing {
                closed.await;
            }
        }
    }
}

impl Turns {
    fn take(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Turn {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        Turn {
            turns: Arc::clone(self),
            lane: free.pop_front().expect("as many as there are permits"),
            _permit: permit,
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let free = &self.turns.free;
        let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
        free.push_back(self.lane);
    }
}
