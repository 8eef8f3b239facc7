//! Futures that wait for the end of a transaction.

use std::fmt::{self, Display};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_core::future::BoxFuture;
use futures_util::FutureExt;

use crate::error::Outcome;
use crate::op::Op;
use crate::policy::{Running, RunningHooks};
use crate::rt::Uninterrupted;

/// What a hook may return: `()`, or a `Result` whose error is reported as a `tracing` event.
pub trait HookResult: Send {
    /// Returns what is reported of a hook that has failed. `None` if it has not.
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

/// The hooks of one transaction, in order of registration.
#[derive(Default)]
pub(crate) struct Hooks {
    /// The hooks. The mutex is never locked: it is here because the futures are only `Send`, and
    /// what holds them has to be `Sync`.
    list: Mutex<Vec<Hook>>,
    /// What counts the hooks once they are due. `None` without a handle.
    running: Option<Arc<Running>>,
}

struct Hook {
    /// The outcome of the transaction after which the hook runs.
    at: Outcome,
    /// Runs the hook, and returns the text of its error; `None` if it has succeeded.
    run: BoxFuture<'static, Option<String>>,
}

impl Hooks {
    /// The hooks, none so far, of a transaction that belongs to a call counted there.
    pub(crate) fn of(running: Option<&Arc<Running>>) -> Self {
        Self {
            list: Mutex::default(),
            running: running.cloned(),
        }
    }

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

    /// Keeps the first `len` hooks. Drops the rest, which were registered in a savepoint that was
    /// rolled back.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.list().truncate(len);
    }

    /// Returns how many hooks are registered for this outcome.
    #[cfg(feature = "testing")]
    pub(crate) fn count(&mut self, at: Outcome) -> usize {
        self.list().iter().filter(|hook| hook.at == at).count()
    }

    /// Takes out the hooks for this outcome. Each returns the text of its error; `None` if it has
    /// succeeded.
    #[cfg(feature = "testing")]
    pub(crate) fn take(&mut self, at: Outcome) -> Vec<BoxFuture<'static, Option<String>>> {
        let taken = self.list().extract_if(.., |hook| hook.at == at);
        taken.map(|hook| hook.run).collect()
    }

    fn list(&mut self) -> &mut Vec<Hook> {
        self.list.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The hooks of a transaction that has ended. They are to run unless another attempt follows. They
/// also run when this value is dropped, so that they are not lost if the caller goes away.
#[derive(Debug)]
pub(crate) struct Due {
    hooks: Hooks,
    outcome: Outcome,
    op: &'static Op,
    /// `None` if there are no hooks, or if they belong to no handle.
    running: Option<RunningHooks>,
}

impl Due {
    /// Takes the hooks of a transaction that ended with `outcome`.
    pub(crate) fn new(mut hooks: Hooks, outcome: Outcome, op: &'static Op) -> Self {
        let counted = hooks.running.take().filter(|_| hooks.len() > 0);
        Self {
            hooks,
            outcome,
            op,
            running: counted.map(|running| running.hooks(op.name)),
        }
    }

    /// Boxes the hooks to be kept until it is known whether another attempt follows. Returns `None`
    /// if there are none.
    pub(crate) fn for_later(mut self) -> Option<Box<Self>> {
        (self.hooks.len() > 0).then(|| Box::new(self))
    }

    /// Sets the outcome, which was not known before.
    pub(crate) fn settle(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    /// Drops the hooks without running them, because another attempt has begun.
    pub(crate) fn forget(mut self) {
        self.hooks.truncate(0);
    }

    /// Runs the hooks for the outcome, one after the other. A hook that fails or panics is reported
    /// and does not stop the next.
    pub(crate) async fn run(mut self) {
        if let Some(run) = self.start() {
            run.await;
        }
    }

    /// Whether no hook is to run at the outcome.
    pub(crate) fn is_empty(&mut self) -> bool {
        let outcome = self.outcome;
        !self.hooks.list().iter().any(|hook| hook.at == outcome)
    }

    /// Takes the hooks out, and returns the work of running those for the outcome; `None` if there
    /// are none.
    fn start(&mut self) -> Option<Uninterrupted<()>> {
        let mut hooks = std::mem::take(self.hooks.list());
        hooks.retain(|hook| hook.at == self.outcome);
        let running = self.running.take();
        if hooks.is_empty() {
            return None;
        }
        let run = run_all(hooks, self.outcome, self.op);
        Some(match running {
            None => Uninterrupted::new(run),
            Some(running) => Uninterrupted::new(async move {
                let run = running.identity().around(run);
                run.await;
                drop(running);
            }),
        })
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        drop(self.start());
    }
}

async fn run_all(hooks: Vec<Hook>, outcome: Outcome, op: &'static Op) {
    for hook in hooks {
        if let Some(failure) = failure_of(hook.run, "it panicked").await {
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

/// Runs a hook, and returns the text of its error, or `panicked` if the hook panics; `None` if it has
/// succeeded.
pub(crate) async fn failure_of(
    run: BoxFuture<'static, Option<String>>,
    panicked: &str,
) -> Option<String> {
    let ran = AssertUnwindSafe(run).catch_unwind().await;
    ran.unwrap_or_else(|_| Some(panicked.to_owned()))
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}
