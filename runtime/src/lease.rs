//! [`Lease`]: a connection that a call holds, and how it is given back.

use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Pool, SqlSafeStr};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::backend::{Backend, Options};
use crate::error::{Error, Result};
use crate::holders::Holding;
use crate::lanes::Turn;
use crate::op::Op;
use crate::pool::{Lane, Origin};
use crate::returns::{Followed, Returns};
use crate::rt::Timer;
use crate::rt::within;
use crate::rt::{background, here_or_background};
use crate::settings::VALIDATION_TIMEOUT;
use crate::signals::{self, Ends, Signals};
use crate::sql::Traces;

/// Given back when dropped; if something was left on it, then only after that has been undone.
///
/// Whatever is asked of a server on the way has a time limit. A connection that does not answer in
/// time is closed without a goodbye, and its place in the pool is free.
#[derive(Debug)]
pub(crate) struct Lease<DB: Backend> {
    conn: Option<PoolConnection<DB>>,
    pub(crate) left: Left,
    pub(crate) traces: Traces,
    /// The session was made read-only for this call.
    pub(crate) guarded: bool,
    pub(crate) origin: Origin,
    signals: Option<Arc<Signals>>,
    home: Home<DB>,
    turn: Option<Turn>,
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

/// The pool that a connection goes back to.
#[derive(Debug)]
enum Home<DB: Backend> {
    Ours {
        lane: Arc<Lane<DB>>,
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
    left: Left,
    /// The session is not as it was opened, which was read-only or not.
    reset_to: Option<ReadOnly>,
    /// The session was made read-only.
    guarded: bool,
}

type ReadOnly = bool;

impl<DB: Backend> Lease<DB> {
    /// Of a pool of ours.
    pub(crate) fn of_lane(
        conn: PoolConnection<DB>,
        lane: &Arc<Lane<DB>>,
        origin: Origin,
        op: &'static Op,
    ) -> Self {
        let home = Home::Ours {
            lane: Arc::clone(lane),
            _holding: lane.holders.hold(op),
        };
        Self::new(conn, origin, lane.signals.clone(), home)
    }

    /// Of a pool of the caller's. Which of its connections this is the driver does not say, so the
    /// signals are connected anew for each call, unless the pool is one of ours, or the call only
    /// reads and would pay more for that than for its query. A query that nobody waits for any more
    /// then runs to its end before the connection is given back.
    pub(crate) async fn of_caller(
        mut conn: PoolConnection<DB>,
        pool: &Pool<DB>,
        op: &'static Op,
        until: Instant,
    ) -> Result<Self> {
        let home = Home::Callers(pool.connect_options());
        if !DB::HAS_SIGNALS {
            return Ok(Self::new(conn, Origin::Idle, None, home));
        }
        let signals = match signals::of(pool) {
            Some(signals) => signals,
            None if op.guards_late() => return Ok(Self::new(conn, Origin::Idle, None, home)),
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
        Ok(Self::new(conn, Origin::Idle, Some(signals), home))
    }

    fn new(
        conn: PoolConnection<DB>,
        origin: Origin,
        signals: Option<Arc<Signals>>,
        home: Home<DB>,
    ) -> Self {
        Self {
            conn: Some(conn),
            left: Left::Nothing,
            traces: Traces::None,
            guarded: false,
            origin,
            signals,
            home,
            turn: None,
        }
    }

    /// For the time of this turn.
    pub(crate) fn in_turn(mut self, turn: Option<Turn>) -> Self {
        self.turn = turn;
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
        self.left = Left::Unfinished;
        if let Some(lane) = self.lane() {
            lane.doubt_idle();
        }
    }

    /// Whether the connection was lost for no fault of the server's: while it was idle, or by the
    /// server's own word, which an administrator has told to end it.
    pub(crate) fn may_have_ended(&self, error: &sqlx::Error) -> bool {
        self.origin == Origin::Idle || matches!(error, sqlx::Error::Database(_))
    }

    /// The connections that its pool may have, if the pool is one of ours.
    pub(crate) fn pool_size(&self) -> Option<u32> {
        self.lane().map(|lane| lane.size())
    }

    fn lane(&self) -> Option<&Lane<DB>> {
        match &self.home {
            Home::Ours { lane, .. } => Some(lane),
            Home::Callers(_) | Home::Nowhere => None,
        }
    }

    fn is_clean(&self) -> bool {
        self.left == Left::Nothing && !self.guarded && !self.has_to_reset() && !self.has_to_close()
    }

    /// The session has to be put back as it was opened. Only sessions of ours: nobody knows how the
    /// application has prepared its own.
    fn has_to_reset(&self) -> bool {
        match &self.home {
            Home::Ours { lane, .. } if lane.keep_forever => self.traces > Traces::None,
            Home::Ours { .. } => matches!(self.traces, Traces::Unseen | Traces::State),
            Home::Callers(_) | Home::Nowhere => false,
        }
    }

    /// What was left in the session goes only with the session.
    fn has_to_close(&self) -> bool {
        match &self.home {
            Home::Ours { lane, .. } => self.traces == Traces::Lasting && !lane.keep_forever,
            Home::Callers(options) => self.traces >= Traces::State && !DB::is_in_memory(options),
            Home::Nowhere => false,
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
                .lane()
                .filter(|_| self.has_to_reset())
                .map(|lane| lane.read_only),
            guarded: self.guarded,
        };
        let (patience, way_back) = (self.patience(), self.way_back());
        let keep_forever = self.keeps_forever();
        let signals = self.signals.take();
        let home = std::mem::replace(&mut self.home, Home::Nowhere);
        let turn = self.turn.take();
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
                way_back.take(conn, turn, &Handle::current());
            } else {
                let _ = within(patience, conn.close()).await;
                drop(turn);
            }
            // Last: for as long as it is cleaned, it is not one that could be opened.
            drop(home);
        }
    }

    fn patience(&self) -> Option<Duration> {
        match self.lane() {
            Some(lane) => lane.patience,
            None => DB::REMOTE.then_some(VALIDATION_TIMEOUT),
        }
    }

    /// The connection holds the database.
    fn keeps_forever(&self) -> bool {
        self.lane().is_some_and(|lane| lane.keep_forever)
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
        match self.lane() {
            Some(lane) => lane.returns.as_ref().map_or(WayBack::Patient, |returns| {
                WayBack::Together(Arc::clone(returns))
            }),
            None if DB::REMOTE => WayBack::Within(VALIDATION_TIMEOUT),
            None => WayBack::Patient,
        }
    }

    fn stop_what_runs(&self) {
        if let Some(signals) = &self.signals
            && self.left == Left::Unfinished
        {
            signals.stop();
        }
    }
}

impl CleanUp {
    /// `false`: the connection has to be closed.
    async fn run<DB: Backend>(self, conn: &mut DB::Connection, signals: Option<&Signals>) -> bool {
        let recovered = self.left != Left::Unfinished || DB::recover(conn).await;
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
        if self.left == Left::Transaction && !DB::leave_transaction(conn).await {
            return false;
        }
        let lift_guard = DB::READ_ONLY_OFF.into_sql_str();
        !self.guarded || DB::run(conn, lift_guard).await.is_ok()
    }
}

/// How a clean connection goes back to its pool: in a task, because the driver first asks the server
/// whether the connection is fit for use. Its turn ends with that: before, the next caller would find
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
    fn take<DB: Backend>(self, mut conn: PoolConnection<DB>, turn: Option<Turn>, runtime: &Handle) {
        let returning = conn.return_to_pool();
        // Dropped before its end, the connection is closed, and its place is free.
        match self {
            Self::Together(returns) => returns.spawn(runtime, returning),
            Self::Patient => drop(runtime.spawn(Followed::by(returning, turn))),
            Self::Within(limit) => drop(runtime.spawn(Followed::by(timeout(limit, returning), ()))),
        }
    }
}

impl<DB: Backend> Drop for Lease<DB> {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        let runtime = self.runtime();
        if self.is_clean() {
            self.way_back().take(conn, self.turn.take(), &runtime);
        } else {
            // The work enters the runtime by itself.
            drop(runtime.spawn(self.clean(conn)));
        }
    }
}
