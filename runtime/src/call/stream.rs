//! [`OperationStream`]: the stream that a function under `#[db_op(read_only)]` returns.
//!
//! ```text
//! static OP: Op = Op::operation("accounts", file!(), line!()).read_only().stream();
//! stream(move |mut items| async move {
//!     let mut call = Call::<_, Sqlite, LastItem<R>>::stream(&OP, scope);
//!     while let Some(mut attempt) = call.begin().await {
//!         let (body, mut session) = attempt.stream();
//!         let result = body.run(&mut items, || { /* the function's body */ }).await;
//!         attempt.end(result).await;
//!     }
//!     call.finish()
//! })
//! ```
//!
//! The stream owns a future, which is the loop of an async call, and a slot for one item. Whoever
//! polls the stream polls the future. The future puts an item into the slot, and then waits until
//! the stream is polled for the next one, so at most one item is ever waiting. The future owns the
//! session, and the stream of the body borrows the session from it.
//!
//! The call ends with the stream of the body, or with the first error: an error is the last item.
//!
//! What each await leaves if the stream is dropped there:
//!
//! | dropped | the session | counted as |
//! |---|---|---|
//! | before the first poll | none was asked for | not counted, as a future that was never polled |
//! | in `begin` | as in an async call | rolled back |
//! | in `run`, before the first item | given back; a statement that runs is stopped, or its connection closed | unknown, as an async call |
//! | in `run`, after an item, asked for the next one or not | given back in the same way | committed: the consumer has what it wanted |
//! | in `end`, after the body's stream has ended | given back | committed |
//! | in `end`, after an error | given back | unknown before the first item, committed after it |
//! | after the last item | given back before | as the last item says |
//!
//! A session that was lent by the caller is the caller's again. Nothing was written, so a dropped
//! stream does not abort the transaction that it has joined.
//!
//! What ends the body, and what follows:
//!
//! | the body | before the first item | after it |
//! |---|---|---|
//! | fails | another attempt, as [`retry`](super::retry) decides, or the error is the only item | the error is the last item |
//! | is late | the error of the deadline is the only item | the error of the deadline is the last item |
//! | panics | the panic goes to whoever polls; the session is given back; the stream has ended | the same |
//! | ends | the stream ends without an item | the stream ends |

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::error::{Ended, Error};
use crate::op::{Failure, OpResult};

/// Says in a signature that `impl Stream` may borrow for `'a`.
pub trait Captures<'a> {}

impl<T: ?Sized> Captures<'_> for T {}

/// What a call of a stream returns: the error that is its last item, or `None` after a stream
/// without an error.
#[derive(Debug)]
pub struct LastItem<R>(pub(super) Option<R>);

impl<R: OpResult> OpResult for LastItem<R> {
    fn refused(error: Error) -> Self {
        Self(Some(R::refused(error)))
    }

    fn failure(&self) -> Option<Failure<'_>> {
        self.0.as_ref()?.failure()
    }

    fn finish(&mut self, ended: Ended) {
        if let Some(item) = &mut self.0 {
            item.finish(ended);
        }
    }
}

/// The place of one item on its way from the future to the stream that owns the future.
///
/// The two are always polled by one thread, one inside the other, so nobody waits for the lock. The
/// lock is what lets safe code share the place, and lets both move to another thread.
#[derive(Debug)]
pub struct Items<R>(Arc<Mutex<Option<R>>>);

impl<R> Items<R> {
    pub(super) fn put(&self, item: R) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(item);
    }

    fn take(&self) -> Option<R> {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        place.take()
    }
}

/// Returns the stream of a call. `call` makes the call's future, which puts its items where it is
/// told, and returns the last one.
pub fn stream<R, F>(call: impl FnOnce(Items<R>) -> F) -> OperationStream<F, R>
where
    F: Future<Output = LastItem<R>>,
{
    let items = Items(Arc::default());
    OperationStream {
        call: Some(Box::pin(call(Items(Arc::clone(&items.0))))),
        items,
    }
}

/// The stream of a call. The future is in a box, so that the stream is `Unpin` as the streams of
/// sqlx are.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct OperationStream<F, R> {
    /// `None` once the call is over.
    call: Option<Pin<Box<F>>>,
    items: Items<R>,
}

impl<F: Future<Output = LastItem<R>>, R> Stream for OperationStream<F, R> {
    type Item = R;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<R>> {
        // Taken out, so that a call whose body panics is dropped and the stream is at its end.
        let Some(mut call) = self.call.take() else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(last) = call.as_mut().poll(cx) {
            return Poll::Ready(last.0);
        }
        self.call = Some(call);
        match self.items.take() {
            Some(item) => Poll::Ready(Some(item)),
            None => Poll::Pending,
        }
    }
}
