//! [`Unscoped`]: a call of an operation that has no session parameter. dbop adds what needs no
//! session.

use std::time::Duration;

use super::args::Attempted;
use super::call_loop::{CallLoop, NotOpened, Opening};
use super::retry::{BodyRan, FailedAttempt};
use super::run::{Body, Ran};
use super::span::CallSpan;
use super::state::CallState;
use super::stream::LastItem;
use super::stream_body::StreamBody;
use crate::error::{Effect, Outcome, Result};
use crate::op::{Op, OpResult};
use crate::policy::defaults_without_db;
use crate::rt::Timer;

/// The database is not known here. Of those that dbop knows, Postgres takes longest.
const UNTIL_ENDED: Duration = Duration::from_millis(250);

/// A call of a `#[db_op]` that gets its connection in its own way. The call has a deadline, a
/// category, counts and a span, and is retried where the operation was declared `idempotent` or
/// `read_only`.
#[derive(Debug)]
pub struct Unscoped<R> {
    call: CallLoop<R>,
}

/// One attempt of an [`Unscoped`] call.
#[derive(Debug)]
pub struct UnscopedAttempt<'a, R> {
    call: &'a mut CallLoop<R>,
}

/// Any database: the body finds its own.
const SYSTEM: &str = "other_sql";

/// Nothing is opened, so nothing can fail.
struct NoSession;

impl Opening for NoSession {
    type Session = ();

    async fn open(&mut self, _: &mut CallState) -> Result<(), NotOpened> {
        Ok(())
    }
}

// Only the constructor asks for a bound, so that a bound that is not met is one error: see `Call`.
impl<R> Unscoped<R> {
    /// A call of this operation.
    #[must_use]
    pub fn new(op: &'static Op) -> Self
    where
        R: OpResult,
    {
        let span = CallSpan::without_location(op, SYSTEM);
        Self {
            call: CallLoop::new(op, SYSTEM, span, UNTIL_ENDED),
        }
    }

    /// Returns the next attempt; `None` when the call is over.
    pub async fn begin(&mut self) -> Option<UnscopedAttempt<'_, R>> {
        let call = &mut self.call;
        if call.is_over() {
            return None;
        }
        let defaults = defaults_without_db();
        let timeout = defaults.timeout_without_session;
        if let Err(error) = call.state.open(defaults, timeout, &mut NoSession).await {
            call.refuse(error);
            return None;
        }
        call.state.body_begins();
        Some(UnscopedAttempt { call })
    }

    /// Returns the result of the call.
    pub fn finish(mut self) -> R {
        self.call.finish()
    }
}

impl<R> Unscoped<LastItem<R>> {
    /// A call of this operation, which returns a stream of `R`.
    #[must_use]
    pub fn stream(op: &'static Op) -> Self
    where
        R: OpResult,
    {
        Self::new(op)
    }
}

impl<R> UnscopedAttempt<'_, LastItem<R>> {
    /// Returns what runs the body that returns a stream.
    #[must_use]
    pub fn stream(&mut self) -> StreamBody<'_, R> {
        StreamBody::new(self.call)
    }
}

impl<R> UnscopedAttempt<'_, R> {
    /// Returns what runs the body.
    #[must_use]
    pub fn body(&self) -> Body {
        self.call.state.body(Timer::default())
    }

    /// Ends the call unless there is to be another attempt.
    pub async fn end(self, ran: Ran<R>) {
        let call = self.call;
        let result = ran
            .result
            .unwrap_or_else(|_| (call.of.refused)(call.state.too_late()));
        let failure = (call.of.failure)(&result).map(|failure| {
            call.state.saw(failure.error);
            failure.class
        });
        let outcome = match failure {
            None => Outcome::Committed,
            Some(class) => {
                let effect = match call.state.op.read_only {
                    true => Effect::None,
                    false => Effect::Possible,
                };
                let failed = FailedAttempt::of_body(class, effect, BodyRan::default());
                // What a call inside the body has tried often enough is not tried again from here.
                let is_settled = ran.was_retried;
                if !is_settled && call.state.follow(defaults_without_db(), &failed).await {
                    return;
                }
                effect.outcome()
            }
        };
        call.end(result, outcome);
    }
}

impl<R> Attempted for UnscopedAttempt<'_, R> {
    fn is_last(&self) -> bool {
        self.call.state.is_last_attempt()
    }
}
