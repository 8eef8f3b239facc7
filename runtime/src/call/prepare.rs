//! [`SessionPlan`]: what a connection has to be told before the body gets it.

use std::time::Duration;

use sqlx_core::transaction::TransactionManager;
use tokio::time::Instant;

use super::state::CallState;
use crate::backend::{Backend, BeginOptions, Leftover, Traces};
use crate::op::Op;
use crate::policy::{Defaults, RunningCall, SessionLimits};
use crate::pool::Lease;
use crate::rt::{FOREVER, Moment};
use crate::session::{Guard, Hooks, Idle, Repeats, State, TxState};

/// What a connection has to be told before the body gets it.
#[derive(Debug)]
pub(super) struct SessionPlan {
    op: &'static Op,
    /// When the plan was made.
    pub(super) asked: Instant,
    guard: SessionGuard,
    forgets_plans: bool,
    /// How long a statement may run; `None`: as the session says.
    statement_timeout: Option<Duration>,
    /// How long the transaction may be idle; `None`: as the session says.
    idle_timeout: Option<Duration>,
    /// The time that was left of the call when the plan was made.
    left: Duration,
    /// The session was not opened by dbop.
    foreign: bool,
}

/// When the session is kept from writing, for a call that only reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionGuard {
    /// Never: the session was opened read-only, `BEGIN` says it, or the call may write.
    Never,
    /// Before the first statement that is not proved to read.
    Late,
    Now,
}

impl SessionPlan {
    /// Whether the database is told to end a statement at the call's deadline.
    pub(super) fn limits_statements(&self) -> bool {
        self.statement_timeout.is_some()
    }

    /// Tells the connection. The connection is unfinished until that is done.
    pub(super) async fn prepare<DB: Backend>(&self, lease: &mut Lease<DB>) -> sqlx::Result<()> {
        if self.forgets_plans {
            // Every connection of the pool may be prepared for the old schema, and a call has fewer
            // attempts than a pool has connections.
            lease.left = Leftover::Unfinished;
            DB::forget_plans(lease.conn()).await?;
            lease.left = Leftover::Nothing;
        }
        if self.guard == SessionGuard::Now {
            lease.guarded = true;
            let was_set = DB::make_read_only(lease.conn()).await?;
            // A guard of somebody else's is not ours to lift.
            lease.guarded = !was_set;
        }
        if self.op.transaction {
            lease.left = Leftover::Unfinished;
            let begin = BeginOptions {
                isolation: self.op.isolation,
                read_only: self.op.read_only,
                deferrable: self.op.deferrable,
                foreign: self.foreign,
                statement_timeout: self.statement_timeout,
                transaction_timeout: self.statement_timeout.map(|_| self.left),
                idle_timeout: self.idle_timeout,
            };
            let sql = DB::begin_sql(lease.conn(), &begin);
            DB::TransactionManager::begin(lease.conn(), Some(sql)).await?;
        } else if let Some(limit) = self.statement_timeout {
            lease.traces = Traces::State;
            DB::limit_statements(lease.conn(), limit).await?;
        }
        Ok(())
    }
}

impl CallState {
    /// When a session of this call is kept from writing. `opened_read_only`: the sessions of the
    /// pool were opened read-only.
    pub(super) fn guard<DB: Backend>(&self, opened_read_only: bool) -> SessionGuard {
        let op = self.op;
        let begin_says_it = op.transaction && !DB::GUARDS_TRANSACTIONS;
        if !op.read_only || opened_read_only || begin_says_it {
            SessionGuard::Never
        } else if DB::SELECTS_ONLY_READ && op.guards_late() {
            // Nothing that provably reads can write, so the guard is set only for what may.
            SessionGuard::Late
        } else {
            SessionGuard::Now
        }
    }

    /// Returns `None` if the connection is fit for the body as it is.
    pub(super) fn plan<DB: Backend>(
        &self,
        defaults: &Defaults,
        guard: SessionGuard,
    ) -> Option<SessionPlan> {
        let op = self.op;
        let longer = self.longer_statements::<DB>(defaults);
        let forgets_plans = self.attempts.stale_plans;
        if !(op.transaction || guard == SessionGuard::Now || forgets_plans || longer.is_some()) {
            return None;
        }
        let asked = Instant::now();
        let left = self.deadline().saturating_duration_since(asked);
        Some(SessionPlan {
            op,
            asked,
            guard,
            forgets_plans,
            statement_timeout: match op.transaction {
                true => self.statement_timeout(defaults, left),
                false => longer,
            },
            idle_timeout: match defaults.sessions {
                SessionLimits::PerTransaction {
                    idle_in_transaction_timeout: idle,
                    ..
                } => Some(idle),
                SessionLimits::Opened { .. } | SessionLimits::Foreign => None,
            },
            left,
            foreign: !matches!(defaults.sessions, SessionLimits::Opened { .. }),
        })
    }

    /// Returns how long a statement of a transaction may run: the time left, but no longer than a
    /// statement may run on this database, unless the operation has asked for more. `None` where
    /// the session has about this limit anyway.
    fn statement_timeout(&self, defaults: &Defaults, left: Duration) -> Option<Duration> {
        const NOT_WORTH_A_SETTING: Duration = Duration::from_secs(1);
        match defaults.sessions {
            SessionLimits::Opened {
                statement_timeout: of_session,
            } => {
                if left > of_session {
                    self.op
                        .timeout(defaults.overrides.of(self.op.name))
                        .map(|_| left)
                } else {
                    (left + NOT_WORTH_A_SETTING < of_session).then_some(left)
                }
            }
            SessionLimits::PerTransaction {
                statement_timeout, ..
            } if self
                .op
                .timeout(defaults.overrides.of(self.op.name))
                .is_none() =>
            {
                Some(left.min(statement_timeout))
            }
            SessionLimits::PerTransaction { .. } | SessionLimits::Foreign => Some(left),
        }
    }

    /// Returns how long a session without a transaction is to let a statement run, where that is
    /// more than it does: because the operation has asked for more, or because the statement lasts
    /// for as long as the consumer of a stream takes over its rows. For less, the call's own
    /// deadline is enough, and costs no statement.
    fn longer_statements<DB: Backend>(&self, defaults: &Defaults) -> Option<Duration> {
        let SessionLimits::Opened { statement_timeout } = defaults.sessions else {
            return None;
        };
        if self.op.transaction || !DB::LIMITS_STATEMENTS {
            return None;
        }
        if self.time_for_each_item().is_some() {
            return Some(FOREVER);
        }
        let asked = self.op.timeout(defaults.overrides.of(self.op.name))?;
        let left = || self.deadline().saturating_duration_since(Instant::now());
        (asked > statement_timeout).then(left)
    }

    /// What is seen of a session that has just been opened, and of its transaction if that has
    /// `begun` then.
    // Inlined for the same reason as `State::new`.
    #[inline]
    pub(super) fn session_state<DB: Backend>(
        &self,
        lease: &Lease<DB>,
        guard: SessionGuard,
        begun: Option<Instant>,
        defaults: &Defaults,
    ) -> State {
        let op = self.op;
        let tx = begun.filter(|_| op.transaction).map(|begun| {
            let least = DB::DEFAULT_ISOLATION;
            let isolation = op.isolation.map_or(least, |asked| asked.max(least));
            let idle = Idle::new(op, defaults.limits.idle, Moment::of(begun));
            let mut tx = TxState::new(isolation, DB::ERROR_ABORTS, 1, idle, lease.ends());
            tx.hooks = Hooks::of(self.running.as_ref().map(RunningCall::running));
            tx
        });
        let mut state = State::new(op, self.last_statement(), self.longest_poll, tx);
        state.overrides = defaults.overrides.clone();
        state.traces = lease.traces;
        state.repeats = Some(Repeats::new(op, &DB::BATCHED, defaults.limits.repeats));
        state.progress = lease.progress().cloned();
        if let Some(begun) = begun {
            state.show_pause(Moment::of(begun));
        }
        if guard == SessionGuard::Late {
            state.guard = Guard::Pending;
        }
        state
    }
}
