//! [`Timer`]: one timer for everything that a call waits for, one thing after the other.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is moved from one deadline to the next, which costs next to nothing as long as each
/// deadline is later than the one before.
///
/// It is `None` until something is first waited for, because work that is ready at once needs no
/// timer.
#[derive(Debug, Default)]
pub(crate) struct Timer(Option<Pin<Box<Sleep>>>);

/// The error of work that was not done before its deadline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late;

impl Timer {
    /// Waits for the output of `work`, or until `deadline`.
    pub(crate) fn until<F: Future>(&mut self, deadline: Instant, work: F) -> Until<'_, F> {
        Until {
            work,
            timer: self,
            deadline,
        }
    }

    /// Whether the deadline has passed. If not, the task will be woken when it passes.
    pub(crate) fn poll_late(&mut self, deadline: Instant, cx: &mut Context<'_>) -> bool {
        let sleep = match &mut self.0 {
            Some(sleep) => {
                if sleep.deadline() != deadline {
                    sleep.as_mut().reset(deadline);
                }
                sleep
            }
            none => none.insert(Box::pin(sleep_until(deadline))),
        };
        // Unconstrained, because otherwise work that has used up the task's budget could keep the
        // timer from being polled.
        let looked = unconstrained(sleep);
        std::pin::pin!(looked).poll(cx).is_ready()
    }
}

pin_project! {
    /// The future of [`Timer::until`].
    pub(crate) struct Until<'t, F> {
        #[pin]
        work: F,
        timer: &'t mut Timer,
        deadline: Instant,
    }
}

impl<F: Future> Future for Until<'_, F> {
    type Output = Result<F::Output, Late>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.work.poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if this.timer.poll_late(*this.deadline, cx) => Poll::Ready(Err(Late)),
            Poll::Pending => Poll::Pending,
        }
    }
}
