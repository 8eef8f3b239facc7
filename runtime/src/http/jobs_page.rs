//! The page about the jobs of a database, and what it is told while it is open.

use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::future::{Either, select};
use serde::Serialize;
use tokio::time::{sleep, timeout};

use super::page::{file, page_of};
use super::pages::Pages;
use super::routes::{Served, json};
use crate::db::{AnyDb, with_db};
use crate::error::Error;
use crate::jobs::{Overview, overview};
use crate::rt::background;

/// How often the jobs are looked at while a page is open.
const EVERY: Duration = Duration::from_secs(2);

/// How long the database may take to answer.
const WITHIN: Duration = Duration::from_secs(5);

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
        Some(foreman) => foreman.0.pages.answer(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn answer(State(served): State<Arc<Served>>, headers: HeaderMap) -> Response {
    if let Err(refused) = served.allows(&headers) {
        return *refused;
    }
    match &served.jobs {
        Some(foreman) => json(StatusCode::OK, &look(&foreman.0.db).await),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Looks at the jobs while a page is open. The task ends soon after this is dropped.
#[derive(Debug)]
pub(super) struct Foreman(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    db: AnyDb,
    pages: Pages,
}

impl Foreman {
    pub(super) fn start(db: &AnyDb) -> Self {
        let shared = Arc::new(Shared {
            db: db.clone(),
            pages: Pages::new(),
        });
        // The runtime that makes the routes need not be one that serves them.
        background().spawn(watch_over(Arc::downgrade(&shared)));
        Self(shared)
    }
}

/// Looks at the jobs until nobody can ask any more.
async fn watch_over(watched: Weak<Shared>) {
    while let Some(shared) = watched.upgrade() {
        let (due, opened) = (pin!(sleep(EVERY)), pin!(shared.pages.opened()));
        if let Either::Left(_) = select(due, opened).await
            && !shared.pages.are_open()
        {
            continue;
        }
        shared.pages.tell(&look(&shared.db).await);
    }
}

/// What is told of the jobs.
#[derive(Debug, Serialize)]
struct Seen {
    system: &'static str,
    /// Why there is nothing to see.
    note: Option<String>,
    #[serde(flatten)]
    jobs: Overview,
}

async fn look(db: &AnyDb) -> Seen {
    let looked = timeout(WITHIN, async { with_db!(db, db => overview(db).await) });
    let looked = looked
        .await
        .unwrap_or_else(|_| Err(Error::deadline("the jobs")));
    let (note, jobs) = match looked {
        Ok(Some(jobs)) => (None, jobs),
        Ok(None) => {
            let why = "There are no tables of jobs. `dbop::jobs::migrate(&db)` makes them.";
            (Some(why.to_owned()), Overview::default())
        }
        // The message of the database is not for everybody.
        Err(error) => {
            let why = format!("The database was not asked: {}.", error.kind());
            (Some(why), Overview::default())
        }
    };
    Seen {
        system: db.system(),
        note,
        jobs,
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
