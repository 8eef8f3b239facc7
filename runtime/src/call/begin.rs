//! Opening a session of the call's own: a connection, and on it a transaction.

use std::time::Duration;

use sqlx::SqlSafeStr;
use sqlx_core::transaction::TransactionManager;
use tokio::time::Instant;

use super::end;
use super::own::OwnSession;
use super::state::CallCore;
use crate::backend::{Backend, BeginOptions, Leftover, Traces};
use crate::error::{Effect, Error, Kind, Result};
use crate::once::{self, Claim};
use crate::policy::Defaults;
use crate::pool::{ConnectionSource, Lease};
use crate::session::{Guard, Idle, State, TxState};

impl CallCore {
    /// A session of its own, as soon as there is one. Nothing can have been applied when opening
    /// one fails, so every transient failure is tried again. A connection that was lost while it was
    /// idle, or that the server was told to end, says nothing about the next one. So another one is
    /// taken, which is no further attempt.
    pub(crate) async fn open<DB: Backend>(
        &mut self,
        source: &ConnectionSource<'_, DB>,
        defaults: &Defaults,
    ) -> Result<Claim<Box<OwnSession<DB>>>> {
        self.enter(defaults, Some(defaults.timeout)).await?;
        let mut turns = 0;
        let mut queued_for = None;
        let mut table_made = false;
        'attempt: loop {
            // Who stands in a queue has been let through.
            if queued_for.is_none() {
                self.pass(defaults)?;
            }
            self.attempts += 1;
            let asked = Instant::now();
            let until = self.deadline().min(asked + defaults.acquire_timeout);
            // One await after the other, because the larger would have room for the smaller, too.
            let opened = 'opened: {
                let (op, timer) = (self.op, &mut self.timer);
                let lease = match source.acquire(op, asked, until, timer).await {
                    Ok(lease) => lease,
                    Err(error) => {
                        self.unopened(&error, asked);
                        break 'opened Err(error);
                    }
                };
                match self.open_on(lease, source.is_read_only(), defaults).await {
                    Err(Unopened::WasEnded(_)) if self.may_draw_again(source.size()) => {
                        continue 'attempt;
                    }
                    opened => opened.map_err(Unopened::into_error),
                }
            };
            let opened = match opened {
                Ok(own) if self.once.is_some() => Box::pin(self.claim(own)).await,
                Ok(own) => return Ok(Claim::Won(own)),
                Err(error) => Err(error),
            };
            let mut error = match opened {
                Ok(claim) => return Ok(claim),
                Err(error) => error,
            };
            if once::lacks_table(&error) && !table_made {
                match Box::pin(self.make_table(source, defaults)).await {
                    Ok(()) => {
                        table_made = true;
                        self.attempts -= 1;
                        continue;
                    }
                    Err(failed) => error = failed,
                }
            }
            // A statement's own timeout may be shorter than another call has the marker.
            if is_queue(error.kind()) || (self.op.once && error.kind() == Kind::Timeout) {
                // Another process writes to the file, or another call has the marker.
                turns += 1;
                if self.stand_in_line(defaults, &error, turns).await {
                    queued_for = Some(error);
                    continue;
                }
            }
            if !self.try_again(defaults, error.class(), Effect::None).await {
                // Others wait in the same queue with the connection; what for is the better answer.
                let exhausted = error.kind() == Kind::PoolExhausted;
                return Err(queued_for.filter(|_| exhausted).unwrap_or(error));
            }
        }
    }

    /// Of a `once` operation: sets its marker, or finds the one that is there.
    async fn claim<DB: Backend>(
        &mut self,
        mut own: Box<OwnSession<DB>>,
    ) -> Result<Claim<Box<OwnSession<DB>>>> {
        let Some(marker) = &mut self.once else {
            return Ok(Claim::Won(own));
        };
        let deadline = self.until.expect("the call has entered");
        let claiming = marker.claim(own.view(), self.op);
        let claim = self.timer.until(deadline, claiming).await;
        let late = claim.is_err();
        match claim.unwrap_or_else(|_| Err(Error::deadline("the marker of its key"))) {
            Ok(Claim::Won(())) => {
                self.know();
                Ok(Claim::Won(own))
            }
            Ok(Claim::Settled(answer)) => {
                end::undo(own, self, false).await;
                Ok(Claim::Settled(answer))
            }
            Err(error) => {
                own.report(self, Some(error.class()));
                end::undo(own, self, late).await;
                Err(error)
            }
        }
    }

    /// Makes the table of the markers, on a connection of its own: the transaction that missed it
    /// is over.
    async fn make_table<DB: Backend>(
        &mut self,
        source: &ConnectionSource<'_, DB>,
        defaults: &Defaults,
    ) -> Result<()> {
        let (now, deadline) = (Instant::now(), self.deadline());
        let until = deadline.min(now + defaults.acquire_timeout);
        let mut lease = source.acquire(self.op, now, until, &mut self.timer).await?;
        lease.left = Leftover::Unfinished;
        let making = DB::run(
            lease.conn(),
            once::marker_sql(DB::DATABASE).schema.into_sql_str(),
        );
        let made = self.timer.until(deadline, making).await;
        if let Ok(Ok(_)) = made {
            lease.left = Leftover::Nothing;
        }
        lease.give_back(deadline, &mut self.timer).await;
        match made {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(once::advise(error.into())),
            Err(_) => Err(Error::deadline("the table of the markers")),
        }
    }

    /// Deletes some old markers. Whatever goes wrong with that, it is not what this call is for.
    async fn clean_up<DB: Backend>(&mut self, lease: &mut Lease<DB>, defaults: &Defaults) {
        lease.left = Leftover::Unfinished;
        let deleting = DB::run(
            lease.conn(),
            once::marker_sql(DB::DATABASE).clean_up.into_sql_str(),
        );
        let deadline = self.deadline();
        if let Ok(Ok(rows)) = self.timer.until(deadline, deleting).await
            && rows >= once::BATCH
        {
            defaults.marker_clean_up.is_unfinished();
        }
    }

    /// A session on this connection, which only reads in any case if it is `guarded`.
    async fn open_on<DB: Backend>(
        &mut self,
        mut lease: Lease<DB>,
        guarded: bool,
        defaults: &Defaults,
    ) -> Result<Box<OwnSession<DB>>, Unopened> {
        if self.op.once && defaults.marker_clean_up.is_due() {
            Box::pin(self.clean_up(&mut lease, defaults)).await;
        }
        let unguarded =
            self.op.read_only && !guarded && (DB::GUARDS_TRANSACTIONS || !self.op.transaction);
        // Where nothing that provably reads can write, a guard is set only for what may.
        let late = unguarded && DB::SELECTS_ONLY_READ && self.op.guards_late();
        let guard = unguarded && !late;
        let longer = self.longer(defaults);
        if !(self.op.transaction || guard || self.stale_plans || longer.is_some()) {
            let state = self.state(&lease, late, None, defaults.limits.idle);
            return Ok(Box::new(OwnSession::new(lease, state)));
        }
        let asked = Instant::now();
        self.limited = longer.is_some()
            || (self.op.transaction && self.statement_timeout(defaults, asked).is_some());
        // Out of this call for a while, because the work borrows the rest.
        let mut timer = std::mem::take(&mut self.timer);
        let preparing = self.prepare(&mut lease, defaults, guard, asked);
        let begun = timer.until(self.deadline(), preparing).await;
        self.timer = timer;
        let answered = Instant::now();
        let failure = match begun {
            Ok(Ok(())) => {
                if self.op.transaction {
                    self.answered(answered - asked);
                }
                let state = self.state(&lease, late, Some(answered), defaults.limits.idle);
                return Ok(Box::new(OwnSession::new(lease, state)));
            }
            Ok(Err(error)) if DB::has_answered(&error) => {
                self.answered(answered - asked);
                Unopened::Failed(error.into())
            }
            Ok(Err(error)) => {
                lease.was_lost();
                // Where the server has said that it ends the session, it is there.
                if !matches!(error, sqlx::Error::Database(_)) {
                    self.lost_at_begin(lease.origin);
                }
                if lease.may_have_ended(&error) {
                    Unopened::WasEnded(error.into())
                } else {
                    Unopened::Failed(error.into())
                }
            }
            Err(_) => {
                lease.was_lost();
                self.unanswered(answered - asked);
                Unopened::Failed(Error::deadline("the transaction to begin"))
            }
        };
        // Discarded whatever the error was: one left behind would meet the next borrower.
        lease.give_back(self.deadline(), &mut self.timer).await;
        Err(failure)
    }

    /// Makes the connection what the operation asks for. It is unfinished until that is done.
    async fn prepare<DB: Backend>(
        &self,
        lease: &mut Lease<DB>,
        defaults: &Defaults,
        guard: bool,
        now: Instant,
    ) -> sqlx::Result<()> {
        let op = self.op;
        if self.stale_plans {
            // As many connections as the pool has may be prepared for the old schema, and a call
            // has fewer attempts.
            lease.left = Leftover::Unfinished;
            DB::forget_plans(lease.conn()).await?;
            lease.left = Leftover::Nothing;
        }
        if guard {
            lease.guarded = true;
            let was_set = DB::make_read_only(lease.conn()).await?;
            // What was so before is not ours to lift.
            lease.guarded = !was_set;
        }
        if let Some(limit) = self.longer(defaults) {
            lease.traces = Traces::State;
            DB::limit_statements(lease.conn(), limit).await?;
        }
        if op.transaction {
            lease.left = Leftover::Unfinished;
            let begin = BeginOptions {
                isolation: op.isolation,
                read_only: op.read_only,
                deferrable: op.deferrable,
                foreign: defaults.statement_timeout.is_none(),
                statement_timeout: self.statement_timeout(defaults, now),
            };
            let sql = DB::begin_sql(lease.conn(), &begin);
            DB::TransactionManager::begin(lease.conn(), Some(sql)).await?;
        }
        Ok(())
    }

    /// The time left, where that is not what the session allows a statement anyway: clearly less, or
    /// more because the operation has asked for more.
    fn statement_timeout(&self, defaults: &Defaults, now: Instant) -> Option<Duration> {
        const NOT_WORTH_A_SETTING: Duration = Duration::from_secs(1);
        let left = self.deadline().saturating_duration_since(now);
        match defaults.statement_timeout {
            Some(of_session) if left > of_session => self.op.timeout.map(|_| left),
            Some(of_session) if left + NOT_WORTH_A_SETTING >= of_session => None,
            _ => Some(left),
        }
    }

    /// The time that a session without a transaction is to allow a statement, where the operation
    /// has asked for more than the session allows. (For less, the call's own deadline is enough, and
    /// costs no statement.)
    fn longer(&self, defaults: &Defaults) -> Option<Duration> {
        let asked = self.op.timeout.filter(|_| !self.op.transaction)?;
        let of_session = defaults.statement_timeout?;
        (asked > of_session).then(|| self.deadline().saturating_duration_since(Instant::now()))
    }

    /// Of a session that has just been opened; its transaction has `begun` then.
    fn state<DB: Backend>(
        &self,
        lease: &Lease<DB>,
        guards_late: bool,
        begun: Option<Instant>,
        longest_idle: Duration,
    ) -> State {
        let op = self.op;
        let tx = begun.filter(|_| op.transaction).map(|begun| {
            let least = DB::DEFAULT_ISOLATION;
            let isolation = op.isolation.map_or(least, |asked| asked.max(least));
            let idle = Idle::new(op, longest_idle, begun);
            TxState::new(isolation, DB::ERROR_ABORTS, idle, lease.ends())
        });
        let mut state = State::new(op, self.deadline(), self.longest_poll, tx);
        state.traces = lease.traces;
        if guards_late {
            state.guard = Guard::Pending;
        }
        state
    }
}

/// Why a connection has not become a session.
enum Unopened {
    /// Somebody had ended it, which says nothing about the next.
    WasEnded(Error),
    Failed(Error),
}

impl Unopened {
    fn into_error(self) -> Error {
        match self {
            Self::WasEnded(error) | Self::Failed(error) => error,
        }
    }
}

/// Somebody else has what this call waits for, and lets go of it soon.
pub(crate) fn is_queue(kind: Kind) -> bool {
    matches!(kind, Kind::Lock | Kind::Serialization | Kind::Deadlock)
}
