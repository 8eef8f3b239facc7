//! The page about the jobs of a database.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::page::{file, page_of};
use super::served::{Served, json};

/// Returns the routes of the page. As for the page about the database, its files need no token.
pub(super) fn router() -> Router<Arc<Served>> {
    Router::new()
        .route("/monitoring/jobs", get(async || file("text/html", HTML)))
        .route(
            "/monitoring/jobs.js",
            get(async || file("text/javascript", include_str!("page/jobs.js"))),
        )
        .route("/monitoring/jobs/events", get(events))
        .route("/monitoring/jobs.json", get(answer))
}

const HTML: &str = page_of!(
    "Jobs",
    "  <nav><a href=\"../monitoring\">Database</a></nav>\n",
    "",
    "jobs.js",
    "page/jobs.html"
);

async fn events(State(served): State<Arc<Served>>, headers: HeaderMap) -> Response {
    if let Err(refused) = served.allows(&headers) {
        return *refused;
    }
    match &served.jobs {
        Some(foreman) => foreman.events(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn answer(State(served): State<Arc<Served>>, headers: HeaderMap) -> Response {
    if let Err(refused) = served.allows(&headers) {
        return *refused;
    }
    match &served.jobs {
        Some(foreman) => json(StatusCode::OK, &foreman.look().await),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::page::assert_harmless;
    use super::*;

    #[test]
    fn the_page_is_as_harmless_as_the_one_about_the_database() {
        assert_harmless(HTML, include_str!("page/jobs.js"));
    }
}
