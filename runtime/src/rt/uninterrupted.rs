//! [`Uninterrupted`]: work that whoever awaits it cannot stop by going away.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::future::BoxFuture;

use super::background::here_or_background;

/// Runs in place while it is awaited, and is handed to a task when it is dropped before its end:
/// the usual case pays no spawn. Its output is dropped there.
pub(crate) struct Uninterrupted<T: Send + 'static> {
    running: Option<BoxFuture<'static, T>>,
}

impl<T: Send + 'static> Uninterrupted<T> {
    pub(crate) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self {
            running: Some(Box::pin(work)),
        }
    }
}

impl<T: Send + 'static> Future for Uninterrupted<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // Outside while it is polled: work that panics has nothing left to go on with.
        let mut running = self.running.take().expect("not polled after its end");
        let done = running.as_mut().poll(cx);
        if done.is_pending() {
            self.running = Some(running);
        }
        done
    }
}

impl<T: Send + 'static> Drop for Uninterrupted<T> {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            drop(here_or_background().spawn(running));
        }
    }
}
