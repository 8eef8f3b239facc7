//! [`Body`]: what runs a user's body, within its deadline and span.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;
use tokio::time::{Timeout, timeout_at};
use tracing::instrument::Instrumented;
use tracing::{Instrument, Span};

use crate::op::Op;

/// Apart from the attempt, because the body borrows that.
#[derive(Debug)]
pub struct Body {
    pub(super) op: &'static Op,
    pub(super) deadline: tokio::time::Instant,
    /// A poll that takes longer is reported.
    pub(super) longest_poll: Duration,
    pub(super) span: Span,
}

/// The deadline passed before the body was done.
#[derive(Clone, Copy, Debug)]
pub struct Late;

impl Body {
    /// The body's result; it is dropped where it stands when the deadline passes.
    pub fn run<F: Future>(self, body: F) -> Run<F> {
        Run {
            body: timeout_at(self.deadline, body.instrument(self.span)),
            op: self.op,
            longest_poll: self.longest_poll,
            reported: false,
        }
    }
}

pin_project! {
    /// See [`Body::run`]. A type of its own, because an `async fn` would hold the body twice: as its
    /// argument, and as what it awaits.
    #[derive(Debug)]
    pub struct Run<F> {
        #[pin]
        body: Timeout<Instrumented<F>>,
        op: &'static Op,
        longest_poll: Duration,
        reported: bool,
    }
}

thread_local! {
    /// A body inside the one that is polled has reported this poll.
    static REPORTED: Cell<bool> = const { Cell::new(false) };
}

impl<F: Future> Future for Run<F> {
    type Output = Result<F::Output, Late>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let before = REPORTED.replace(false);
        let began = Instant::now();
        let polled = this.body.poll(cx);
        let took = began.elapsed();
        if took > *this.longest_poll && !*this.reported {
            *this.reported = true;
            if !REPORTED.replace(true) {
                report(this.op, took);
            }
        }
        REPORTED.set(before || REPORTED.get());
        polled.map_err(|_| Late)
    }
}

#[cold]
fn report(op: &'static Op, took: Duration) {
    tracing::warn!(
        db.operation.name = op.name,
        code.file.path = op.file,
        code.line.number = op.line,
        dbop.poll_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "an operation has blocked its executor thread, on which nothing else could run meanwhile; \
         await what it waits for, or move it to `spawn_blocking`"
    );
}
