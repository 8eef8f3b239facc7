//! [`CallState`]: what a call keeps between its attempts, whatever its types.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::time::Instant;
use tracing::Span;

use super::run::{Body, Polls};
use super::span::CallSpan;
use crate::error::{Class, Ended, Error, ErrorKind, Outcome};
use crate::monitor::{Borrower, Failing, Monitor};
use crate::once::Mark;
use crate::op::{Op, ReportedError};
use crate::policy::{Pass, RunningCall, cut_off};
use crate::rt::{FOREVER, Millis, Timer};
use crate::session::Due;
use crate::telemetry::CallReport;

#[derive(Debug)]
pub(crate) struct CallState {
    pub(crate) op: &'static Op,
    pub(super) phase: Phase,
    pub(super) clock: Clock,
    pub(super) attempts: Attempts,
    /// What an outermost call reports to.
    pub(super) monitor: Option<Arc<Monitor>>,
    /// When the connection of the attempt is taken back. `None` if it is not.
    pub(super) reclaim_at: Option<Instant>,
    /// When the attempt is cut off, where its operation limits each attempt.
    pub(super) attempt_ends: Option<Instant>,
    /// The one timer for everything that the call waits for.
    pub(crate) timer: Timer,
    /// The hooks of the last failed attempt. They run unless another attempt begins.
    pub(super) due: Option<Box<Due>>,
    /// What the transaction leaves by which its commit can be proved.
    pub(super) once: Option<Box<Mark>>,
    /// The call's share of `max_concurrency`.
    pub(super) permit: Option<Permit>,
    /// Counts the call as running on its database. `None` if the call is not an outermost one of a
    /// handle, or has ended but for its hooks.
    pub(super) running: Option<RunningCall>,
    /// Whether the shutdown of the handle has ended the call while it waited.
    cut_off: bool,
    /// What the circuit breaker has let the current attempt through with.
    pub(super) pass: Option<Pass>,
    /// How long after a connection was lost the database has ended what ran on that connection.
    pub(super) until_ended: Millis,
    /// Whether the database was told to end a statement at the call's deadline.
    pub(super) statements_limited: bool,
    /// A poll of the body that takes longer is reported.
    pub(super) longest_poll: Millis,
    /// What the call tells about itself when it has ended.
    pub(super) report: CallReport,
    /// `None` where nobody listens. In a box, because that is the usual case, and a call is moved.
    span: Option<Box<CallSpan>>,
}

/// How far a call has come. What may be true when its future is dropped follows from that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No body has a session. The call has not begun, opens a session, or waits to try again after
    /// an attempt that was undone.
    Waiting,
    /// A body has a session, or had one that is being given back.
    Running,
    /// `COMMIT` is under way.
    Committing,
    /// The outcome is known. What is left to do are hooks.
    Ended(Outcome),
}

/// The time limit of a call: its own, or that of the call that it has joined.
#[derive(Clone, Copy, Debug)]
pub(super) enum Clock {
    /// The call has not begun.
    NotStarted,
    /// An outermost call. `watched`: the call has a deadline at all. `own`: its operation, or the
    /// environment for that operation, says the deadline.
    Outermost {
        started: Instant,
        deadline: Instant,
        watched: bool,
        own: bool,
    },
    /// A call that has joined another. `watched`: its deadline is earlier than that of the call
    /// that it has joined, which watches the later one.
    Joined { deadline: Instant, watched: bool },
}

/// The attempts of a call so far, and what they have left.
#[derive(Debug)]
pub(super) struct Attempts {
    /// Attempts begun. A connection that was replaced, and a turn in a queue, count as none.
    pub(super) made: u32,
    /// No call of this operation makes more; 1 where nothing may be replayed.
    pub(super) most: u32,
    /// Connections that were found dead and replaced at once.
    pub(super) replaced: u32,
    /// How often the attempt to come has waited for a lock of another's.
    pub(super) queued: u32,
    /// The last error for which the attempt to come waited in such a queue.
    pub(super) queued_for: Option<Error>,
    /// An earlier attempt may have had an effect.
    pub(super) may_have_effect: bool,
    /// An attempt may have had an effect that the operation's options do not cover, so that a repeat
    /// could do harm.
    pub(super) past_options: bool,
    /// The last attempt failed because of what its connection had prepared.
    pub(super) stale_plans: bool,
    /// The call runs on a connection that its caller has lent. It does not even wait in a queue: a
    /// failure may concern what the caller has done before.
    pub(super) on_lent: bool,
}

impl Attempts {
    /// Whether no attempt follows the one that runs, whatever happens: its arguments may be moved.
    pub(super) fn is_last(&self) -> bool {
        self.on_lent || self.made >= self.most
    }
}

/// A share of `max_concurrency`. The thread that runs a plain function's body holds a share as
/// well, because the body may run for longer than its call.
pub(crate) type Permit = Arc<SemaphorePermit<'static>>;

impl CallState {
    /// `system`: the name of the database's product in metrics. `span`: `None` if nobody listens.
    /// `until_ended`: how long after a connection was lost the database has ended what ran on that
    /// connection.
    #[inline]
    pub(crate) fn new(
        op: &'static Op,
        system: &'static str,
        span: Option<Box<CallSpan>>,
        until_ended: Duration,
    ) -> Self {
        Self {
            op,
            phase: Phase::Waiting,
            clock: Clock::NotStarted,
            attempts: Attempts {
                made: 0,
                most: 1,
                replaced: 0,
                queued: 0,
                queued_for: None,
                may_have_effect: false,
                past_options: false,
                stale_plans: false,
                on_lent: false,
            },
            monitor: None,
            reclaim_at: None,
            attempt_ends: None,
            timer: Timer::default(),
            due: None,
            once: None,
            permit: None,
            running: None,
            cut_off: false,
            pass: None,
            until_ended: Millis::new(until_ended),
            statements_limited: false,
            longest_poll: Millis::MAX,
            report: CallReport::on(system),
            span,
        }
    }

    /// The attempt that is under way, as a pool lists those who hold its connections.
    pub(crate) fn borrower(&self) -> Borrower {
        Borrower {
            op: self.op,
            attempt: self.attempts.made,
        }
    }

    /// How long the call has taken so far.
    fn took(&self) -> Duration {
        match self.clock {
            Clock::Outermost { started, .. } => started.elapsed(),
            Clock::Joined { .. } | Clock::NotStarted => Duration::ZERO,
        }
    }

    /// How long an outermost call may take from its beginning.
    pub(super) fn whole_time(&self) -> Duration {
        match self.clock {
            Clock::Outermost {
                started, deadline, ..
            } => deadline - started,
            Clock::Joined { .. } | Clock::NotStarted => Duration::ZERO,
        }
    }

    /// When the call has to be done.
    #[inline]
    pub(crate) fn deadline(&self) -> Instant {
        match self.clock {
            Clock::Outermost { deadline, .. } | Clock::Joined { deadline, .. } => deadline,
            Clock::NotStarted => unreachable!("a call starts its clock before it does anything"),
        }
    }

    /// When the call has to be done, if the call itself has to see to that.
    #[inline]
    pub(super) fn watched_deadline(&self) -> Option<Instant> {
        match self.clock {
            Clock::Outermost {
                deadline, watched, ..
            }
            | Clock::Joined { deadline, watched } => watched.then_some(deadline),
            Clock::NotStarted => None,
        }
    }

    /// Whether the handle was shut down, so that the call waits for nothing more.
    #[inline]
    pub(super) fn is_past_cutoff(&self) -> bool {
        let running = self.running.as_ref();
        running.is_some_and(RunningCall::is_past_cutoff)
    }

    fn is_joined(&self) -> bool {
        matches!(self.clock, Clock::Joined { .. })
    }

    /// Whether no attempt follows the one that runs, whatever happens.
    pub(crate) fn is_last_attempt(&self) -> bool {
        self.attempts.is_last()
    }

    /// When the body is cut off, if the call itself has to see to that: at its deadline, at that of its
    /// attempt, or when its connection is taken back.
    #[inline]
    pub(super) fn body_ends(&self) -> Option<Instant> {
        let deadline = match self.running {
            // Also without a deadline: the shutdown of the handle ends the wait.
            Some(_) => Some(self.deadline()),
            None => self.watched_deadline(),
        };
        [deadline, self.reclaim_at, self.attempt_ends]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether a body that was cut off was so because its connection is taken back.
    pub(super) fn is_reclaimed(&self) -> bool {
        self.reclaim_at
            .is_some_and(|at| at < self.deadline() && at <= Instant::now())
    }

    #[inline]
    pub(super) fn body(&self, timer: Timer) -> Body {
        Body {
            deadline: self.body_ends(),
            timer,
            polls: self.polls(),
        }
    }

    /// What is around each poll of a body of this call.
    #[inline]
    pub(super) fn polls(&self) -> Polls {
        Polls {
            op: self.op,
            longest: self.longest_poll,
            span: self.span().cloned().map(Box::new),
            reported: false,
            was_retried: false,
            of: self.running.as_ref().map(|call| call.running().identity()),
        }
    }

    /// How long each item of a stream may take; `None` if the call has no deadline, or one that
    /// covers all of it. Asked before the first item.
    pub(super) fn time_for_each_item(&self) -> Option<Duration> {
        if !self.op.stream {
            return None;
        }
        match self.clock {
            Clock::Outermost {
                started,
                deadline,
                watched: true,
                own: false,
            } => Some(deadline - started),
            _ => None,
        }
    }

    /// Until when the body may send statements. The consumer of a stream may take any time before
    /// it asks for the next item, so what ends the body is only the wait for an item.
    pub(super) fn last_statement(&self) -> Instant {
        match self.time_for_each_item() {
            Some(_) => self.deadline() + FOREVER,
            None => self.deadline(),
        }
    }

    /// The consumer of a stream asks for its next item, which may take this long; `None`: what is
    /// left of the deadline. Returns `false` if nothing is left.
    pub(super) fn asks_for_item(&mut self, time: Option<Duration>) -> bool {
        if self.is_past_cutoff() {
            return false;
        }
        match (&mut self.clock, time) {
            (Clock::Outermost { deadline, .. }, Some(time)) => {
                *deadline = Instant::now() + time;
                !self.is_reclaimed()
            }
            _ => {
                let deadline = self.body_ends();
                deadline.is_none_or(|deadline| Instant::now() < deadline)
            }
        }
    }

    /// The consumer of a stream gets an item. The body cannot run again, because the consumer would
    /// get the item twice. And a consumer that has an item may have all it wants: if it drops the
    /// stream from here on, it has ended the call.
    pub(super) fn hands_out_item(&mut self) {
        self.attempts.most = self.attempts.made;
        self.phase = Phase::Ended(Outcome::Committed);
    }

    /// The error of a body that was cut off.
    pub(super) fn too_late(&mut self) -> Error {
        if self.is_reclaimed() {
            return Error::reclaimed();
        }
        self.why_late(Error::deadline(match self.op.stream {
            true => "the next item of the stream",
            false => "the body to finish",
        }))
    }

    /// Returns the error of a wait that took too long: this one, unless the shutdown of the handle has
    /// ended the wait.
    pub(crate) fn why_late(&mut self, error: Error) -> Error {
        let waited = matches!(
            error.kind(),
            ErrorKind::Timeout | ErrorKind::PoolExhausted | ErrorKind::Overloaded
        );
        if !waited || !self.is_past_cutoff() {
            return error;
        }
        self.was_cut_off();
        cut_off()
    }

    /// Notes that the shutdown of the handle has ended the call while it waited.
    pub(super) fn was_cut_off(&mut self) {
        self.cut_off = true;
        // Until more is known.
        self.note_cut_off(Outcome::RolledBack);
    }

    /// Notes that the answer to `COMMIT` is missing, for which a shutdown has waited long enough.
    #[cfg(feature = "blocking")]
    pub(crate) fn commit_is_unanswered(&mut self) {
        if self.is_past_cutoff() {
            self.cut_off = true;
            self.note_cut_off(Outcome::Unknown);
        }
    }

    pub(crate) fn span(&self) -> Option<&Span> {
        self.span.as_deref().map(|made| &made.span)
    }

    /// The body is given a session. The hooks of the attempt before belong to a transaction that
    /// never was.
    #[inline]
    pub(crate) fn body_begins(&mut self) {
        self.phase = Phase::Running;
        if let Some(due) = self.due.take() {
            due.forget();
        }
    }

    /// The body that was to be given a session was not.
    #[cfg(feature = "blocking")]
    pub(crate) fn body_never_ran(&mut self) {
        self.phase = Phase::Waiting;
    }

    /// `COMMIT` is under way.
    pub(crate) fn commits(&mut self) {
        self.phase = Phase::Committing;
    }

    /// Notes the outcome of the call, whose last attempt had this one, and returns it.
    pub(super) fn conclude(&mut self, outcome: Outcome) -> Outcome {
        let outcome = self.with_earlier_attempts(outcome);
        self.phase = Phase::Ended(outcome);
        if self.cut_off {
            self.note_cut_off(outcome);
        }
        outcome
    }

    /// Tells the shutdown what became of the call that it has ended.
    fn note_cut_off(&mut self, outcome: Outcome) {
        let outcome = self.with_earlier_attempts(outcome);
        if let Some(running) = &mut self.running {
            running.was_cut_off(outcome);
        }
    }

    /// The outcome of the call, if its last attempt had this one.
    fn with_earlier_attempts(&self, outcome: Outcome) -> Outcome {
        match outcome {
            // What an earlier attempt may have done does not go away.
            Outcome::RolledBack if self.attempts.may_have_effect => Outcome::Unknown,
            other => other,
        }
    }

    /// A marker could be set, or was found, and so what became of the attempts before is known.
    pub(super) fn earlier_attempts_are_known(&mut self) {
        self.attempts.may_have_effect = false;
    }

    /// Runs the hooks of the last attempt, because no other follows. From now on the permit is
    /// another call's, which may be one that a hook makes.
    pub(super) async fn run_due(&mut self) {
        self.permit = None;
        self.running = None;
        if let Some(due) = self.due.take() {
            due.run().await;
        }
    }

    /// The marker of another attempt was found, and with it the call's outcome. `own`: that was an
    /// attempt of this call, so the call's hooks run. The outcome is noted before they run, because
    /// the caller may go away meanwhile.
    pub(super) async fn settle(&mut self, own: bool, outcome: Outcome) {
        self.earlier_attempts_are_known();
        self.conclude(outcome);
        if let Some(due) = &mut self.due {
            due.settle(if own {
                Outcome::Committed
            } else {
                Outcome::RolledBack
            });
        }
        self.run_due().await;
    }

    /// Whether each transaction of the call leaves a mark, which proves what became of it.
    pub(super) fn is_once(&self) -> bool {
        self.op.once || self.once.is_some()
    }

    /// Whether a second run of the body does no harm.
    pub(super) fn is_repeatable(&self) -> bool {
        self.op.repeatable() || self.is_once()
    }

    /// What the call writes into its error.
    pub(super) fn ended(&self, outcome: Outcome) -> Ended {
        Ended {
            operation: self.op.name,
            attempts: self.attempts.made,
            outcome,
            joined: self.is_joined(),
            repeatable: self.is_repeatable() && !self.attempts.past_options,
            limited: self.statements_limited,
        }
    }

    /// No attempt could begin.
    pub(super) fn refused(&mut self, mut error: Error) -> Error {
        let outcome = self.conclude(Outcome::RolledBack);
        self.failed_with(error.class(), &error, outcome);
        error.finish(self.ended(outcome));
        error
    }

    /// Notes the error of an attempt, which may be followed by another attempt.
    #[inline]
    pub(crate) fn saw(&mut self, error: &dyn ReportedError) {
        if let Some(span) = &mut self.span {
            span.saw(error);
        }
    }

    /// Returns the code that the database has given the error that was last seen. `None` if that
    /// error has none, or if nobody listens.
    pub(super) fn seen_status_code(&self) -> Option<&str> {
        self.span.as_ref()?.status_code.as_deref()
    }

    /// Counts the error that the call returns, and writes it into the span.
    pub(super) fn failed_with(
        &mut self,
        class: Class,
        error: &dyn ReportedError,
        outcome: Outcome,
    ) {
        self.op.count_failure(class.category);
        self.report.failed_with(class.kind, error);
        if let Some(monitor) = &self.monitor {
            monitor.call_failed(&Failing {
                op: self.op,
                class,
                error,
                outcome,
                attempts: self.attempts.made,
                took: self.took(),
            });
        }
        if let Some(span) = &self.span {
            span.failed_with(class.kind, error);
        }
    }
}

impl Drop for CallState {
    /// Counts the call, also if its caller went away.
    fn drop(&mut self) {
        let outcome = match self.phase {
            Phase::Ended(outcome) => outcome,
            _ if self.attempts.may_have_effect => Outcome::Unknown,
            Phase::Waiting => Outcome::RolledBack,
            Phase::Running if self.op.transaction => Outcome::RolledBack,
            Phase::Running | Phase::Committing => Outcome::Unknown,
        };
        if let Some(span) = self.span() {
            span.record("dbop.attempts", self.attempts.made);
            span.record("dbop.outcome", outcome.as_str());
        }
        if self.is_joined() {
            return self.op.count_joined();
        }
        let took = self.took();
        self.op.count_call(self.attempts.made, outcome, took);
        if let Some(monitor) = &self.monitor {
            monitor.call_ended(self.op, outcome, took);
            if !matches!(self.phase, Phase::Ended(_)) {
                self.report.was_cut_off();
            }
            self.report.ended(&monitor.reports, self.op, outcome, took);
        }
    }
}
