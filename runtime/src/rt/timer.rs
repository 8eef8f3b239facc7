//! [`Timer`]: one timer for everything that a call waits for, one thing after the other.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

use super::cutoff::{Cutoff, Seat};
use super::time::Millis;

/// A timer that is moved from one deadline to the next, which costs next to nothing as long as each
/// deadline is later than the one before. A [`Cutoff`] ends every wait before its deadline.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    /// `None` until something is first waited for, because work that is ready at once needs no
    /// timer.
    alarms: Option<Pin<Box<Alarms>>>,
    /// `None` if only deadlines end a wait.
    cutoff: Option<Arc<Cutoff>>,
}

pin_project! {
    /// What wakes a task that waits. In one box, so that a wait costs one allocation.
    #[derive(Debug)]
    struct Alarms {
        // Wakes at the end of the wait.
        #[pin]
        sleep: Sleep,
        // Wakes at the cutoff. `None` if there is no cutoff.
        seat: Option<Seat>,
    }
}

/// The error of work that was not done before its deadline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late;

impl Timer {
    /// A timer whose waits also end at this moment.
    pub(crate) fn with_cutoff(cutoff: Arc<Cutoff>) -> Self {
        Self {
            alarms: None,
            cutoff: Some(cutoff),
        }
    }

    /// Lets the waits to come end at this moment as well; see [`with_cutoff`](Self::with_cutoff).
    #[inline]
    pub(crate) fn set_cutoff(&mut self, cutoff: Arc<Cutoff>) {
        self.cutoff = Some(cutoff);
    }

    /// Waits for the output of `work`, or until `deadline`.
    pub(crate) fn until<F: Future>(&mut self, deadline: Instant, work: F) -> Until<'_, F> {
        Until {
            work,
            timer: self,
            deadline,
            grace: Millis::ZERO,
        }
    }

    /// Whether the deadline has passed, or the cutoff by `grace`. If not, the task will be woken when
    /// that happens.
    pub(crate) fn poll_late(
        &mut self,
        deadline: Instant,
        grace: Millis,
        cx: &mut Context<'_>,
    ) -> bool {
        let reached = self.cutoff.as_ref().and_then(|cutoff| cutoff.at());
        let end = match reached {
            Some(at) => deadline.min(at + grace.get()),
            None => deadline,
        };
        let alarms = self.alarms.get_or_insert_with(|| {
            Box::pin(Alarms {
                sleep: sleep_until(end),
                seat: None,
            })
        });
        let mut alarms = alarms.as_mut().project();
        if alarms.sleep.deadline() != end {
            alarms.sleep.as_mut().reset(end);
        }
        if is_ready(alarms.sleep, cx) {
            return true;
        }
        let (Some(cutoff), None) = (&self.cutoff, reached) else {
            return false;
        };
        match alarms.seat {
            Some(seat) => seat.is_woken_by(cx.waker()),
            None => *alarms.seat = Some(Seat::new(cutoff, cx.waker())),
        }
        // The cutoff may have come before the seat was taken.
        cutoff.at().is_some() && self.poll_late(deadline, grace, cx)
    }
}

/// Polls an alarm. Unconstrained, because otherwise work that has used up the task's budget could keep
/// alarms from being polled.
fn is_ready(alarm: Pin<&mut impl Future>, cx: &mut Context<'_>) -> bool {
    let alarm = unconstrained(alarm);
    std::pin::pin!(alarm).poll(cx).is_ready()
}

pin_project! {
    /// The future of [`Timer::until`].
    pub(crate) struct Until<'t, F> {
        #[pin]
        work: F,
        timer: &'t mut Timer,
        deadline: Instant,
        grace: Millis,
    }
}

impl<F> Until<'_, F> {
    /// Lets the wait last for so long after the cutoff of the timer.
    pub(crate) fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = Millis::new(grace);
        self
    }
}

impl<F: Future> Future for Until<'_, F> {
    type Output = Result<F::Output, Late>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.work.poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if this.timer.poll_late(*this.deadline, *this.grace, cx) => {
                Poll::Ready(Err(Late))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::{advance, timeout};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_at_the_cutoff_and_no_wait_begins_after_it() {
        let cutoff = Arc::<Cutoff>::default();
        let begun = Instant::now();
        let mut timer = Timer::with_cutoff(Arc::clone(&cutoff));
        let waiting = tokio::spawn(async move {
            let far = Instant::now() + 60 * SECOND;
            let first = timer.until(far, pending::<()>()).await;
            let second = timer.until(far, pending::<()>()).await;
            (first.is_err(), second.is_err())
        });
        advance(SECOND).await;
        assert!(!waiting.is_finished());
        cutoff.now();
        assert_eq!(waiting.await.unwrap(), (true, true));
        assert!(begun.elapsed() < SECOND + Duration::from_millis(10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_with_grace_lasts_so_long_after_the_cutoff_but_not_past_its_deadline() {
        for (deadline, lasts) in [(60, 3), (2, 2)] {
            let cutoff = Arc::<Cutoff>::default();
            let mut timer = Timer::with_cutoff(Arc::clone(&cutoff));
            let begun = Instant::now();
            let late = timer.until(begun + deadline * SECOND, pending::<()>());
            let late = late.with_grace(2 * SECOND);
            let mut late = std::pin::pin!(late);
            assert!(timeout(SECOND, late.as_mut()).await.is_err());
            cutoff.now();
            assert!(late.await.is_err());
            assert_eq!(begun.elapsed().as_secs(), lasts);
        }
    }
}
