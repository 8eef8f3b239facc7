//! A call of a plain `fn`, whose body runs on the blocking pool.
//!
//! What is true when its future is dropped at each await:
//!
//! | dropped during | the connection | the database |
//! |---|---|---|
//! | `begin`, waiting for a permit, the writer's turn or a place | none is held | untouched |
//! | `begin`, while one is opened or tried | goes to the pool when that is done, and with it turn and place | untouched |
//! | `run`, before the body | its thread gives it back | untouched |
//! | `run`, in the body, which returns nothing to anybody | its thread gives it back after `ROLLBACK` | a transaction: untouched; an operation: whatever the body does |
//! | `run`, in `COMMIT` | its thread gives it back | committed or rolled back, never part |
//! | `run`, waiting to try again | none is held | as before the call, or unknown if an attempt was |
//!
//! [`Progress::abandon`] decides between the third, the fourth and the fifth; the deadline does the
//! same as a caller that goes away, and says so.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::attempt::{AttemptEnd, Work};
use super::connection::SyncConnection;
use super::handshake::{Progress, Stage};
use super::owned_arg::Crosses;
use super::pool::{BlockingDb, Checkout, Manager};
use crate::call::{Attempted, CallCore, GRACE, ResultOf, is_queue};
use crate::error::{Class, Effect, Error, Kind, Outcome, Result};
use crate::op::{Op, OpResult};
use crate::pool::Origin;

/// Nothing is replayed while an earlier attempt may still run: its thread has said that it ended.
const UNTIL_ENDED: Duration = Duration::ZERO;

/// A call of a `#[db_op]` or `#[transactional]` on a plain `fn`.
#[derive(Debug)]
pub struct Blocking<'a, M: Manager, R> {
    db: &'a BlockingDb<M>,
    core: CallCore,
    result: Option<R>,
    of: ResultOf<R>,
    /// How often another's lock was waited for.
    turns: u32,
    /// Of the attempt whose thread has not said how it ended.
    progress: Option<Arc<Progress>>,
}

/// One attempt of a [`Blocking`] call, with its connection.
#[derive(Debug)]
pub struct BlockingAttempt<'c, 'a, M: Manager, R> {
    call: &'c mut Blocking<'a, M, R>,
    checkout: Checkout<M>,
}

// As for `Call`, only the constructor asks for bounds.
impl<'a, M: Manager, R> Blocking<'a, M, R> {
    /// A call of this operation on that database.
    pub fn new(op: &'static Op, db: &'a BlockingDb<M>) -> Self
    where
        R: OpResult + Crosses,
    {
        Self {
            db,
            core: CallCore::new(op, M::Connection::SYSTEM, UNTIL_ENDED),
            result: None,
            of: ResultOf::NEW,
            turns: 0,
            progress: None,
        }
    }

    /// The next attempt; `None` when the call is over.
    pub async fn begin(&mut self) -> Option<BlockingAttempt<'_, 'a, M, R>> {
        if self.result.is_some() {
            return None;
        }
        match self.connect().await {
            Ok(checkout) => Some(BlockingAttempt {
                call: self,
                checkout,
            }),
            Err(error) => {
                self.refuse(error);
                None
            }
        }
    }

    /// What the call returns.
    pub fn finish(mut self) -> R {
        self.result
            .take()
            .expect("`begin` returns `None` only once there is a result")
    }

    /// No attempt could begin.
    fn refuse(&mut self, error: Error) {
        self.result = Some((self.of.refused)(self.core.refused(error)));
    }

    /// A connection, as soon as there is one. Nothing can have been applied when none can be had.
    async fn connect(&mut self) -> Result<Checkout<M>> {
        if Handle::try_current().is_err() {
            return Err(Error::programming(
                Kind::Configuration,
                "a plain function under dbop runs on tokio's blocking pool, and there is no runtime \
                 here; await it inside one, or call the `_sync` function",
            ));
        }
        let defaults = self.db.defaults();
        self.core.enter(defaults, Some(defaults.timeout)).await?;
        loop {
            self.core.pass(defaults)?;
            self.core.attempts += 1;
            let asked = Instant::now();
            let until = self.core.deadline().min(asked + defaults.acquire_timeout);
            let (op, timer) = (self.core.op, &mut self.core.timer);
            let acquired = self.db.acquire(op, until, timer).await;
            let error = match acquired {
                Ok(checkout) => return Ok(checkout),
                Err(error) => error,
            };
            self.core.unopened(&error, asked);
            if !self
                .core
                .try_again(defaults, error.class(), Effect::None)
                .await
            {
                return Err(error);
            }
        }
    }

    /// What the thread says, or what the deadline makes of it.
    async fn wait_for<B>(
        &mut self,
        mut thread: JoinHandle<AttemptEnd<R, B>>,
        progress: &Arc<Progress>,
    ) -> AttemptEnd<R, B> {
        let deadline = self.core.deadline();
        let timer = &mut self.core.timer;
        let ended = match timer.until(deadline, &mut thread).await {
            Ok(ended) => ended,
            Err(_) => match progress.abandon() {
                Some(stage) => return self.late(stage),
                None => match timer.until(deadline + GRACE, thread).await {
                    Ok(ended) => ended,
                    Err(_) => {
                        let late = Error::deadline("the answer to COMMIT");
                        return AttemptEnd::Done(Err(late.commit_unanswered()), Outcome::Unknown);
                    }
                },
            },
        };
        ended.unwrap_or_else(|stopped| match stopped.try_into_panic() {
            // A driver's; the body's own is told apart.
            Ok(panic) => AttemptEnd::Panicked(panic),
            // The runtime shuts down, and the thread never began.
            Err(_) => AttemptEnd::Done(Err(shut_down()), Outcome::RolledBack),
        })
    }

    /// An attempt that was abandoned at the deadline.
    fn late<B>(&self, stage: Stage) -> AttemptEnd<R, B> {
        let (waiting_for, outcome) = match stage {
            Stage::Opening => (
                "a thread of the blocking pool and the database to begin",
                Outcome::RolledBack,
            ),
            Stage::Body if self.core.op.transaction || self.core.op.read_only => (
                "the body to finish, which its thread still runs",
                Outcome::RolledBack,
            ),
            Stage::Body => (
                "the body to finish, which its thread still runs",
                Outcome::Unknown,
            ),
        };
        AttemptEnd::Done(Err(Error::deadline(waiting_for)), outcome)
    }

    /// Whether there is to be another attempt after one whose body was not run.
    async fn again_after_refusal(&mut self, error: &Error) -> bool {
        let (core, defaults) = (&mut self.core, self.db.defaults());
        if is_queue(error.kind()) {
            self.turns += 1;
            return core.stand_in_line(defaults, error, self.turns).await;
        }
        core.try_again(defaults, error.class(), Effect::None).await
    }

    /// Tells the circuit breaker, and the pool, what an attempt has shown whose body was run.
    fn report(&mut self, failure: Option<Class>) {
        match failure.map(|class| class.kind) {
            None => self.core.worked(),
            Some(kind) if kind.ends_session() || kind == Kind::CompletionUnknown => {
                self.db.doubt_idle();
            }
            // What a body returns may have nothing to do with the database.
            Some(_) => {}
        }
    }

    /// The same of the answers to `BEGIN` and `COMMIT`.
    fn report_answers(&mut self, progress: &Progress) {
        let answers = progress.take_answers();
        for took in answers.took {
            self.core.answered(took);
        }
        if let Some(asked) = answers.awaited_since
            && !M::Connection::ONE_WRITER
        {
            self.core.unanswered(asked.elapsed());
        }
    }
}

impl<M: Manager, R: Send + 'static> BlockingAttempt<'_, '_, M, R> {
    /// Runs the body, and ends the call unless there is to be another attempt.
    pub async fn run<B>(self, body: B)
    where
        B: FnOnce(&mut M::Connection) -> R + Send + 'static,
    {
        let Self { call, checkout } = self;
        let (mut checkout, mut body) = (checkout, body);
        loop {
            let origin = checkout.origin();
            let (error, unused) = match call.attempt(checkout, body).await {
                AttemptEnd::Refused(error, body) => (error, body),
                AttemptEnd::Done(result, outcome) => return call.end(result, outcome).await,
                AttemptEnd::Panicked(panic) => resume_unwind(panic),
                AttemptEnd::Abandoned => unreachable!("this caller still waits"),
            };
            let was_lost = error.kind().ends_session();
            if was_lost {
                call.db.doubt_idle();
                call.core.lost_at_begin(origin);
            }
            // A connection that was lost while it was idle says nothing about the server.
            let was_dead = was_lost && origin == Origin::Idle;
            let draws_again = was_dead && call.core.may_draw_again(call.db.size());
            if !draws_again && !call.again_after_refusal(&error).await {
                return call.refuse(error);
            }
            // Not by another turn of the caller's loop: there is none where nothing is replayed, and
            // the body has its arguments already.
            checkout = match call.connect().await {
                Ok(checkout) => checkout,
                // Others wait in the same queue with the connection; what for is the better answer.
                Err(second) if second.kind() == Kind::PoolExhausted => return call.refuse(error),
                Err(second) => return call.refuse(second),
            };
            body = unused;
        }
    }
}

impl<M: Manager, R: Send + 'static> Blocking<'_, M, R> {
    /// One attempt, until its thread has said how it ended or the deadline has passed.
    async fn attempt<B>(&mut self, checkout: Checkout<M>, body: B) -> AttemptEnd<R, B>
    where
        B: FnOnce(&mut M::Connection) -> R + Send + 'static,
    {
        self.core.begun();
        let progress = Arc::new(Progress::default());
        self.progress = Some(Arc::clone(&progress));
        let work = Work {
            op: self.core.op,
            checkout,
            progress: Arc::clone(&progress),
            deadline: self.core.deadline(),
            span: self.core.span(),
            _running: self.core.running(),
        };
        let failure = self.of.failure;
        let thread = tokio::task::spawn_blocking(move || {
            work.run(body, &|result| failure(result).is_some())
        });
        let ended = self.wait_for(thread, &progress).await;
        self.report_answers(&progress);
        if !matches!(ended, AttemptEnd::Panicked(_)) {
            self.progress = None;
        }
        ended
    }
}

impl<M: Manager, R> Blocking<'_, M, R> {
    async fn end(&mut self, result: Result<R>, outcome: Outcome) {
        let class = match &result {
            Ok(result) => (self.of.failure)(result).map(|failure| failure.class),
            Err(error) => Some(error.class()),
        };
        self.report(class);
        if let Some(class) = class {
            let effect = match outcome {
                Outcome::RolledBack => Effect::None,
                Outcome::Committed | Outcome::Unknown => Effect::Possible,
            };
            let defaults = self.db.defaults();
            if self.core.try_again(defaults, class, effect).await {
                return;
            }
        }
        let result = result.unwrap_or_else(self.of.refused);
        self.result = Some(self.core.end(&self.of, result, outcome));
    }
}

impl<M: Manager, R> Attempted for BlockingAttempt<'_, '_, M, R> {
    fn is_last(&self) -> bool {
        self.call.core.is_last()
    }
}

impl<M: Manager, R> Drop for Blocking<'_, M, R> {
    /// Nobody waits for an attempt any more whose end has not been heard.
    fn drop(&mut self) {
        let Some(progress) = self.progress.take() else {
            return;
        };
        match progress.abandon() {
            Some(Stage::Opening) => self.core.never_ran(),
            Some(Stage::Body) => {}
            None => self.core.committing = progress.is_committing(),
        }
    }
}

fn shut_down() -> Error {
    Error::programming(
        Kind::Interrupted,
        "the runtime was shut down before the body could run",
    )
}
