//! [`Pages`]: the pages that are open, and the last event that they were told.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde::Serialize;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

use super::problem::Problem;

/// How long a page reads from one answer, after which it asks again. A server that shuts down waits
/// for its last answer.
const ONE_ANSWER: Duration = Duration::from_secs(10);

/// The most pages of a sort, each of which has a connection open.
const MOST_PAGES: usize = 64;

/// The pages of one sort that are open.
#[derive(Debug)]
pub(super) struct Pages {
    /// The last event. A page that reads slowly misses events, and finds the last one: whatever the
    /// pages do, only one event is kept for all of them.
    told: watch::Sender<Bytes>,
    /// A page has been opened, which is not to wait for the next look.
    opened: Notify,
}

impl Pages {
    pub(super) fn new() -> Self {
        Self {
            told: watch::Sender::new(Bytes::new()),
            opened: Notify::new(),
        }
    }

    /// Whether somebody reads events.
    pub(super) fn are_open(&self) -> bool {
        self.told.receiver_count() > 0
    }

    /// Waits until a page is opened.
    pub(super) async fn opened(&self) {
        self.opened.notified().await;
    }

    /// Tells all pages what was seen.
    pub(super) fn tell(&self, seen: &impl Serialize) {
        if let Some(event) = event(seen) {
            self.told.send_replace(event);
        }
    }

    /// Returns the answer to a page that asks for events.
    pub(super) fn answer(&self) -> Response {
        if self.told.receiver_count() >= MOST_PAGES {
            let problem = Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too_many_pages",
                "Too many of these pages are open.",
            );
            return problem.with_retry_after(ONE_ANSWER).into_response();
        }
        let told = self.told.subscribe();
        self.opened.notify_one();
        let headers = [
            (header::CONTENT_TYPE, "text/event-stream"),
            (header::CACHE_CONTROL, "no-store"),
            // Proxies would else collect events before they pass them on.
            (header::HeaderName::from_static("x-accel-buffering"), "no"),
        ];
        let until = Instant::now() + ONE_ANSWER;
        let stream = unfold(told, move |told| next(told, until));
        (headers, Body::from_stream(stream)).into_response()
    }
}

type Told = watch::Receiver<Bytes>;

/// Waits for the next event. `None` ends the answer.
async fn next(mut told: Told, until: Instant) -> Option<(Result<Bytes, Infallible>, Told)> {
    timeout_at(until, told.changed()).await.ok()?.ok()?;
    let event = told.borrow_and_update().clone();
    Some((Ok(event), told))
}

/// Returns what was seen as an event of a page.
fn event(seen: &impl Serialize) -> Option<Bytes> {
    // JSON has no line breaks of its own, which would end the event.
    let mut event = b"data: ".to_vec();
    serde_json::to_writer(&mut event, seen).ok()?;
    event.extend_from_slice(b"\n\n");
    Some(event.into())
}
