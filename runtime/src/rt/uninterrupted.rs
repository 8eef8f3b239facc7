//! [`Uninterrupted`]: work that goes on even if the caller that awaits it goes away.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::future::BoxFuture;

use super::background::here_or_background;

/// Work that runs in place while it is awaited, and is moved to a task if it is dropped before its
/// end. The task drops the output. In this way the usual case needs no task.
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
        // Taken out while it is polled, so that work that panics is not moved to a task.
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
