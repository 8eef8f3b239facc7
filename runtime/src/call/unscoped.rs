//! A call of an operation that has no session parameter: dbop adds what needs none.

use super::core::{Body, CallCore, Late};
use super::result::OpResult;
use crate::db::Defaults;
use crate::error::{Error, Outcome};
use crate::op::Op;
use crate::replay::Attempted;
use crate::retry::Effect;

/// A call of a `#[db_op]` that gets its connection in its own way: deadline, category, counts and
/// span, and retry where the operation was declared `idempotent` or `read_only`.
#[derive(Debug)]
pub struct Unscoped<R> {
    core: CallCore,
    result: Option<R>,
}

/// One attempt of an [`Unscoped`] call.
#[derive(Debug)]
pub struct UnscopedAttempt<'a, R> {
    core: &'a mut CallCore,
    result: &'a mut Option<R>,
}

impl<R: OpResult> Unscoped<R> {
    /// A call of this operation.
    #[must_use]
    pub fn new(op: &'static Op) -> Self {
        Self {
            core: CallCore::new(op, "other_sql"),
            result: None,
        }
    }

    /// The next attempt; `None` when the call is over.
    pub async fn begin(&mut self) -> Option<UnscopedAttempt<'_, R>> {
        if self.result.is_some() {
            return None;
        }
        if let Err(error) = self.core.enter(Defaults::elsewhere()).await {
            self.result = Some(R::refused(self.core.refused(error)));
            return None;
        }
        self.core.attempts += 1;
        self.core.begun();
        Some(UnscopedAttempt {
            core: &mut self.core,
            result: &mut self.result,
        })
    }

    /// What the call returns.
    pub fn finish(self) -> R {
        self.result
            .expect("`begin` returns `None` only once there is a result")
    }
}

impl<R: OpResult> UnscopedAttempt<'_, R> {
    /// What runs the body.
    #[must_use]
    pub fn body(&self) -> Body {
        self.core.body(self.core.deadline)
    }

    /// Ends the call unless there is to be another attempt.
    pub async fn end(self, result: Result<R, Late>) {
        let core = self.core;
        let mut result =
            result.unwrap_or_else(|Late| R::refused(Error::deadline("the body to finish")));
        let effect = if core.op.read_only {
            Effect::None
        } else {
            Effect::Possible
        };
        let class = result.failure().map(|failure| failure.class);
        let outcome = match class {
            None => Outcome::Committed,
            Some(class) => {
                if core.try_again(Defaults::elsewhere(), class, effect).await {
                    return;
                }
                core.failed_with(class.kind);
                effect.outcome()
            }
        };
        let outcome = core.conclude(outcome);
        result.finish(core.op.name, core.attempts, outcome, false);
        *self.result = Some(result);
    }
}

impl<R> Attempted for UnscopedAttempt<'_, R> {
    fn is_last(&self) -> bool {
        self.core.is_last()
    }
}
