//! [`Lease`]: a connection that a call holds, and how it is given back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::pool::PoolConnection;
use sqlx::{Pool, SqlSafeStr};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::lanes::Turn;
use crate::pool::Lane;
use crate::stops;
use crate::timer::Timer;

/// Given back when dropped; if something was left on it, then only after that has been undone.
#[derive(Debug)]
pub(crate) struct Lease<DB: Backend> {
    conn: Option<PoolConnection<DB>>,
    pub(crate) left: Left,
    /// The session was made read-only for this call.
    pub(crate) guarded: bool,
    /// Stops what runs on it.
    stop: Option<Arc<AtomicBool>>,
    claim: Claim<DB>,
}

/// What a call may have left on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Nothing,
    /// A transaction that was begun past us.
    Transaction,
    /// Anything: a statement that is still running, a transaction in any state.
    Unfinished,
}

/// What others wait for, or count, until the connection is fit for the next borrower.
#[derive(Debug)]
struct Claim<DB: Backend> {
    held: Option<Held<DB>>,
    turn: Option<Turn>,
}

#[derive(Debug)]
struct Held<DB: Backend>(Arc<Lane<DB>>);

impl<DB: Backend> Held<DB> {
    fn new(lane: &Arc<Lane<DB>>) -> Self {
        lane.held.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(lane))
    }
}

impl<DB: Backend> Drop for Held<DB> {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<DB: Backend> Lease<DB> {
    /// Of a pool of ours.
    pub(crate) fn of_lane(conn: PoolConnection<DB>, lane: &Arc<Lane<DB>>) -> Self {
        Self::new(conn, lane.stop.clone(), Some(Held::new(lane)))
    }

    /// Of a pool of the caller's. Which of its connections this is the driver does not say, so
    /// what stops it is set anew for each call, unless it is a pool of ours.
    pub(crate) async fn of_caller(
        mut conn: PoolConnection<DB>,
        pool: &Pool<DB>,
        until: Instant,
    ) -> Result<Self> {
        if !DB::CAN_STOP {
            return Ok(Self::new(conn, None, None));
        }
        let stop = match stops::of(pool) {
            Some(stop) => stop,
            None => {
                let stop = Arc::<AtomicBool>::default();
                let setting = DB::stop_on(&mut conn, Arc::clone(&stop));
                match timeout_at(until, setting).await {
                    Ok(set) => set?,
                    Err(_) => return Err(Error::deadline("the connection to be ready")),
                }
                stop
            }
        };
        Ok(Self::new(conn, Some(stop), None))
    }

    fn new(
        conn: PoolConnection<DB>,
        stop: Option<Arc<AtomicBool>>,
        held: Option<Held<DB>>,
    ) -> Self {
        Self {
            conn: Some(conn),
            left: Left::Nothing,
            guarded: false,
            stop,
            claim: Claim { held, turn: None },
        }
    }

    /// For the time of this turn.
    pub(crate) fn in_turn(mut self, turn: Option<Turn>) -> Self {
        self.claim.turn = turn;
        self
    }

    pub(crate) fn conn(&mut self) -> &mut DB::Connection {
        self.conn.as_mut().expect("present until dropped")
    }

    fn is_clean(&self) -> bool {
        self.left == Left::Nothing && !self.guarded
    }

    /// Gives the connection back, and waits until what was left on it has been undone.
    pub(crate) async fn release(mut self) {
        if !self.is_clean()
            && let Some(conn) = self.conn.take()
        {
            // In a task, because a caller that goes away must not stop it half-way.
            drop(tokio::spawn(self.clean(conn)).await);
        }
    }

    /// The same, but at `deadline` it goes on by itself.
    pub(crate) async fn give_back(self, deadline: Instant, timer: &mut Timer) {
        if !self.is_clean() {
            let _ = timer.until(deadline, Box::pin(self.release())).await;
        }
    }

    /// Makes a connection fit for the next borrower, or closes it. What runs on it is told to stop
    /// now and not when the future is polled: a runtime that ends drops it before.
    fn clean(&mut self, mut conn: PoolConnection<DB>) -> impl Future<Output = ()> + use<DB> {
        self.stop_what_runs();
        let (left, guarded, stop) = (self.left, self.guarded, self.stop.take());
        let (held, turn) = (self.claim.held.take(), self.claim.turn.take());
        async move {
            let recovered = match left {
                Left::Nothing => true,
                Left::Transaction => DB::leave_transaction(&mut conn).await,
                Left::Unfinished => DB::recover(&mut conn).await,
            };
            // Where nothing ran any more, nobody has taken the flag down.
            if let Some(stop) = stop {
                stop.store(false, Ordering::Relaxed);
            }
            let lift_guard = DB::READ_ONLY_OFF.into_sql_str();
            let usable = recovered && (!guarded || DB::run(&mut conn, lift_guard).await.is_ok());
            if !usable {
                conn.close_on_drop();
            }
            drop(conn);
            // Last: for as long as it is cleaned, it is not one that could be opened.
            drop((held, turn));
        }
    }

    /// Gives a clean connection back. The pool does that in a task, and the turn ends with it: before,
    /// the next caller would find a pool whose only connection is not there yet.
    fn hand_on(&mut self, mut conn: PoolConnection<DB>, runtime: &Handle) {
        match self.claim.turn.take() {
            None => drop(conn),
            Some(turn) => {
                let returning = conn.return_to_pool();
                drop(runtime.spawn(async move {
                    returning.await;
                    drop(turn);
                }));
            }
        }
    }

    fn stop_what_runs(&self) {
        if let Some(stop) = &self.stop
            && self.left == Left::Unfinished
        {
            stop.store(true, Ordering::Relaxed);
        }
    }
}

impl<DB: Backend> Drop for Lease<DB> {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        match Handle::try_current() {
            Ok(runtime) if self.is_clean() => self.hand_on(conn, &runtime),
            Ok(runtime) => drop(runtime.spawn(self.clean(conn))),
            // No runtime is left to give it back in: close it here.
            Err(_) => {
                self.stop_what_runs();
                drop(conn.detach());
            }
        }
    }
}
