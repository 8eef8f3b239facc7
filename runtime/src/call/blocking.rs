//! A call of a plain `fn`, whose body runs on the blocking pool.
//!
//! What is true when its future is dropped: while it waits for a connection, none is held. While
//! the body runs, [`Progress::abandon`] decides, and the thread that has the connection sees to the
//! rest.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::commit::{GRACE, lost};
use super::core::CallCore;
use super::open::is_queue;
use super::result::{OpResult, ResultOf};
use crate::blocking::{BlockingDb, Crosses, Ended, Lease, Manager, Progress, SyncConnection, Work};
use crate::classify::{Class, Kind};
use crate::error::{Error, Outcome, Result};
use crate::op::Op;
use crate::replay::Attempted;
use crate::retry::Effect;

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
}

/// One attempt of a [`Blocking`] call, with its connection.
#[derive(Debug)]
pub struct BlockingAttempt<'c, 'a, M: Manager, R> {
    call: &'c mut Blocking<'a, M, R>,
    lease: Lease<M>,
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
        }
    }

    /// The next attempt; `None` when the call is over.
    pub async fn begin(&mut self) -> Option<BlockingAttempt<'_, 'a, M, R>> {
        if self.result.is_some() {
            return None;
        }
        match self.connect().await {
            Ok(lease) => Some(BlockingAttempt { call: self, lease }),
            Err(error) => {
                self.result = Some((self.of.refused)(self.core.refused(error)));
                None
            }
        }
    }

    /// What the call returns.
    pub fn finish(self) -> R {
        self.result
            .expect("`begin` returns `None` only once there is a result")
    }

    /// A connection, as soon as there is one. Nothing can have been applied when none can be had.
    async fn connect(&mut self) -> Result<Lease<M>> {
        if Handle::try_current().is_err() {
            return Err(Error::programming(
                Kind::Configuration,
                "a plain function under dbop runs on tokio's blocking pool, and there is no runtime \
                 here; await it inside one, or call the `_sync` function",
            ));
        }
        let defaults = self.db.defaults();
        self.core.enter(defaults).await?;
        loop {
            self.core.pass(defaults)?;
            self.core.attempts += 1;
            let asked = Instant::now();
            let until = self.core.deadline.min(asked + defaults.acquire_timeout);
            let acquired = self.db.acquire(!self.core.op.read_only, until).await;
            let error = match acquired {
                Ok(lease) => return Ok(lease),
                Err(error) => error,
            };
            self.core.unopened(&error, asked, until);
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
    async fn wait_for(&mut self, mut thread: JoinHandle<Ended<R>>, caller: &Caller) -> Ended<R> {
        let deadline = self.core.deadline;
        let ended = match timeout_at(deadline, &mut thread).await {
            Ok(ended) => ended,
            Err(_) if caller.0.abandon() => {
                let late = Error::deadline("the body to finish, which its thread still runs");
                return Ended::Done(Err(late), self.untold());
            }
            Err(_) => match timeout_at(deadline + GRACE, thread).await {
                Ok(ended) => ended,
                Err(_) => {
                    let late = Error::deadline("the answer to COMMIT");
                    return Ended::Done(Err(lost(late)), Outcome::Unknown);
                }
            },
        };
        ended.unwrap_or_else(|stopped| match stopped.try_into_panic() {
            // A driver's; the body's own is told apart.
            Ok(panic) => Ended::Panicked(panic),
            // The runtime shuts down, and the thread never began.
            Err(_) => Ended::Refused(Error::programming(
                Kind::Interrupted,
                "the runtime was shut down before the body could run",
            )),
        })
    }

    /// Of an attempt that is abandoned while its body runs.
    fn untold(&self) -> Outcome {
        if self.core.op.transaction || self.core.op.read_only {
            Outcome::RolledBack
        } else {
            Outcome::Unknown
        }
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

    /// Tells the circuit breaker what an attempt has shown.
    fn report(&mut self, failure: Option<Class>) {
        match failure {
            Some(class) if class.kind.ends_session() => self.core.lost_connection(),
            _ => self.core.worked(),
        }
    }
}

impl<M: Manager, R: Send + 'static> BlockingAttempt<'_, '_, M, R> {
    /// Runs the body, and ends the call unless there is to be another attempt.
    pub async fn run(self, body: impl FnOnce(&mut M::Connection) -> R + Send + 'static) {
        let Self { call, lease } = self;
        call.core.begun();
        let progress = Arc::new(Progress::default());
        let work = Work {
            op: call.core.op,
            lease,
            progress: Arc::clone(&progress),
            deadline: call.core.deadline,
            span: call.core.span().clone(),
        };
        let failure = call.of.failure;
        let caller = Caller(progress);
        let thread = tokio::task::spawn_blocking(move || {
            work.run(body, &|result| failure(result).is_some())
        });
        let ended = call.wait_for(thread, &caller).await;
        drop(caller);
        let (result, outcome) = match ended {
            Ended::Refused(error) => {
                if call.again_after_refusal(&error).await {
                    return;
                }
                (Err(error), Outcome::RolledBack)
            }
            Ended::Done(result, outcome) => (result, outcome),
            Ended::Panicked(panic) => resume_unwind(panic),
            Ended::Abandoned => unreachable!("this caller still waits"),
        };
        call.end(result, outcome).await;
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

/// Abandons the work when it is dropped: nobody waits for it any more. That does nothing once the
/// work has ended.
struct Caller(Arc<Progress>);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
