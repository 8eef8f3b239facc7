//! A call of an operation that has no session parameter: dbop adds what needs none.

use std::time::Duration;

use super::args::Attempted;
use super::result::ResultOf;
use super::run::{Body, Ran};
use super::state::CallCore;
use crate::error::{Effect, Error, Outcome};
use crate::op::{Op, OpResult};
use crate::policy::defaults_without_db;
use crate::rt::Timer;

/// Which database it is, is not known; of those we do know, Postgres takes longest.
const UNTIL_ENDED: Duration = Duration::from_millis(250);

/// A call of a `#[db_op]` that gets its connection in its own way: deadline, category, counts and
/// span, and retry where the operation was declared `idempotent` or `read_only`.
#[derive(Debug)]
pub struct Unscoped<R> {
    core: CallCore,
    result: Option<R>,
    of: ResultOf<R>,
}

/// One attempt of an [`Unscoped`] call.
#[derive(Debug)]
pub struct UnscopedAttempt<'a, R> {
    core: &'a mut CallCore,
    result: &'a mut Option<R>,
    of: &'a ResultOf<R>,
}

// As for `Call`, only the constructor asks for a bound.
impl<R> Unscoped<R> {
    /// A call of this operation.
    #[must_use]
    pub fn new(op: &'static Op) -> Self
    where
        R: OpResult,
    {
        Self {
            core: CallCore::new(op, "other_sql", UNTIL_ENDED),
            result: None,
            of: ResultOf::NEW,
        }
    }

    /// The next attempt; `None` when the call is over.
    pub async fn begin(&mut self) -> Option<UnscopedAttempt<'_, R>> {
        if self.result.is_some() {
            return None;
        }
        let defaults = defaults_without_db();
        let timeout = defaults.timeout_without_session;
        if let Err(error) = self.core.enter(defaults, timeout).await {
            self.result = Some((self.of.refused)(self.core.refused(error)));
            return None;
        }
        self.core.attempts += 1;
        self.core.begun();
        Some(UnscopedAttempt {
            core: &mut self.core,
            result: &mut self.result,
            of: &self.of,
        })
    }

    /// What the call returns.
    pub fn finish(self) -> R {
        self.result
            .expect("`begin` returns `None` only once there is a result")
    }
}

impl<R> UnscopedAttempt<'_, R> {
    /// What runs the body.
    #[must_use]
    pub fn body(&self) -> Body {
        self.core.body(Timer::default())
    }

    /// Ends the call unless there is to be another attempt.
    pub async fn end(self, ran: Ran<R>) {
        let (core, of) = (self.core, self.of);
        let mut result = ran
            .result
            .unwrap_or_else(|_| (of.refused)(Error::deadline("the body to finish")));
        let effect = if core.op.read_only {
            Effect::None
        } else {
            Effect::Possible
        };
        let class = (of.failure)(&result).map(|failure| failure.class);
        let outcome = match class {
            None => Outcome::Committed,
            Some(class) => {
                if core.try_again(defaults_without_db(), class, effect).await {
                    return;
                }
                core.failed_with(class.kind);
                effect.outcome()
            }
        };
        let outcome = core.conclude(outcome);
        (of.finish)(&mut result, core.ended(outcome));
        *self.result = Some(result);
    }
}

impl<R> Attempted for UnscopedAttempt<'_, R> {
    fn is_last(&self) -> bool {
        self.core.is_last()
    }
}
