//! [`Lease`]: a connection that a call holds, and how it is given back.

use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Pool, SqlSafeStr};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};

use super::free::SubPoolPermit;
use super::holders::Holding;
use super::hooks::Origin;
use super::returns::{Followed, Returns};
use super::sub_pool::{SubPool, VALIDATION_TIMEOUT};
use crate::backend::{Backend, Ends, Leftover, Options, Signals, Traces};
use crate::error::{Error, Result};
use crate::op::Op;
use crate::rt::{Timer, background, here_or_background, within};

/// Given back when dropped; if something was left on it, then only after that has been undone.
///
/// Whatever is asked of a server on the way has a time limit. A connection that does not answer in
/// time is closed without a goodbye, and its place in the pool is free.
#[derive(Debug)]
pub(crate) struct Lease<DB: Backend> {
    conn: Option<PoolConnection<DB>>,
    pub(crate) left: Leftover,
    pub(crate) traces: Traces,
    /// The session was made read-only for this call.
    pub(crate) guarded: bool,
    pub(crate) origin: Origin,
    signals: Option<Arc<Signals>>,
    owner: Owner<DB>,
    permit: Option<SubPoolPermit>,
}

/// The pool that a connection goes back to.
#[derive(Debug)]
enum Owner<DB: Backend> {
    Ours {
        sub_pool: Arc<SubPool<DB>>,
        /// Until the connection is fit for the next borrower.
        _holding: Holding,
    },
    /// One of the application's, opened with these options.
    Callers(Arc<Options<DB>>),
    /// None any more: the connection has been taken out.
    Nowhere,
}

/// What makes a connection fit for the next borrower.
#[derive(Clone, Copy, Debug)]
struct CleanUp {
    left: Leftover,
    /// The session is not as it was opened, which was read-only or not.
    reset_to: Option<ReadOnly>,
    /// The session was made read-only.
    guarded: bool,
}

type ReadOnly = bool;

impl<DB: Backend> Lease<DB> {
    /// Of a pool of ours.
    pub(crate) fn of_sub_pool(
        conn: PoolConnection<DB>,
        sub_pool: &Arc<SubPool<DB>>,
        origin: Origin,
        op: &'static Op,
    ) -> Self {
        let owner = Owner::Ours {
            sub_pool: Arc::clone(sub_pool),
            _holding: sub_pool.holders.hold(op),
        };
        Self::new(conn, origin, sub_pool.signals.clone(), owner)
    }

    /// Of a pool of the caller's. Which of its connections this is the driver does not say, so the
    /// signals are connected anew for each call, unless the pool is one of ours, or the call only
    /// reads and would pay more for that than for its query. A query that nobody waits for any more
    /// then runs to its end before the connection is given back.
    pub(crate) async fn of_caller(
        mut conn: PoolConnection<DB>,
        pool: &Pool<DB>,
        op: &'static Op,
        signals: Option<Arc<Signals>>,
        until: Instant,
    ) -> Result<Self> {
        let owner = Owner::Callers(pool.connect_options());
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
            origin,
            signals,
            owner,
            permit: None,
        }
    }

    /// For the time of this permit.
    pub(super) fn with_permit(mut self, permit: Option<SubPoolPermit>) -> Self {
        self.permit = permit;
        self
    }

    pub(crate) fn conn(&mut self) -> &mut DB::Connection {
        self.conn.as_mut().expect("present until dropped")
    }

    /// The signals, and how many transactions have ended, if the connection reports that.
    pub(crate) fn ends(&self) -> Option<(Arc<Signals>, Ends)> {
        let signals = self.signals.as_ref()?;
        Some((Arc::clone(signals), signals.ends()?))
    }

    /// The connection was lost, or its server has stopped answering, so others may be dead as well.
    pub(crate) fn was_lost(&mut self) {
        self.left = Leftover::Unfinished;
        if let Some(sub_pool) = self.sub_pool() {
            sub_pool.doubt_idle();
        }
    }

    /// Whether the connection was lost for no fault of the server's: while it was idle, or by the
    /// server's own word, which an administrator has told to end it.
    pub(crate) fn may_have_ended(&self, error: &sqlx::Error) -> bool {
        self.origin == Origin::Idle || matches!(error, sqlx::Error::Database(_))
    }

    /// The connections that its pool may have, if the pool is one of ours.
    pub(crate) fn pool_size(&self) -> Option<u32> {
        self.sub_pool().map(|sub_pool| sub_pool.size())
    }

    fn sub_pool(&self) -> Option<&SubPool<DB>> {
        match &self.owner {
            Owner::Ours { sub_pool, .. } => Some(sub_pool),
            Owner::Callers(_) | Owner::Nowhere => None,
        }
    }

    fn is_clean(&self) -> bool {
        self.left == Leftover::Nothing
            && !self.guarded
            && !self.has_to_reset()
            && !self.has_to_close()
    }

    /// The session has to be put back as it was opened. Only sessions of ours: nobody knows how the
    /// application has prepared its own.
    fn has_to_reset(&self) -> bool {
        match &self.owner {
            Owner::Ours { sub_pool, .. } if sub_pool.keep_forever => self.traces > Traces::None,
            Owner::Ours { .. } => matches!(self.traces, Traces::Unseen | Traces::State),
            Owner::Callers(_) | Owner::Nowhere => false,
        }
    }

    /// What was left in the session goes only with the session.
    fn has_to_close(&self) -> bool {
        match &self.owner {
            Owner::Ours { sub_pool, .. } => {
                self.traces == Traces::Lasting && !sub_pool.keep_forever
            }
            Owner::Callers(options) => self.traces >= Traces::State && !DB::is_in_memory(options),
            Owner::Nowhere => false,
        }
    }

    /// Gives the connection back, and waits until what was left on it has been undone.
    pub(crate) async fn release(mut self) {
        if !self.is_clean()
            && let Some(conn) = self.conn.take()
        {
            // In a task, because a caller that goes away must not stop it half-way.
            let runtime = self.runtime();
            drop(runtime.spawn(self.clean(conn)).await);
        }
    }

    /// Like [`release`](Self::release), but stops waiting at `deadline`; the clean-up continues in
    /// the background.
    pub(crate) async fn give_back(self, deadline: Instant, timer: &mut Timer) {
        if !self.is_clean() {
            let _ = timer.until(deadline, Box::pin(self.release())).await;
        }
    }

    /// Makes a connection fit for the next borrower and gives it back, or closes it. What runs on it
    /// is told to stop now and not when the future is polled: a runtime that ends drops it before.
    fn clean(&mut self, mut conn: PoolConnection<DB>) -> impl Future<Output = ()> + use<DB> {
        self.stop_what_runs();
        let close = self.has_to_close();
        let clean_up = CleanUp {
            left: self.left,
            reset_to: self
                .sub_pool()
                .filter(|_| self.has_to_reset())
                .map(|sub_pool| sub_pool.read_only),
            guarded: self.guarded,
        };
        let (patience, way_back) = (self.patience(), self.way_back());
        let keep_forever = self.keeps_forever();
        let signals = self.signals.take();
        let owner = std::mem::replace(&mut self.owner, Owner::Nowhere);
        let permit = self.permit.take();
        async move {
            let cleaned = !close && {
                let cleaning = clean_up.run::<DB>(&mut conn, signals.as_deref());
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
            // Last: for as long as it is cleaned, it is not one that could be opened.
            drop(owner);
        }
    }

    fn patience(&self) -> Option<Duration> {
        match self.sub_pool() {
            Some(sub_pool) => sub_pool.patience,
            None => DB::REMOTE.then_some(VALIDATION_TIMEOUT),
        }
    }

    /// The connection holds the database.
    fn keeps_forever(&self) -> bool {
        self.sub_pool()
            .is_some_and(|sub_pool| sub_pool.keep_forever)
    }

    /// Where what is left to do for the connection is done. A runtime that ends takes what it has to
    /// do along, which a connection that holds a database must not be.
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
            None if DB::REMOTE => WayBack::Within(VALIDATION_TIMEOUT),
            None => WayBack::Patient,
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

impl CleanUp {
    /// `false`: the connection has to be closed.
    async fn run<DB: Backend>(self, conn: &mut DB::Connection, signals: Option<&Signals>) -> bool {
        let recovered = self.left != Leftover::Unfinished || DB::recover(conn).await;
        // Where nothing ran any more, nobody has obeyed the order to stop.
        if let Some(signals) = signals {
            signals.clear_stop();
        }
        if !recovered {
            return false;
        }
        if let Some(read_only) = self.reset_to {
            return DB::reset_session(conn, read_only).await;
        }
        if self.left == Leftover::Transaction && !DB::leave_transaction(conn).await {
            return false;
        }
        let lift_guard = DB::READ_ONLY_OFF.into_sql_str();
        !self.guarded || DB::run(conn, lift_guard).await.is_ok()
    }
}

/// How a clean connection goes back to its pool: in a task, because the driver first asks the server
/// whether the connection is fit for use. Its permit ends with that: before, the next caller would find
/// a pool whose only connection is not there yet.
#[derive(Debug)]
enum WayBack {
    /// However long it takes.
    Patient,
    /// With others of its pool, whose time is looked at together.
    Together(Arc<Returns>),
    /// With a time limit of its own.
    Within(Duration),
}

impl WayBack {
    #[inline]
    fn take<DB: Backend>(
        self,
        mut conn: PoolConnection<DB>,
        permit: Option<SubPoolPermit>,
        runtime: &Handle,
    ) {
        let returning = conn.return_to_pool();
        // Dropped before its end, the connection is closed, and its place is free.
        match self {
            Self::Together(returns) => returns.spawn(runtime, returning),
            Self::Patient => drop(runtime.spawn(Followed::by(returning, permit))),
            Self::Within(limit) => drop(runtime.spawn(Followed::by(timeout(limit, returning), ()))),
        }
    }
}

impl<DB: Backend> Drop for Lease<DB> {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        let runtime = self.runtime();
        if self.is_clean() {
            self.way_back().take(conn, self.permit.take(), &runtime);
        } else {
            // The work enters the runtime by itself.
            drop(runtime.spawn(self.clean(conn)));
        }
    }
}
