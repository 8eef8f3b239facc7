//! [`Lease`]: a connection that a call holds, and how the connection is given back.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Pool;
use sqlx::pool::PoolConnection;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use super::clean_up::{CleanUp, Reset, WayBack};
use super::deadlock;
use super::free::SubPoolPermit;
use super::hooks::Origin;
use super::sub_pool::{SubPool, VALIDATION_TIMEOUT};
use crate::backend::{Backend, Deadlock, Ends, Leftover, Options, Signals, Traces};
use crate::error::{Error, Result};
use crate::monitor::{Holding, Progress, SessionState};
use crate::op::Op;
use crate::rt::{Moment, Timer, background, here_or_background, within};

/// A connection that a call holds. Dropping the lease gives the connection back, once whatever the
/// call has left on it has been undone.
///
/// Whatever the clean-up asks of a server has a time limit. A connection that does not answer in
/// time is closed without a goodbye, and its place in the pool is free.
#[derive(Debug)]
pub(crate) struct Lease<DB: Backend> {
    conn: Option<PoolConnection<DB>>,
    pub(crate) left: Leftover,
    pub(crate) traces: Traces,
    /// Whether the session was made read-only for this call.
    pub(crate) guarded: bool,
    /// Whether the connection is taken back from its call, and closed.
    reclaimed: bool,
    pub(crate) origin: Origin,
    signals: Option<Arc<Signals>>,
    owner: Owner<DB>,
    permit: Option<SubPoolPermit>,
}

/// The pool that a connection goes back to.
#[derive(Debug)]
pub(super) enum Owner<DB: Backend> {
    /// A sub-pool of dbop's.
    Ours {
        sub_pool: Arc<SubPool<DB>>,
        /// Counts the call as a holder until the connection is fit for the next borrower.
        holding: Holding,
    },
    /// A pool of the application's own.
    Callers {
        /// The options with which its connections are opened.
        options: Arc<Options<DB>>,
        /// How long the server may take over each step of the clean-up. `None` if there is no limit.
        patience: Option<Duration>,
        /// Counts the call as a holder, if the pool belongs to a handle.
        holding: Option<Holding>,
    },
    /// No pool any more, because the connection has been taken out of the lease.
    Nowhere,
}

impl<DB: Backend> Owner<DB> {
    /// A pool that the caller of one call has passed.
    pub(super) fn of_caller(pool: &Pool<DB>) -> Self {
        Self::Callers {
            options: pool.connect_options(),
            patience: DB::REMOTE.then_some(VALIDATION_TIMEOUT),
            holding: None,
        }
    }
}

impl<DB: Backend> Lease<DB> {
    /// Wraps a connection of one of dbop's own pools.
    pub(crate) fn of_sub_pool(
        conn: PoolConnection<DB>,
        sub_pool: &Arc<SubPool<DB>>,
        origin: Origin,
        holding: Holding,
    ) -> Self {
        let owner = Owner::Ours {
            sub_pool: Arc::clone(sub_pool),
            holding,
        };
        Self::new(conn, origin, sub_pool.signals.clone(), owner)
    }

    /// Wraps a connection of a pool of the application's.
    ///
    /// The driver does not say which connection of the pool this is, so each call connects new
    /// signals. There are two exceptions. A pool of dbop's brings its own `signals`. A call that
    /// only reads goes without, because connecting them would cost more than its query; a query
    /// that nobody waits for any more then runs to its end before the connection is given back.
    pub(super) async fn of_caller(
        mut conn: PoolConnection<DB>,
        owner: Owner<DB>,
        op: &'static Op,
        signals: Option<Arc<Signals>>,
        until: Instant,
    ) -> Result<Self> {
        if !DB::HAS_SIGNALS {
            return Ok(Self::new(conn, Origin::Idle, None, owner));
        }
        let signals = match signals {
            Some(signals) => signals,
            None if op.guards_late() => return Ok(Self::new(conn, Origin::Idle, None, owner)),
            None => {
                let signals = Arc::<Signals>::default();
                let connecting = DB::connect_signals(&mut conn, Arc::clone(&signals), false);
                match timeout_at(until, connecting).await {
                    Ok(connected) => connected?,
                    Err(_) => return Err(Error::deadline("the connection to be ready")),
                }
                signals
            }
        };
        Ok(Self::new(conn, Origin::Idle, Some(signals), owner))
    }

    fn new(
        conn: PoolConnection<DB>,
        origin: Origin,
        signals: Option<Arc<Signals>>,
        owner: Owner<DB>,
    ) -> Self {
        Self {
            conn: Some(conn),
            left: Leftover::Nothing,
            traces: Traces::None,
            guarded: false,
            reclaimed: false,
            origin,
            signals,
            owner,
            permit: None,
        }
    }

    /// Adds the sub-pool's permit, which the lease keeps until the connection is back in its pool.
    pub(super) fn with_permit(mut self, permit: Option<SubPoolPermit>) -> Self {
        self.permit = permit;
        self
    }

    pub(crate) fn conn(&mut self) -> &mut DB::Connection {
        self.conn.as_mut().expect("present until dropped")
    }

    /// Returns where the call notes what it does with the connection. `None` if nobody lists the
    /// connections of the pool.
    pub(crate) fn progress(&self) -> Option<&Arc<Progress>> {
        self.holding().map(Holding::progress)
    }

    fn holding(&self) -> Option<&Holding> {
        match &self.owner {
            Owner::Ours { holding, .. } => Some(holding),
            Owner::Callers { holding, .. } => holding.as_ref(),
            Owner::Nowhere => None,
        }
    }

    /// Counts the statements that the call has sent on the connection.
    pub(crate) fn sent(&self, statements: u32) {
        if let Some(holding) = self.holding() {
            holding.sent(statements);
        }
    }

    /// Logs which operation the deadlock was with that has rolled back the transaction of `victim`.
    #[cold]
    pub(crate) fn explain(&self, deadlock: Deadlock, victim: &'static Op) {
        let Some(holding) = self.holding() else {
            return;
        };
        let options = match &self.owner {
            Owner::Ours { sub_pool, .. } => sub_pool.known.pool.connect_options(),
            Owner::Callers { options, .. } => Arc::clone(options),
            Owner::Nowhere => return,
        };
        deadlock::explain::<DB>(options, victim, holding.rivals(), deadlock);
    }

    /// Notes that the call does this with the connection from `now` on.
    pub(crate) fn note(&self, state: SessionState, now: Instant) {
        if let Some(progress) = self.progress() {
            progress.note(state, Moment::of(now));
        }
    }

    /// Returns the signals, and how many transactions have ended on the connection so far. `None`
    /// if the connection does not report that.
    pub(crate) fn ends(&self) -> Option<(Arc<Signals>, Ends)> {
        let signals = self.signals.as_ref()?;
        Some((Arc::clone(signals), signals.ends()?))
    }

    /// Notes that the connection was lost, or that its server has stopped answering. The idle
    /// connections of the pool may be dead as well, so they are tried before they are used.
    pub(crate) fn was_lost(&mut self) {
        self.left = Leftover::Unfinished;
        if let Some(sub_pool) = self.sub_pool() {
            sub_pool.doubt_idle();
        }
    }

    /// Notes that the connection leads to a server that has become a standby. So do the idle
    /// connections of the pool, which answer all the same, and are therefore closed before use.
    pub(crate) fn met_standby(&mut self) {
        self.left = Leftover::Unfinished;
        if let Some(sub_pool) = self.sub_pool() {
            sub_pool.retire_idle();
        }
    }

    /// How long the connection may take over its first answer to this call. `None` if there is no
    /// limit: a connection that was just opened has answered, and one that was idle may be half-open.
    pub(crate) fn answers_within(&self) -> Option<Duration> {
        self.patience().filter(|_| self.origin == Origin::Idle)
    }

    /// Whether the connection may have ended without the server being at fault: it was lost while
    /// idle, or the server itself reported the end, for example because an administrator asked for
    /// it.
    pub(crate) fn may_have_ended(&self, error: &sqlx::Error) -> bool {
        self.origin == Origin::Idle || matches!(error, sqlx::Error::Database(_))
    }

    /// The number of connections that the pool may have. `None` for a pool that is not dbop's.
    pub(crate) fn pool_size(&self) -> Option<u32> {
        self.sub_pool().map(|sub_pool| sub_pool.size())
    }

    fn sub_pool(&self) -> Option<&SubPool<DB>> {
        match &self.owner {
            Owner::Ours { sub_pool, .. } => Some(sub_pool),
            Owner::Callers { .. } | Owner::Nowhere => None,
        }
    }

    fn is_clean(&self) -> bool {
        self.left == Leftover::Nothing
            && !self.guarded
            && !self.has_to_reset()
            && !self.has_to_close()
            && !self
                .sub_pool()
                .is_some_and(|sub_pool| sub_pool.has_surplus())
    }

    /// Whether the session has to be put back as it was opened. Applies only to sessions that dbop
    /// opened: how the application has prepared its own sessions is not known.
    fn has_to_reset(&self) -> bool {
        match &self.owner {
            Owner::Ours { sub_pool, .. } if sub_pool.keep_forever => self.traces > Traces::None,
            Owner::Ours { .. } => matches!(self.traces, Traces::Unseen | Traces::State),
            Owner::Callers { .. } | Owner::Nowhere => false,
        }
    }

    /// Whether the connection is to be closed, because that is the only way to undo what was left in
    /// its session.
    fn has_to_close(&self) -> bool {
        match &self.owner {
            _ if self.reclaimed => true,
            Owner::Ours { sub_pool, .. } => {
                // What only the driver knows of the session's settings cannot be put back.
                let too_much = match sub_pool.opened.own_options && !DB::RESETS_TO_OPTIONS {
                    true => self.has_to_reset() || self.traces == Traces::Lasting,
                    false => self.traces == Traces::Lasting,
                };
                too_much && !sub_pool.keep_forever
            }
            Owner::Callers { options, .. } => {
                self.traces >= Traces::State && !DB::is_in_memory(options)
            }
            Owner::Nowhere => false,
        }
    }

    /// Gives the connection back, and waits until what was left on it has been undone.
    pub(crate) async fn release(mut self) {
        if !self.is_clean()
            && let Some(conn) = self.conn.take()
        {
            // A task does the clean-up, because a caller that goes away must not stop it half-way.
            let runtime = self.runtime();
            drop(runtime.spawn(self.clean(conn)).await);
        }
    }

    /// Like [`release`](Self::release), but stops waiting at `deadline`; the clean-up continues in
    /// the background. A clean connection is given back right away.
    ///
    /// This is not an `async fn`, because the future would have room for two leases, and a call's
    /// future has room for this one.
    pub(crate) fn give_back(
        mut self,
        deadline: Instant,
        timer: &mut Timer,
    ) -> impl Future<Output = ()> {
        let releasing = if self.is_clean() {
            self.put_back();
            None
        } else {
            Some(Box::pin(self.release()))
        };
        async move {
            if let Some(releasing) = releasing {
                let _ = timer.until(deadline, releasing).await;
            }
        }
    }

    /// Gives a clean connection back.
    fn put_back(&mut self) {
        if let Some(conn) = self.conn.take() {
            let runtime = self.runtime();
            self.way_back().take(conn, self.permit.take(), &runtime);
        }
    }

    /// Makes a connection fit for the next borrower and gives it back, or closes it.
    ///
    /// A statement that still runs is told to stop right away and not when the future is polled,
    /// because a runtime that ends drops the future before.
    fn clean(&mut self, mut conn: PoolConnection<DB>) -> impl Future<Output = ()> + use<DB> {
        self.stop_what_runs();
        self.note(SessionState::CleaningUp, Instant::now());
        let surplus = match &self.owner {
            Owner::Ours { sub_pool, .. } => sub_pool.claim_surplus(),
            Owner::Callers { .. } | Owner::Nowhere => None,
        };
        let close = surplus.is_some() || self.has_to_close();
        let clean_up = CleanUp {
            left: self.left,
            reset: self
                .sub_pool()
                .filter(|_| self.has_to_reset())
                .map(|sub_pool| Reset {
                    opened: sub_pool.opened,
                    hook: sub_pool.hook.clone(),
                }),
            guarded: self.guarded,
        };
        let (patience, way_back) = (self.patience(), self.way_back());
        let keep_forever = self.keeps_forever();
        let signals = self.signals.take();
        let owner = std::mem::replace(&mut self.owner, Owner::Nowhere);
        let permit = self.permit.take();
        async move {
            let cleaned = !close && {
                let cleaning = clean_up.run(&mut conn, signals.as_deref());
                within(patience, cleaning).await.unwrap_or(false)
            };
            if !cleaned && keep_forever {
                tracing::error!(
                    "what a call left on the connection that holds a database in memory could not be \
                     undone; it is kept as it is, because the database would go with it"
                );
            }
            if cleaned || keep_forever {
                way_back.take(conn, permit, &Handle::current());
            } else {
                let _ = within(patience, conn.close()).await;
                drop(permit);
            }
            drop(surplus);
            // Dropped last: a connection still counts as held for as long as it is being cleaned.
            drop(owner);
        }
    }

    /// How long the server may take over each step of the clean-up. `None` if there is no limit.
    fn patience(&self) -> Option<Duration> {
        match &self.owner {
            Owner::Ours { sub_pool, .. } => sub_pool.patience,
            Owner::Callers { patience, .. } => *patience,
            Owner::Nowhere => None,
        }
    }

    /// Takes the connection back from its call: what runs is stopped, and the connection is closed.
    pub(crate) fn reclaim(&mut self) {
        self.reclaimed = true;
        self.left = Leftover::Unfinished;
        if let Some(holding) = self.holding() {
            holding.was_reclaimed();
        }
    }

    /// Whether the connection holds the database, which would go away with the connection.
    pub(crate) fn keeps_forever(&self) -> bool {
        self.sub_pool()
            .is_some_and(|sub_pool| sub_pool.keep_forever)
    }

    /// The runtime that does the clean-up. A runtime that ends drops its tasks and what they hold,
    /// which must not happen to a connection that holds the database, so such a connection is left
    /// to the background runtime.
    fn runtime(&self) -> Handle {
        if self.keeps_forever() {
            background().clone()
        } else {
            here_or_background()
        }
    }

    fn way_back(&self) -> WayBack {
        match self.sub_pool() {
            Some(sub_pool) => sub_pool
                .returns
                .as_ref()
                .map_or(WayBack::Patient, |returns| {
                    WayBack::Together(Arc::clone(returns))
                }),
            None => self.patience().map_or(WayBack::Patient, WayBack::Within),
        }
    }

    fn stop_what_runs(&self) {
        if let Some(signals) = &self.signals
            && self.left == Leftover::Unfinished
        {
            signals.stop();
        }
    }
}

impl<DB: Backend> Drop for Lease<DB> {
    fn drop(&mut self) {
        if self.conn.is_none() {
            return;
        }
        if self.is_clean() {
            return self.put_back();
        }
        if let Some(conn) = self.conn.take() {
            // The task runs inside the runtime, so this thread need not enter it.
            let runtime = self.runtime();
            drop(runtime.spawn(self.clean(conn)));
        }
    }
}
