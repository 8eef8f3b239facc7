//! [`StreamBody`]: what runs a body that returns a stream, within its deadline and span.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::call_loop::CallLoop;
use super::run::{Polls, Ran};
use super::stream::{Items, LastItem};
use crate::rt::{Late, Millis};

/// What runs the body of one attempt.
#[derive(Debug)]
pub struct StreamBody<'a, R> {
    call: &'a mut CallLoop<LastItem<R>>,
}

impl<'a, R> StreamBody<'a, R> {
    pub(super) fn new(call: &'a mut CallLoop<LastItem<R>>) -> Self {
        Self { call }
    }

    /// Runs the body, and hands its items out one by one until the first error. When the deadline
    /// passes, the body's stream is dropped where it stands.
    ///
    /// Where the deadline is one for each item, the time counts from the moment at which the
    /// consumer asks for an item that is not there yet. The time that the consumer takes before it
    /// asks does not count.
    pub fn run<S: Stream<Item = R>>(
        self,
        items: &'a Items<R>,
        body: impl FnOnce() -> S,
    ) -> RunStream<'a, S, R> {
        let mut polls = self.call.state.polls();
        RunStream {
            stream: Some(polls.watch(body)),
            time_for_each: self.call.state.time_for_each_item(),
            asked: true,
            call: self.call,
            items,
            polls,
        }
    }
}

pin_project! {
    /// See [`StreamBody::run`].
    #[derive(Debug)]
    pub struct RunStream<'a, S, R> {
        // `None` only while the future is dropped.
        #[pin]
        stream: Option<S>,
        call: &'a mut CallLoop<LastItem<R>>,
        items: &'a Items<R>,
        polls: Polls,
        // `None` if the deadline covers the whole stream, or if there is none.
        time_for_each: Option<Duration>,
        // Whether the wait for the next item has begun. The first begins with the call.
        asked: bool,
    }

    impl<S, R> PinnedDrop for RunStream<'_, S, R> {
        fn drop(this: Pin<&mut Self>) {
            // What the body holds is dropped inside the span as well.
            let mut this = this.project();
            let _entered = this.polls.enter();
            this.stream.set(None);
        }
    }
}

impl<S: Stream<Item = R>, R> Future for RunStream<'_, S, R> {
    type Output = Ran<LastItem<R>>;

    /// Is pending with an item in its place, or without one until the task is woken.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (state, of) = (&mut this.call.state, &this.call.of);
        let Some(stream) = this.stream.as_pin_mut() else {
            return Poll::Pending;
        };
        let in_time =
            std::mem::replace(this.asked, true) || state.asks_for_item(*this.time_for_each);
        let result = match this.polls.watch(|| in_time.then(|| stream.poll_next(cx))) {
            None => Err(Late),
            Some(Poll::Ready(item)) => {
                let item = LastItem(item);
                let failed = (of.failure)(&item).is_some();
                match item {
                    LastItem(Some(item)) if !failed => {
                        state.hands_out_item();
                        this.items.put(item);
                        *this.asked = false;
                        return Poll::Pending;
                    }
                    last => Ok(last),
                }
            }
            Some(Poll::Pending) => match state.body_ends() {
                Some(deadline) if state.timer.poll_late(deadline, Millis::ZERO, cx) => Err(Late),
                _ => return Poll::Pending,
            },
        };
        Poll::Ready(Ran {
            result,
            timer: std::mem::take(&mut state.timer),
            was_retried: this.polls.was_retried,
        })
    }
}
