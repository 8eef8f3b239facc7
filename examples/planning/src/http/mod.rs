//! The routes. A handler reads the request, calls an operation, and answers with its result; `?` makes
//! problem details of every error.
//!
//! The routes about jobs are generic, because jobs belong to a handle of one database.

mod events;
mod exports;
mod jobs;
mod page;
mod work;

use axum::body::to_bytes;
use axum::extract::FromRef;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use dbop::http::{Problem, Routes};
use dbop::jobs::{JobDatabase, Watcher};
use dbop::{AnyDb, Db};
use tokio_util::sync::CancellationToken;

use crate::services::Clients;

/// What the routes need.
#[derive(Debug)]
pub struct Service<DB: JobDatabase> {
    /// The database, for jobs.
    pub db: Db<DB>,
    /// The same database, for functions that are written for both.
    pub any: AnyDb,
    /// Feeds all answers that go on for as long as a job runs.
    pub watcher: Watcher<DB>,
    pub clients: Clients,
    /// Ends those answers when the service ends.
    pub ending: CancellationToken,
}

// Derived, it would be there only for a `DB` with `Clone`.
impl<DB: JobDatabase> Clone for Service<DB> {
    fn clone(&self) -> Self {
        Self {
            db: self.db.clone(),
            any: self.any.clone(),
            watcher: self.watcher.clone(),
            clients: self.clients.clone(),
            ending: self.ending.clone(),
        }
    }
}

impl<DB: JobDatabase> FromRef<Service<DB>> for Db<DB> {
    fn from_ref(service: &Service<DB>) -> Self {
        service.db.clone()
    }
}

impl<DB: JobDatabase> FromRef<Service<DB>> for AnyDb {
    fn from_ref(service: &Service<DB>) -> Self {
        service.any.clone()
    }
}

impl<DB: JobDatabase> Service<DB> {
    /// Returns the routes. Those about the database ask for the token, if there is one.
    pub fn into_router(self, token: Option<&str>) -> Router {
        let about_the_database = Routes::new(self.any.clone());
        let about_the_database = match token {
            Some(token) => about_the_database.token(token),
            None => about_the_database,
        };
        Router::new()
            .route("/cycles", post(work::begin))
            .route("/planning", post(work::plan_report))
            .route("/planning/now", post(work::plan_now::<DB>))
            .route("/samples", post(work::make_samples))
            .route("/scraping", post(work::scrape_site))
            .route("/analytics", get(exports::analytics))
            .route("/export/{file}", get(exports::file))
            .route("/jobs", get(jobs::list::<DB>))
            .route("/jobs/cancel", post(jobs::cancel::<DB>))
            .route("/jobs/retry", post(jobs::retry::<DB>))
            .route("/jobs/delete", post(jobs::delete::<DB>))
            .route("/jobs/{id}", get(jobs::find::<DB>))
            .route("/jobs/{id}/events", get(events::of_job::<DB>))
            .route("/ws/jobs/{id}", get(events::socket::<DB>))
            .route("/events", get(events::of_all::<DB>))
            .with_state(self)
            .merge(page::routes())
            .fallback(no_such_route)
            .method_not_allowed_fallback(no_such_method)
            .layer(middleware::map_response(with_problem))
            .merge(about_the_database.into_router())
    }
}

/// Makes problem details of the texts with which axum refuses a request that cannot be read.
async fn with_problem(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_text = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !status.is_client_error() || !is_text {
        return response;
    }
    let text = to_bytes(response.into_body(), 4_096).await;
    let text = String::from_utf8_lossy(&text.unwrap_or_default()).into_owned();
    Problem::new(status, "invalid_request", text).into_response()
}

async fn no_such_route() -> Problem {
    let detail = "There is no such route.";
    Problem::new(StatusCode::NOT_FOUND, "no_such_route", detail)
}

async fn no_such_method() -> Problem {
    let detail = "This route does not have this method.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "no_such_method", detail)
}
