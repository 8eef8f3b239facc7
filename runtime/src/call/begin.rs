//! [`OwnSessions`]: sessions that the call opens itself: a connection, on it a transaction, and in it
//! the marker of a `once` call.

use std::io;

use sqlx::SqlSafeStr;
use tokio::time::Instant;

use super::call_loop::{NotOpened, Opening};
use super::end::undo;
use super::own::OwnSession;
use super::prepare::SessionPlan;
use super::retry::{AtOnce, FailedAttempt};
use super::state::CallState;
use crate::backend::{Backend, Leftover};
use crate::error::{Error, Result};
use crate::monitor::SessionState;
use crate::once::{self, Claim};
use crate::op::Op;
use crate::policy::Defaults;
use crate::pool::{ConnectionSource, Lease};

/// Where the sessions of one call come from.
pub(super) struct OwnSessions<'a, DB: Backend> {
    source: ConnectionSource<'a, DB>,
    defaults: &'a Defaults,
    /// This call has made the table of the markers.
    table_made: bool,
}

impl<'a, DB: Backend> OwnSessions<'a, DB> {
    pub(super) fn new(source: ConnectionSource<'a, DB>, defaults: &'a Defaults) -> Self {
        Self {
            source,
            defaults,
            table_made: false,
        }
    }
}

impl<DB: Backend> Opening for OwnSessions<'_, DB> {
    type Session = Claim<Box<OwnSession<DB>>>;

    async fn open(&mut self, call: &mut CallState) -> Result<Self::Session, NotOpened> {
        let asked = Instant::now();
        let until = call.deadline().min(asked + self.defaults.acquire_timeout);
        let (borrower, timer) = (call.borrower(), &mut call.timer);
        let mut lease = match self.source.acquire(borrower, asked, until, timer).await {
            Ok(lease) => lease,
            Err(error) => {
                call.report_unopened(&error, asked);
                return Err(error.into());
            }
        };
        call.reclaim_at = self.reclaim_at(&lease, call.op);
        let guard = call.guard::<DB>(self.source.is_read_only());
        let begun = match call.plan::<DB>(self.defaults, guard) {
            Some(plan) => self.begin_on(&mut lease, &plan, call).await,
            None => Ok(None),
        };
        let answered = match begun {
            Ok(answered) => answered,
            Err(not_opened) => {
                // Discarded whatever the error was: a transaction left behind would meet the next
                // borrower.
                lease.give_back(call.deadline(), &mut call.timer).await;
                return Err(not_opened);
            }
        };
        let state = call.session_state(&lease, guard, answered, self.defaults);
        let own = Box::new(OwnSession::new(lease, state));
        if call.once.is_none() {
            return Ok(Claim::Won(own));
        }
        Box::pin(self.claim(own, call)).await
    }
}

impl<DB: Backend> OwnSessions<'_, DB> {
    /// Tells the connection what the plan says, and returns when it has answered.
    async fn begin_on(
        &self,
        lease: &mut Lease<DB>,
        plan: &SessionPlan,
        call: &mut CallState,
    ) -> Result<Option<Instant>, NotOpened> {
        if call.op.once && self.defaults.marker_clean_up.is_due() {
            Box::pin(self.clean_up(lease, call)).await;
        }
        call.statements_limited = plan.limits_statements();
        let asked = plan.asked;
        lease.note(SessionState::InStatement, asked);
        // An idle connection may be half-open, even if it was in use a moment ago.
        let (deadline, patience) = (call.deadline(), lease.answers_within());
        let until = patience.map_or(deadline, |patience| deadline.min(asked + patience));
        let begun = call.timer.until(until, plan.prepare(lease)).await;
        let answered = Instant::now();
        match begun {
            Ok(Ok(())) => {
                if call.op.transaction {
                    call.report_answer(answered - asked);
                }
                Ok(Some(answered))
            }
            Ok(Err(error)) if DB::has_answered(&error) => {
                call.report_answer(answered - asked);
                Err(Error::from(error).into())
            }
            Ok(Err(error)) => Err(self.lost(lease, error, call)),
            Err(_) if until < deadline => {
                call.report_silence(answered - asked);
                let silent = "an idle connection was not answered on within `validation_timeout`";
                let error = io::Error::new(io::ErrorKind::TimedOut, silent);
                Err(self.lost(lease, error.into(), call))
            }
            Err(_) => {
                lease.was_lost();
                call.report_silence(answered - asked);
                Err(Error::deadline("the transaction to begin").into())
            }
        }
    }

    /// Returns when the connection is taken back, if the call still holds it then. Never if the
    /// database would go with the connection.
    fn reclaim_at(&self, lease: &Lease<DB>, op: &Op) -> Option<Instant> {
        let limits = &self.defaults.limits;
        let reclaims = limits.reclaim && !lease.keeps_forever() && !op.holds_long;
        reclaims.then(|| Instant::now() + limits.held)
    }

    /// The connection was lost before its first answer. Where the connection was idle before, or an
    /// administrator has told the server to end it, that says nothing about the next connection.
    fn lost(&self, lease: &mut Lease<DB>, error: sqlx::Error, call: &mut CallState) -> NotOpened {
        lease.was_lost();
        // A server that has said that it ends the session is there.
        if !matches!(error, sqlx::Error::Database(_)) {
            call.report_lost_at_begin(lease.origin);
        }
        let was_dead = lease.may_have_ended(&error);
        let of = self.source.size();
        let error = Error::from(error);
        let failed = FailedAttempt {
            at_once: was_dead.then_some(AtOnce::DeadConnection { of }),
            ..FailedAttempt::before_body(&error)
        };
        NotOpened { error, failed }
    }

    /// Sets the marker of a `once` call, or finds the marker that is there. Makes the table of the
    /// markers if it is missing.
    async fn claim(
        &mut self,
        mut own: Box<OwnSession<DB>>,
        call: &mut CallState,
    ) -> Result<Claim<Box<OwnSession<DB>>>, NotOpened> {
        let deadline = call.deadline();
        let Some(marker) = &mut call.once else {
            return Ok(Claim::Won(own));
        };
        let claiming = marker.claim(own.view(), call.op);
        let claim = call.timer.until(deadline, claiming).await;
        let late = claim.is_err();
        let error = match claim.unwrap_or_else(|_| Err(Error::deadline("the marker of its key"))) {
            Ok(Claim::Won(())) => {
                call.earlier_attempts_are_known();
                return Ok(Claim::Won(own));
            }
            Ok(Claim::Settled(answer)) => {
                undo(own, call, false).await;
                return Ok(Claim::Settled(answer));
            }
            Err(error) => error,
        };
        own.report(call, Some(error.class()));
        undo(own, call, late).await;
        if self.table_made || !once::lacks_table(&error) {
            return Err(error.into());
        }
        self.make_table(call).await?;
        self.table_made = true;
        let failed = FailedAttempt {
            at_once: Some(AtOnce::TableMade),
            ..FailedAttempt::before_body(&error)
        };
        Err(NotOpened { error, failed })
    }

    /// Makes the table of the markers, on a connection of its own: the transaction that missed the
    /// table is over.
    async fn make_table(&self, call: &mut CallState) -> Result<()> {
        let (now, deadline) = (Instant::now(), call.deadline());
        let until = deadline.min(now + self.defaults.acquire_timeout);
        let acquiring = self
            .source
            .acquire(call.borrower(), now, until, &mut call.timer);
        let mut lease = acquiring.await?;
        lease.left = Leftover::Unfinished;
        let sql = once::marker_sql(DB::DATABASE).schema;
        let making = DB::run(lease.conn(), sql.into_sql_str());
        let made = call.timer.until(deadline, making).await;
        if let Ok(Ok(_)) = made {
            lease.left = Leftover::Nothing;
        }
        lease.give_back(deadline, &mut call.timer).await;
        match made {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(once::advise(error.into())),
            Err(_) => Err(Error::deadline("the table of the markers")),
        }
    }

    /// Deletes some old markers. A failure of that is not the call's.
    async fn clean_up(&self, lease: &mut Lease<DB>, call: &mut CallState) {
        lease.left = Leftover::Unfinished;
        let sql = once::marker_sql(DB::DATABASE).clean_up;
        let deleting = DB::run(lease.conn(), sql.into_sql_str());
        let deadline = call.deadline();
        if let Ok(Ok(rows)) = call.timer.until(deadline, deleting).await
            && rows >= once::BATCH
        {
            self.defaults.marker_clean_up.is_unfinished();
        }
    }
}
