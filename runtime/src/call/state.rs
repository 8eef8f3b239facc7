//! [`CallCore`]: what a call keeps between its attempts, whatever its types.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};
use tracing::{Span, field};

use super::result::ResultOf;
use super::retry;
use super::run::Body;
use crate::error::{Category, Class, Effect, Ended, Error, Kind, Outcome, Result, Retry};
use crate::once::Marker;
use crate::op::{Limit, Op, Retries};
use crate::policy::{Circuit, Defaults, Pass};
use crate::rt::{FOREVER, Millis, Timer};
use crate::session::Due;

#[derive(Debug)]
pub(crate) struct CallCore {
    pub(crate) op: &'static Op,
    /// Of an outermost call.
    started: Option<Instant>,
    /// Its deadline, from when it has entered or joined.
    pub(crate) until: Option<Instant>,
    /// How long after a connection was lost the database has ended what ran on it.
    until_ended: Millis,
    pub(crate) attempts: u32,
    /// There is no second attempt: the caller's connection or transaction is used.
    pub(crate) single: bool,
    /// It runs inside another call, which does the counting.
    pub(crate) joined: bool,
    /// It has a deadline, and that is its own and not that of the call that it has joined.
    pub(crate) hurries: bool,
    /// For whatever it waits for.
    pub(crate) timer: Timer,
    /// An earlier attempt may have had an effect.
    unknown: bool,
    /// The body has been given a session.
    running: bool,
    pub(crate) committing: bool,
    /// The last attempt failed because of what its connection had prepared.
    pub(crate) stale_plans: bool,
    outcome: Option<Outcome>,
    /// The hooks of the last failed attempt: theirs is the moment unless another one begins.
    pub(crate) due: Option<Box<Due>>,
    /// Of a `once` operation.
    pub(crate) once: Option<Box<Marker>>,
    place: Option<Running>,
    /// Of the circuit breaker, for this attempt.
    pub(crate) pass: Option<Pass>,
    /// Connections that were found dead, and replaced at once.
    drawn_again: u32,
    /// The last attempt has let go of a statement that may be running still.
    pub(crate) left_running: bool,
    /// A body that declares that it only reads may have lifted what keeps it from writing.
    pub(crate) unguarded: bool,
    /// The database was told to end a statement at the call's deadline.
    pub(crate) limited: bool,
    most_attempts: u32,
    /// A poll of its body that takes longer is reported.
    pub(crate) longest_poll: Millis,
    /// `None` where nobody listens. In a box, because that is the usual case, and a call is moved.
    span: Option<Box<Span>>,
}

impl CallCore {
    #[inline]
    pub(crate) fn new(op: &'static Op, system: &'static str, until_ended: Duration) -> Self {
        Self {
            op,
            started: None,
            until: None,
            until_ended: Millis::new(until_ended),
            attempts: 0,
            single: matches!(op.retry, Retries::Never),
            joined: false,
            hurries: true,
            timer: Timer::default(),
            unknown: false,
            running: false,
            committing: false,
            stale_plans: false,
            outcome: None,
            due: None,
            once: None,
            place: None,
            pass: None,
            drawn_again: 0,
            left_running: false,
            unguarded: false,
            limited: false,
            most_attempts: 1,
            longest_poll: Millis::MAX,
            span: span(op, system),
        }
    }

    /// What an outermost call does once: its deadline, its share of the retry budget, its place
    /// among the calls that may run at once. `true`: it has to [wait](Self::wait_for_place) for that.
    /// `timeout` is how long the call may take if its operation does not say; `None`: no deadline.
    fn try_enter(&mut self, defaults: &Defaults, timeout: Option<Duration>) -> Result<bool> {
        if self.started.is_some() {
            return Ok(false);
        }
        let started = Instant::now();
        self.started = Some(started);
        let timeout = self.op.timeout.or(timeout).unwrap_or(FOREVER);
        self.until = Some(started + timeout.min(FOREVER));
        self.hurries = timeout < FOREVER;
        let policy = self.op.policy(defaults.retry);
        self.most_attempts = policy.attempts.max(policy.outage_attempts);
        self.longest_poll = Millis::new(defaults.limits.poll);
        defaults.budget.deposit(started);
        self.pass(defaults)?;
        let Some(limit) = &self.op.limit else {
            return Ok(false);
        };
        self.place = limit.places.try_acquire().ok().map(Arc::new);
        Ok(self.place.is_none())
    }

    /// [Begins](Self::try_enter) the call, and waits for its place. A refused call lets other tasks run
    /// before it fails: a loop of refused calls would otherwise never leave its thread, and the probe
    /// that closes the circuit needs the thread as well.
    pub(crate) async fn enter(
        &mut self,
        defaults: &Defaults,
        timeout: Option<Duration>,
    ) -> Result<()> {
        match self.try_enter(defaults, timeout) {
            Ok(true) => self.wait_for_place(defaults).await,
            Ok(false) => Ok(()),
            Err(refused) => {
                yield_now().await;
                Err(refused)
            }
        }
    }

    async fn wait_for_place(&mut self, defaults: &Defaults) -> Result<()> {
        if let Some(limit) = &self.op.limit {
            // A probe that stands in a queue of ours would keep the circuit from closing.
            self.pass = None;
            let deadline = self.deadline();
            self.place = Some(place(limit, deadline, &mut self.timer).await?);
            self.pass(defaults)?;
        }
        Ok(())
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.until.expect("the call has entered or joined")
    }

    #[cfg(feature = "blocking")]
    pub(crate) fn span(&self) -> Span {
        self.span.as_deref().cloned().unwrap_or_else(Span::none)
    }

    /// Its place among the calls that may run at once, for as long as its body may.
    #[cfg(feature = "blocking")]
    pub(crate) fn running(&self) -> Option<Running> {
        self.place.clone()
    }

    /// Its place, to be given up by whoever ends its session.
    pub(crate) fn take_place(&mut self) -> Option<Running> {
        self.place.take()
    }

    /// Its place, for another attempt.
    pub(crate) fn keep_place(&mut self, place: Option<Running>) {
        self.place = place;
    }

    /// The body that was to be given a session was not.
    #[cfg(feature = "blocking")]
    pub(crate) fn never_ran(&mut self) {
        self.running = false;
    }

    /// Whether no attempt follows this one, whatever happens: its arguments may be moved.
    pub(crate) fn is_last(&self) -> bool {
        self.single || self.attempts >= self.most_attempts
    }

    #[inline]
    pub(crate) fn body(&self, timer: Timer) -> Body {
        Body {
            op: self.op,
            deadline: self.until.filter(|_| self.hurries),
            timer,
            longest_poll: self.longest_poll.get(),
            span: self.span.clone(),
        }
    }

    /// After a failed attempt whose connection has been given back: waits, and says whether there
    /// is to be another.
    pub(crate) async fn try_again(
        &mut self,
        defaults: &Defaults,
        class: Class,
        effect: Effect,
    ) -> bool {
        // What the caller learns is why it failed, and not that it was not tried again.
        let is_open = |circuit: &Arc<Circuit>| circuit.is_open();
        if self.is_last() || defaults.circuit.as_ref().is_some_and(is_open) {
            return false;
        }
        // Replayed as one that only reads, it might write a second time.
        if self.unguarded && effect == Effect::Possible {
            return false;
        }
        let wait = retry::next_wait(
            self.op,
            defaults.retry,
            &defaults.budget,
            (class, effect),
            self.attempts,
            self.deadline(),
        );
        let Some(mut wait) = wait else { return false };
        if effect == Effect::Possible && !self.op.read_only {
            self.unknown = true;
            // What was sent over a lost connection may be running still, and so may what a call
            // inside gave up at its own deadline, or what the body itself has let go. None of that
            // must land after what the next attempt does. A marker sees to that by itself.
            let lost = retry::is_outage(class.kind)
                || class.kind == Kind::Timeout
                || std::mem::take(&mut self.left_running);
            if lost && !self.op.once {
                wait = wait.max(self.until_ended.get());
            }
            if wait >= self.deadline().saturating_duration_since(Instant::now()) {
                return false;
            }
        }
        self.stale_plans = class.kind == Kind::StalePlan;
        self.pause(class, wait).await;
        self.pass(defaults).is_ok()
    }

    /// The connection of this attempt was found dead. Whether there is another one, which is no
    /// further attempt; as often as there may be such connections.
    pub(crate) fn may_draw_again(&mut self, connections: u32) -> bool {
        let may = self.drawn_again < connections;
        if may {
            self.drawn_again += 1;
            self.attempts -= 1;
        }
        may
    }

    /// Somebody else has a lock and lets go of it soon. That is a queue to stand in, and no attempt;
    /// `turns` counts how often. `false`: there is no time left.
    pub(crate) async fn stand_in_line(
        &mut self,
        defaults: &Defaults,
        error: &Error,
        turns: u32,
    ) -> bool {
        let policy = self.op.policy(defaults.retry);
        let wait = policy.backoff(turns).max(Duration::from_millis(1));
        if wait >= self.deadline().saturating_duration_since(Instant::now()) {
            return false;
        }
        self.pause(error.class(), wait).await;
        self.attempts -= 1;
        true
    }

    /// Waits before the next attempt, with an event that says so.
    pub(crate) async fn pause(&self, class: Class, wait: Duration) {
        tracing::info!(
            parent: self.span.as_deref().and_then(Span::id),
            db.operation.name = self.op.name,
            error.r#type = class.kind.as_str(),
            dbop.attempt = self.attempts,
            dbop.wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            "attempt failed and is retried"
        );
        sleep(wait).await;
    }

    /// An attempt has begun.
    pub(crate) fn begun(&mut self) {
        self.running = true;
        if let Some(due) = self.due.take() {
            due.forget();
        }
    }

    /// No other attempt follows. The place is another call's from now on, which may be one of a hook.
    pub(crate) async fn run_due(&mut self) {
        self.place = None;
        if let Some(due) = self.due.take() {
            due.run().await;
        }
    }

    /// The outcome of the call, if its last attempt had this one.
    pub(crate) fn conclude(&mut self, outcome: Outcome) -> Outcome {
        let outcome = match outcome {
            // What an earlier attempt may have done does not go away.
            Outcome::RolledBack if self.unknown => Outcome::Unknown,
            other => other,
        };
        self.outcome = Some(outcome);
        outcome
    }

    /// A marker could be set, or was found, and so what became of the attempts before is known.
    pub(crate) fn know(&mut self) {
        self.unknown = false;
    }

    /// The marker of another attempt was found, and with it the call's outcome; its hooks run if
    /// that was one of this call. Known before they run, in which the caller may go away.
    pub(crate) async fn settle(&mut self, own: bool, outcome: Outcome) {
        self.know();
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

    /// The call ends with this result.
    pub(crate) fn end<R>(&mut self, of: &ResultOf<R>, mut result: R, outcome: Outcome) -> R {
        if let Some(failure) = (of.failure)(&result) {
            self.failed_with(failure.class.kind);
        }
        let outcome = self.conclude(outcome);
        (of.finish)(&mut result, self.ended(outcome));
        result
    }

    pub(crate) fn ended(&self, outcome: Outcome) -> Ended {
        Ended {
            operation: self.op.name,
            attempts: self.attempts,
            outcome,
            joined: self.joined,
            limited: self.limited,
        }
    }

    /// No attempt could begin.
    pub(crate) fn refused(&mut self, mut error: Error) -> Error {
        let outcome = self.conclude(Outcome::RolledBack);
        self.failed_with(error.kind());
        error.finish(self.ended(outcome));
        error
    }

    pub(crate) fn failed_with(&self, kind: Kind) {
        if let Some(span) = &self.span {
            span.record("error.type", kind.as_str());
        }
    }
}

/// Unless nobody listens: neither a subscriber nor, by the feature of `tracing` that sqlx turns on,
/// a logger.
#[inline]
fn span(op: &Op, system: &'static str) -> Option<Box<Span>> {
    let subscribed = tracing::level_filters::LevelFilter::current() >= tracing::Level::INFO;
    let heard = subscribed || log::max_level() >= log::LevelFilter::Info;
    heard.then(|| Box::new(described(op, system)))
}

#[inline(never)]
fn described(op: &Op, system: &'static str) -> Span {
    tracing::info_span!(
        "db_operation",
        otel.name = op.name,
        otel.kind = "client",
        db.system.name = system,
        db.operation.name = op.name,
        code.file.path = op.file,
        code.line.number = op.line,
        error.r#type = field::Empty,
        dbop.attempts = field::Empty,
        dbop.outcome = field::Empty,
    )
}

/// A place among the calls of an operation that may run at once. Shared with the thread that runs a
/// plain function's body, which may run for longer than its call.
pub(crate) type Running = Arc<SemaphorePermit<'static>>;

async fn place(limit: &'static Limit, deadline: Instant, timer: &mut Timer) -> Result<Running> {
    let crowded = |until| {
        Error::new(
            Class {
                category: Category::Resource,
                kind: Kind::Overloaded,
                retry: Retry::Always,
            },
            format!("as many calls of it as its `max_concurrency` allows were running{until}"),
        )
    };
    if !limit.wait {
        let place = limit.places.try_acquire();
        return place.map(Arc::new).map_err(|_| crowded(""));
    }
    match timer.until(deadline, limit.places.acquire()).await {
        Ok(Ok(place)) => Ok(Arc::new(place)),
        _ => Err(crowded(" until the deadline")),
    }
}

impl Drop for CallCore {
    /// Counts the call, also one whose caller went away.
    fn drop(&mut self) {
        let untouched = !self.running || (self.op.transaction && !self.committing);
        let outcome = self.outcome.unwrap_or(match untouched {
            true if !self.unknown => Outcome::RolledBack,
            _ => Outcome::Unknown,
        });
        if let Some(span) = &self.span {
            span.record("dbop.attempts", self.attempts);
            span.record("dbop.outcome", outcome.as_str());
        }
        if self.joined {
            self.op.count_joined();
        } else {
            let took = self.started.map(|started| started.elapsed());
            self.op
                .count_call(self.attempts, outcome, took.unwrap_or_default());
        }
    }
}
