//! [`Body`]: what runs a user's body, within its deadline and span.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;
use tracing::Span;
use tracing::span::Entered;

use crate::op::Op;
use crate::policy::Identity;
use crate::rt::{Late, Millis, Timer};

/// What runs a user's body. It does not belong to the attempt, because the body borrows the
/// attempt.
#[derive(Debug)]
pub struct Body {
    /// `None` if nobody cuts the body off, or the call has joined a call that sees to that.
    pub(super) deadline: Option<tokio::time::Instant>,
    pub(super) timer: Timer,
    pub(super) polls: Polls,
}

/// The result of a body, and the timer, which the end of the attempt uses again.
#[derive(Debug)]
pub struct Ran<R> {
    pub(super) result: Result<R, Late>,
    pub(super) timer: Timer,
    /// Whether the last call inside the body has failed after it was retried.
    pub(super) was_retried: bool,
}

impl Body {
    /// Runs the body. When the deadline passes, the body is dropped where it stands.
    pub fn run<F: Future>(self, body: F) -> Run<F> {
        Run {
            body: Some(body),
            deadline: self.deadline,
            timer: self.timer,
            polls: self.polls,
        }
    }
}

pin_project! {
    /// See [`Body::run`]. A type of its own, because an `async fn` would hold the body twice: as
    /// its argument, and as what it awaits.
    #[derive(Debug)]
    pub struct Run<F> {
        // `None` only while the future is dropped.
        #[pin]
        body: Option<F>,
        deadline: Option<tokio::time::Instant>,
        timer: Timer,
        polls: Polls,
    }

    impl<F> PinnedDrop for Run<F> {
        fn drop(this: Pin<&mut Self>) {
            // What the body holds is dropped inside the span as well.
            let mut this = this.project();
            let _entered = this.polls.enter();
            this.body.set(None);
        }
    }
}

impl<F: Future> Future for Run<F> {
    type Output = Ran<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(body) = this.body.as_pin_mut() else {
            return Poll::Pending;
        };
        let polled = this.polls.watch(|| body.poll(cx));
        let result = match (polled, *this.deadline) {
            (Poll::Ready(output), _) => Ok(output),
            (Poll::Pending, Some(deadline)) if this.timer.poll_late(deadline, Millis::ZERO, cx) => {
                Err(Late)
            }
            (Poll::Pending, _) => return Poll::Pending,
        };
        Poll::Ready(Ran {
            result,
            timer: std::mem::take(this.timer),
            was_retried: this.polls.was_retried,
        })
    }
}

/// What is around each poll of a body: its span, and the report of a poll that takes long.
#[derive(Debug)]
pub(super) struct Polls {
    pub(super) op: &'static Op,
    /// A poll that takes longer is reported.
    pub(super) longest: Millis,
    pub(super) span: Option<Box<Span>>,
    pub(super) reported: bool,
    /// Whether the last call inside the body has failed after it was retried.
    pub(super) was_retried: bool,
    /// The database on which the call is an outermost one; `None` if there is none.
    pub(super) of: Option<Identity>,
}

/// What the calls inside a body leave for the body's own call, during one poll.
#[derive(Clone, Copy)]
struct Inside {
    /// Whether an inner body has reported the poll that is under way.
    reported: bool,
    /// Whether the call that ended last has failed after it was retried. `None` if none has ended.
    was_retried: Option<bool>,
}

impl Inside {
    const NOTHING: Self = Self {
        reported: false,
        was_retried: None,
    };
}

thread_local! {
    static INSIDE: Cell<Inside> = const { Cell::new(Inside::NOTHING) };
}

/// Tells the call around one that has ended whether that one has failed after it was retried.
pub(super) fn tell_outer(was_retried: bool) {
    let inside = INSIDE.get();
    INSIDE.set(Inside {
        was_retried: Some(was_retried),
        ..inside
    });
}

impl Polls {
    /// Enters the span.
    pub(super) fn enter(&self) -> Option<Entered<'_>> {
        self.span.as_deref().map(Span::enter)
    }

    /// Polls a body once.
    #[inline]
    pub(super) fn watch<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        let entered = self.enter();
        let before = INSIDE.replace(Inside::NOTHING);
        let began = Instant::now();
        let inside = self.of.map(Identity::enter);
        let polled = poll();
        drop(inside);
        let took = began.elapsed();
        drop(entered);
        if took > self.longest.get() && !self.reported {
            self.reported = true;
            let inside = INSIDE.get();
            if !inside.reported {
                report(self.op, took);
            }
            INSIDE.set(Inside {
                reported: true,
                ..inside
            });
        }
        let inside = INSIDE.get();
        if let Some(was_retried) = inside.was_retried {
            self.was_retried = was_retried;
        }
        INSIDE.set(Inside {
            reported: before.reported || inside.reported,
            was_retried: inside.was_retried.or(before.was_retried),
        });
        polled
    }
}

#[cold]
fn report(op: &'static Op, took: Duration) {
    tracing::warn!(
        db.operation.name = op.name_in_database(),
        dbop.guarded.name = op.name_of_guarded(),
        code.file.path = op.file,
        code.line.number = op.line,
        dbop.poll_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "an operation has blocked its executor thread, on which nothing else could run meanwhile; \
         await what it waits for, or move it to `spawn_blocking`"
    );
}
