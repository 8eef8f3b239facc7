//! The routes. A handler reads the request, calls an operation, and answers with its result; `?` makes
//! problem details of every error.
//!
//! Every request may be repeated until there is an answer, so none is lost or doubled when the network or
//! the database fails in between. A `GET` reads, a `PUT`, `PATCH` or `DELETE` is idempotent, and a `POST`
//! has a key in the header `Idempotency-Key`.

mod access;
mod admin;
mod answers;
mod conversations;
mod extract;
mod questions;
mod serve;
mod sessions;
mod users;

use axum::Router;
use axum::extract::FromRef;
use axum::http::StatusCode;
use dbop::AnyDb;
use dbop::http::{Problem, Routes};
use dbop::prometheus::Prometheus;

use crate::reviewer::Wake;

pub use access::Token;
pub use serve::serve;

/// What the routes need.
#[derive(Debug)]
pub struct Service {
    pub db: AnyDb,
    pub reviewer: Wake,
    /// For the routes of administrators, and for those about the database.
    pub token: Token,
    /// What is served at `/metrics`.
    pub prometheus: Option<Prometheus>,
}

/// The state of the handlers, each of which takes the part that it needs.
#[derive(Clone, Debug)]
struct App {
    db: AnyDb,
    reviewer: Wake,
}

impl FromRef<App> for AnyDb {
    fn from_ref(app: &App) -> Self {
        app.db.clone()
    }
}

impl FromRef<App> for Wake {
    fn from_ref(app: &App) -> Self {
        app.reviewer.clone()
    }
}

impl Service {
    pub fn into_router(self) -> Router {
        let mut about_the_database = Routes::new(self.db.clone()).token(self.token.expose());
        if let Some(prometheus) = self.prometheus {
            about_the_database = about_the_database.metrics(prometheus);
        }
        let app = App {
            db: self.db,
            reviewer: self.reviewer,
        };
        Router::new()
            .merge(users::routes())
            .merge(questions::routes())
            .merge(sessions::routes())
            .merge(conversations::routes())
            .merge(admin::routes(self.token))
            .fallback(no_such_route)
            .method_not_allowed_fallback(no_such_method)
            .with_state(app)
            .merge(about_the_database.into_router())
    }
}

async fn no_such_route() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no_such_route",
        "There is no such route.",
    )
}

async fn no_such_method() -> Problem {
    let detail = "This route does not have this method.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "no_such_method", detail)
}
