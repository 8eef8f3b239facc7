//! The page about a database: three files, and the events that its script reads.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream::unfold;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::problem::Problem;
use super::routes::Served;

/// How long a page reads from one answer, after which it asks again. A server that shuts down waits
/// for its last answer.
const ONE_ANSWER: Duration = Duration::from_secs(10);

/// Nothing from elsewhere is loaded, and nothing but the page's own script runs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Returns the routes of the page. The files show nothing of the database, so they need no token: a
/// browser sends none for them. The script asks for the token, and sends it for the events.
pub(super) fn router() -> Router<Arc<Served>> {
    Router::new()
        .route("/monitoring", get(async || file("text/html", HTML)))
        .route(
            "/monitoring/page.css",
            get(async || file("text/css", include_str!("page/page.css"))),
        )
        .route(
            "/monitoring/page.js",
            get(async || file("text/javascript", include_str!("page/page.js"))),
        )
        .route("/monitoring/events", get(events))
}

const HTML: &str = include_str!("page/page.html");

fn file(kind: &str, text: &'static str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::try_from(format!("{kind}; charset=utf-8"));
    headers.insert(
        header::CONTENT_TYPE,
        kind.unwrap_or(HeaderValue::from_static("text/plain")),
    );
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn events(State(served): State<Arc<Served>>, headers: HeaderMap) -> Response {
    if let Err(refused) = served.allows(&headers) {
        return *refused;
    }
    let Some(watcher) = &served.watcher else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Some(told) = watcher.subscribe() else {
        let problem = Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_pages",
            "Too many of these pages are open.",
        );
        return problem.with_retry_after(ONE_ANSWER).into_response();
    };
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

type Told = watch::Receiver<Bytes>;

/// Waits for the next event. `None` ends the answer.
async fn next(mut told: Told, until: Instant) -> Option<(Result<Bytes, Infallible>, Told)> {
    timeout_at(until, told.changed()).await.ok()?.ok()?;
    let event = told.borrow_and_update().clone();
    Some((Ok(event), told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_sets_no_text_as_markup_and_loads_nothing_from_elsewhere() {
        let script = include_str!("page/page.js");
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ] {
            assert!(!script.contains(word), "{word}");
        }
        for text in [HTML, include_str!("page/page.css"), script] {
            let elsewhere = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!elsewhere.contains("://"), "{text}");
        }
        for inline in ["<style", " style=", " onclick=", "<script>"] {
            assert!(!HTML.contains(inline), "the policy forbids {inline}");
        }
    }
}
