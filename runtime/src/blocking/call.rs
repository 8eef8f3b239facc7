//! A call of a plain `fn`, whose body runs on the blocking pool.
//!
//! What may be true when the future of the call is dropped at each await:
//!
//! | dropped during | the connection | the database |
//! |---|---|---|
//! | `begin`, waiting for a permit, the writer's permit or a connection | none is held | untouched |
//! | `begin`, while a connection is opened or tried | goes to the pool when that is done, and the permits with it | untouched |
//! | `run`, before the body | its thread gives it back | untouched |
//! | `run`, in the body, whose result nobody gets | its thread gives it back after `ROLLBACK` | a transaction: untouched; an operation: whatever the body does |
//! | `run`, in `COMMIT` | its thread gives it back | committed or rolled back, never in part |
//! | `run`, waiting to try again | none is held | as before the call, or unknown if an earlier attempt may have had an effect |
//!
//! [`Progress::abandon`] decides between rows three, four and five. A deadline that passes abandons the
//! attempt in the same way, and the call returns an error that says so.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::Span;

use super::attempt::{AttemptEnd, Work, refine};
use super::connection::SyncConnection;
use super::handshake::{Progress, Stage};
use super::manager::Manager;
use super::owned_arg::Crosses;
use super::pool::{BlockingDb, Checkout};
use crate::call::{
    AtOnce, Attempted, BodyRan, CallLoop, CallSpan, CallState, FailedAttempt, GRACE, NotOpened,
    Opening, no_answer,
};
use crate::error::{Class, Effect, Error, ErrorKind, Outcome, Result};
use crate::op::{Op, OpResult};
use crate::pool::Origin;

/// Nothing is replayed while an earlier attempt may still run: its thread has said that it ended.
const UNTIL_ENDED: Duration = Duration::ZERO;

/// A call of a `#[db_op]` or `#[transactional]` on a plain `fn`.
#[derive(Debug)]
pub struct Blocking<'a, M: Manager, R> {
    db: &'a BlockingDb<M>,
    call: CallLoop<R>,
    /// The progress of an attempt whose thread has not said how it ended.
    progress: Option<Arc<Progress>>,
}

/// One attempt of a [`Blocking`] call, with its connection.
#[derive(Debug)]
pub struct BlockingAttempt<'c, 'a, M: Manager, R> {
    blocking: &'c mut Blocking<'a, M, R>,
    checkout: Checkout<M::Connection>,
}

/// The connections of one call. A transaction begins only on the thread that runs the body.
struct Connections<'a, M: Manager>(&'a BlockingDb<M>);

impl<M: Manager> Opening for Connections<'_, M> {
    type Session = Checkout<M::Connection>;

    async fn open(&mut self, call: &mut CallState) -> Result<Checkout<M::Connection>, NotOpened> {
        let asked = Instant::now();
        let until = call
            .deadline()
            .min(asked + self.0.defaults().acquire_timeout);
        let acquired = self
            .0
            .acquire(call.borrower(), asked, until, &mut call.timer)
            .await;
        acquired.map_err(|error| {
            call.report_unopened(&error, asked);
            error.into()
        })
    }
}

// Only the constructor asks for bounds, so that a bound that is not met is one error: see `Call`.
impl<'a, M: Manager, R> Blocking<'a, M, R> {
    /// A call of this operation on that database.
    pub fn new(op: &'static Op, db: &'a BlockingDb<M>) -> Self
    where
        R: OpResult + Crosses,
    {
        // Where the database is, only its manager knows.
        let system = M::Connection::SYSTEM;
        let span = CallSpan::without_location(op, system);
        Self {
            db,
            call: CallLoop::new(op, system, span, UNTIL_ENDED),
            progress: None,
        }
    }

    /// Returns the next attempt; `None` when the call is over.
    pub async fn begin(&mut self) -> Option<BlockingAttempt<'_, 'a, M, R>> {
        if self.call.is_over() {
            return None;
        }
        match self.connect().await {
            Ok(checkout) => Some(BlockingAttempt {
                blocking: self,
                checkout,
            }),
            Err(error) => {
                self.call.refuse(error);
                None
            }
        }
    }

    /// Returns the result of the call.
    pub fn finish(mut self) -> R {
        self.call.finish()
    }

    /// Takes a connection from the pool, as soon as there is one.
    async fn connect(&mut self) -> Result<Checkout<M::Connection>> {
        if Handle::try_current().is_err() {
            return Err(Error::programming(
                ErrorKind::Configuration,
                "a plain function under dbop runs on tokio's blocking pool, and there is no runtime \
                 here; await it inside one, or call the `_sync` function",
            ));
        }
        let defaults = self.db.defaults();
        let mut opening = Connections(self.db);
        let timeout = Some(defaults.timeout);
        self.call.state.open(defaults, timeout, &mut opening).await
    }

    /// Waits for what the thread says, at most until the deadline.
    async fn wait_for<B>(
        &mut self,
        mut thread: JoinHandle<AttemptEnd<R, B>>,
        progress: &Arc<Progress>,
    ) -> AttemptEnd<R, B> {
        let deadline = self.call.state.deadline();
        let timer = &mut self.call.state.timer;
        let ended = match timer.until(deadline, &mut thread).await {
            Ok(ended) => ended,
            Err(_) => match progress.abandon() {
                Some(stage) => return self.late(stage),
                None => {
                    let ended = timer.until(deadline + GRACE, thread);
                    match ended.with_grace(GRACE).await {
                        Ok(ended) => ended,
                        Err(_) => {
                            self.call.state.commit_is_unanswered();
                            let error = no_answer().commit_unanswered();
                            return AttemptEnd::Done(Err(error), Outcome::Unknown);
                        }
                    }
                }
            },
        };
        ended.unwrap_or_else(|stopped| match stopped.try_into_panic() {
            // A panic of the driver. A panic of the body comes as `AttemptEnd::Panicked`.
            Ok(panic) => AttemptEnd::Panicked(panic),
            // The runtime shuts down, and the thread never began.
            Err(_) => AttemptEnd::Done(Err(shut_down()), Outcome::RolledBack),
        })
    }

    /// Returns the end of an attempt that was abandoned at the deadline.
    fn late<B>(&mut self, stage: Stage) -> AttemptEnd<R, B> {
        let (waiting_for, outcome) = match stage {
            Stage::Opening => (
                "a thread of the blocking pool and the database to begin",
                Outcome::RolledBack,
            ),
            Stage::Body if self.call.state.op.transaction || self.call.state.op.read_only => (
                "the body to finish, which its thread still runs",
                Outcome::RolledBack,
            ),
            Stage::Body => (
                "the body to finish, which its thread still runs",
                Outcome::Unknown,
            ),
        };
        let error = self.call.state.why_late(Error::deadline(waiting_for));
        AttemptEnd::Done(Err(error), outcome)
    }

    /// Returns what is known of an attempt whose body was not run, on a connection of this origin.
    fn not_run(&mut self, error: &Error, origin: Origin) -> FailedAttempt {
        self.call.state.saw(error);
        let was_lost = error.kind().ends_session();
        if was_lost {
            self.db.doubt_idle();
            self.call.state.report_lost_at_begin(origin);
        }
        // A connection that was lost while it was idle says nothing about the server.
        let was_dead = was_lost && origin == Origin::Idle;
        let of = self.db.size();
        FailedAttempt {
            at_once: was_dead.then_some(AtOnce::DeadConnection { of }),
            ..FailedAttempt::before_body(error)
        }
    }

    /// Tells the circuit breaker and the pool what an attempt has shown whose body was run.
    fn report(&mut self, failure: Option<Class>) {
        if failure == Some(Class::DEMOTED) {
            self.db.retire();
        }
        match failure.map(|class| class.kind) {
            None => self.call.state.report_success(),
            Some(kind) if kind.ends_session() || kind == ErrorKind::CompletionUnknown => {
                self.db.doubt_idle();
            }
            // The error of a body may have nothing to do with the database.
            Some(_) => {}
        }
    }

    /// Tells the circuit breaker how the database has answered `BEGIN` and `COMMIT`.
    fn report_answers(&mut self, progress: &Progress) {
        let answers = progress.take_answers();
        for took in answers.took {
            self.call.state.report_answer(took);
        }
        if let Some(asked) = answers.awaited_since
            && !M::Connection::ONE_WRITER
        {
            self.call.state.report_silence(asked.elapsed());
        }
    }
}

impl<M: Manager, R: Send + 'static> BlockingAttempt<'_, '_, M, R> {
    /// Runs the body, and ends the call unless there is to be another attempt.
    pub async fn run<B>(self, body: B)
    where
        B: FnOnce(&mut M::Connection) -> R + Send + 'static,
    {
        let Self { blocking, checkout } = self;
        let (mut checkout, mut body) = (checkout, body);
        loop {
            let origin = checkout.origin();
            let (error, unused) = match blocking.attempt(checkout, body).await {
                AttemptEnd::Refused(error, body) => (error, body),
                AttemptEnd::Done(result, outcome) => return blocking.end(result, outcome).await,
                AttemptEnd::Panicked(panic) => resume_unwind(panic),
                AttemptEnd::Abandoned => unreachable!("this caller still waits"),
            };
            let failed = blocking.not_run(&error, origin);
            if !blocking
                .call
                .state
                .follow(blocking.db.defaults(), &failed)
                .await
            {
                return blocking.call.refuse(error);
            }
            blocking.call.state.note_queue(error, &failed);
            // The next connection is taken here and not by another turn of the caller's loop. Where
            // nothing is replayed the caller has no loop, and the body has its arguments already.
            checkout = match blocking.connect().await {
                Ok(checkout) => checkout,
                Err(error) => return blocking.call.refuse(error),
            };
            body = unused;
        }
    }
}

impl<M: Manager, R: Send + 'static> Blocking<'_, M, R> {
    /// Runs one attempt, until its thread has said how it ended or the deadline has passed.
    async fn attempt<B>(&mut self, checkout: Checkout<M::Connection>, body: B) -> AttemptEnd<R, B>
    where
        B: FnOnce(&mut M::Connection) -> R + Send + 'static,
    {
        self.call.state.body_begins();
        let progress = Arc::new(Progress::default());
        self.progress = Some(Arc::clone(&progress));
        let work = Work {
            op: self.call.state.op,
            checkout,
            progress: Arc::clone(&progress),
            deadline: self.call.state.deadline(),
            span: self.call.state.span().cloned().unwrap_or_else(Span::none),
            _permit: self.call.state.permit(),
            thread: self.call.state.thread(),
        };
        let failure = self.call.of.failure;
        let thread = tokio::task::spawn_blocking(move || {
            work.run(body, &|result| failure(result).map(|failure| failure.class))
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
            Ok(result) => (self.call.of.failure)(result).map(|failure| {
                self.call.state.saw(failure.error);
                failure.class
            }),
            Err(error) => {
                self.call.state.saw(error);
                Some(error.class())
            }
        };
        let class = class.map(|class| refine::<M::Connection>(class, self.call.state.op));
        self.report(class);
        if let Some(class) = class {
            let effect = Effect::of(outcome);
            let failed = FailedAttempt::of_body(class, effect, BodyRan::default());
            if self.call.state.follow(self.db.defaults(), &failed).await {
                return;
            }
        }
        let result = result.unwrap_or_else(self.call.of.refused);
        self.call.end(result, outcome);
    }
}

impl<M: Manager, R> Attempted for BlockingAttempt<'_, '_, M, R> {
    fn is_last(&self) -> bool {
        self.blocking.call.state.is_last_attempt()
    }
}

impl<M: Manager, R> Drop for Blocking<'_, M, R> {
    /// Abandons the attempt whose thread has not said how it ended.
    fn drop(&mut self) {
        let Some(progress) = self.progress.take() else {
            return;
        };
        match progress.abandon() {
            Some(Stage::Opening) => self.call.state.body_never_ran(),
            Some(Stage::Body) => {}
            None if progress.is_committing() => self.call.state.commits(),
            None => {}
        }
    }
}

fn shut_down() -> Error {
    Error::programming(
        ErrorKind::Interrupted,
        "the runtime was shut down before the body could run",
    )
}
