//! Futures that wait for the end of a transaction.

use std::fmt::{self, Display};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};

use futures_core::future::BoxFuture;
use futures_util::FutureExt;

use crate::error::Outcome;
use crate::op::Op;

/// What a hook may return: nothing, or a `Result` whose error is reported as a `tracing` event.
pub trait HookResult: Send {
    #[doc(hidden)]
    fn failure(&self) -> Option<String>;
}

impl HookResult for () {
    fn failure(&self) -> Option<String> {
        None
    }
}

impl<T: Send, E: Display + Send> HookResult for Result<T, E> {
    fn failure(&self) -> Option<String> {
        self.as_ref().err().map(ToString::to_string)
    }
}

/// The hooks of one transaction in order of registration.
#[derive(Default)]
pub(crate) struct Hooks {
    /// Never locked: `Mutex` only makes futures that are `Send` part of something `Sync`.
    list: Mutex<Vec<Hook>>,
}

struct Hook {
    at: Outcome,
    run: BoxFuture<'static, Option<String>>,
}

impl Hooks {
    pub(crate) fn add<F>(&mut self, at: Outcome, hook: F)
    where
        F: Future<Output: HookResult> + Send + 'static,
    {
        let run = Box::pin(async move { hook.await.failure() });
        self.list().push(Hook { at, run });
    }

    pub(crate) fn len(&mut self) -> usize {
        self.list().len()
    }

    /// Drops those registered since there were `len`: their savepoint was rolled back.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.list().truncate(len);
    }

    /// Runs those registered for `outcome`, one after the other. One that fails or panics is
    /// reported and does not stop the next.
    pub(crate) async fn run(self, outcome: Outcome, op: &'static Op) {
        let list = self
            .list
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        for hook in list.into_iter().filter(|hook| hook.at == outcome) {
            let failure = match AssertUnwindSafe(hook.run).catch_unwind().await {
                Ok(failure) => failure,
                Err(_) => Some("it panicked".to_owned()),
            };
            if let Some(failure) = failure {
                tracing::error!(
                    db.operation.name = op.name,
                    code.file.path = op.file,
                    code.line.number = op.line,
                    dbop.outcome = outcome.as_str(),
                    error.message = failure,
                    "a hook failed after its transaction had ended"
                );
            }
        }
    }

    fn list(&mut self) -> &mut Vec<Hook> {
        self.list.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}
