//! [`Running`]: the calls that run on one database, their hooks, and how they come to an end.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::shutdown::Shutdown;
use crate::error::{Category, Class, Error, ErrorKind, Outcome, Result, Retry};
use crate::rt::{Cutoff, FOREVER, lock};

/// How long past its deadline, or past a shutdown's, a call waits for the answer to `COMMIT`.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// How long a call may take to end after the last answer that it waits for.
const LAST_STEPS: Duration = Duration::from_secs(1);

/// The class of a call that did not begin, or did not go on, because its handle is shut down.
const SHUT_DOWN: Class = Class {
    category: Category::Resource,
    kind: ErrorKind::ShuttingDown,
    retry: Retry::Never,
};

/// The calls that run on one database, and the hooks of those that have ended.
///
/// `calls` is closed when the shutdown begins. From then on only a call that belongs to a call or a
/// hook that runs already may begin: that one could not finish without it. After the cutoff none may.
#[derive(Debug, Default)]
pub(crate) struct Running {
    calls: TaskTracker,
    hooks: TaskTracker,
    /// The operations whose hooks are due or run, one entry for each end of a transaction.
    hooks_of: Mutex<Vec<&'static str>>,
    cutoff: Arc<Cutoff>,
    /// Wakes what has to stop by itself when the shutdown begins.
    begun: CancellationToken,
    /// Until when calls may run. Set when the shutdown begins.
    until: Mutex<Option<Instant>>,
    /// What has ended since the shutdown began.
    ended: Mutex<Shutdown>,
    /// The result of the shutdown. The lock is held by whoever carries the shutdown out.
    result: tokio::sync::Mutex<Option<Shutdown>>,
}

impl Running {
    /// Counts a call as running, unless the handle is shut down.
    pub(crate) fn begin(self: &Arc<Self>, operation: &'static str) -> Result<RunningCall> {
        self.may_begin()?;
        let counted = self.calls.token();
        // Again, because a shutdown that did not see the call yet may have begun meanwhile.
        self.may_begin()?;
        Ok(RunningCall {
            running: Arc::clone(self),
            operation,
            cut_off: None,
            counted,
        })
    }

    /// Counts the hooks of a transaction that has ended, until the returned value is dropped.
    pub(crate) fn hooks(self: &Arc<Self>, operation: &'static str) -> RunningHooks {
        lock(&self.hooks_of).push(operation);
        RunningHooks {
            running: Arc::clone(self),
            operation,
            _counted: self.hooks.token(),
        }
    }

    /// The moment from which no call waits any longer.
    pub(crate) fn cutoff(&self) -> &Arc<Cutoff> {
        &self.cutoff
    }

    /// Is cancelled when the shutdown begins.
    pub(crate) fn shutdown(&self) -> &CancellationToken {
        &self.begun
    }

    fn may_begin(&self) -> Result<()> {
        if !self.calls.is_closed() || (self.is_around() && self.cutoff.at().is_none()) {
            return Ok(());
        }
        Err(Error::new(
            SHUT_DOWN,
            "the handle has been closed or is shutting down, and begins no more calls; close a handle \
             or shut it down only when no call can follow",
        ))
    }

    /// Whether the code that runs now belongs to a call or a hook that is counted here.
    fn is_around(&self) -> bool {
        AROUND.get() == self.identity().0
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity(std::ptr::from_ref(self).addr())
    }

    /// Lets no call begin any more, waits for `time` until those that run have ended and their hooks
    /// have run, cuts off what is left then, and closes the pools with `close`. Of several callers,
    /// the first carries this out, and the others wait for the result.
    pub(crate) async fn shut_down<F: Future<Output = ()>>(
        &self,
        time: Duration,
        close: impl FnOnce() -> F,
    ) -> Shutdown {
        let until = *lock(&self.until).get_or_insert_with(|| Instant::now() + time.min(FOREVER));
        self.calls.close();
        self.hooks.close();
        self.begun.cancel();
        let mut result = self.result.lock().await;
        if let Some(result) = &*result {
            return result.clone();
        }
        let _ = timeout_at(until, self.all_have_ended()).await;
        // If all have ended, this keeps the hooks and bodies of other handles out as well.
        let last = self.cutoff.now() + GRACE + LAST_STEPS;
        let _ = timeout_at(last, self.calls.wait()).await;
        let mut ended = lock(&self.ended).clone();
        ended.unfinished_hooks = lock(&self.hooks_of).clone();
        ended.unfinished = self.calls.len();
        let closed = timeout_at(last, close()).await;
        ended.closed = closed.is_ok();
        ended.report();
        result.insert(ended).clone()
    }

    /// Waits until no call runs and no hook. A hook may make calls, which may have hooks.
    async fn all_have_ended(&self) {
        while !(self.calls.is_empty() && self.hooks.is_empty()) {
            self.calls.wait().await;
            self.hooks.wait().await;
        }
    }
}

/// One call that runs, until this is dropped.
#[derive(Debug)]
pub(crate) struct RunningCall {
    running: Arc<Running>,
    operation: &'static str,
    /// What became of the call, if the cutoff has ended it.
    cut_off: Option<Outcome>,
    counted: TaskTrackerToken,
}

impl RunningCall {
    pub(crate) fn running(&self) -> &Arc<Running> {
        &self.running
    }

    /// Whether no call waits any longer.
    #[inline]
    pub(crate) fn is_past_cutoff(&self) -> bool {
        self.running.cutoff.at().is_some()
    }

    /// Notes that the cutoff has ended the call, with this outcome.
    pub(crate) fn was_cut_off(&mut self, outcome: Outcome) {
        self.cut_off = Some(outcome);
    }

    /// Counts the thread on which the body of the call runs, which may run for longer than the call.
    #[cfg(feature = "blocking")]
    pub(crate) fn thread(&self) -> RunningThread {
        RunningThread {
            identity: self.running.identity(),
            _counted: self.counted.clone(),
        }
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        if self.counted.task_tracker().is_closed() {
            let mut ended = lock(&self.running.ended);
            match self.cut_off {
                None | Some(Outcome::Committed) => ended.finished += 1,
                Some(Outcome::RolledBack) => ended.rolled_back.push(self.operation),
                Some(Outcome::Unknown) => ended.unknown.push(self.operation),
            }
        }
    }
}

/// A thread that runs the body of a plain function, until this is dropped.
#[cfg(feature = "blocking")]
#[derive(Debug)]
pub(crate) struct RunningThread {
    pub(crate) identity: Identity,
    _counted: TaskTrackerToken,
}

/// The hooks of one transaction that are due or run, until this is dropped.
#[derive(Debug)]
pub(crate) struct RunningHooks {
    running: Arc<Running>,
    operation: &'static str,
    _counted: TaskTrackerToken,
}

impl RunningHooks {
    pub(crate) fn identity(&self) -> Identity {
        self.running.identity()
    }
}

impl Drop for RunningHooks {
    fn drop(&mut self) {
        let mut all = lock(&self.running.hooks_of);
        if let Some(index) = all.iter().position(|each| *each == self.operation) {
            all.swap_remove(index);
        }
    }
}

/// Makes the error of a call that the cutoff has ended while it waited.
pub(crate) fn cut_off() -> Error {
    Error::new(
        SHUT_DOWN,
        "the handle was shut down, and the call had not ended by the deadline of that; give \
         `shutdown` more time, or see why the call takes so long",
    )
}

thread_local! {
    /// The innermost of the databases one of whose calls or hooks this thread runs at the moment.
    static AROUND: Cell<usize> = const { Cell::new(0) };
}

/// Which database something belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity(usize);

impl Identity {
    /// Code that belongs to a call or a hook of this database runs until the returned value is
    /// dropped.
    #[inline]
    pub(crate) fn enter(self) -> Entered {
        Entered(AROUND.replace(self.0))
    }

    /// Makes each poll of a future run as code of this database.
    pub(crate) fn around<F>(self, future: F) -> Around<F> {
        Around {
            future,
            identity: self,
        }
    }
}

/// See [`Identity::enter`].
#[derive(Debug)]
pub(crate) struct Entered(usize);

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        AROUND.set(self.0);
    }
}

pin_project! {
    /// See [`Identity::around`].
    pub(crate) struct Around<F> {
        #[pin]
        future: F,
        identity: Identity,
    }
}

impl<F: Future> Future for Around<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.identity.enter();
        this.future.poll(cx)
    }
}
