//! [`Served`]: what the handlers of the routes about a database share.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::access::Access;
#[cfg(feature = "jobs")]
use super::foreman::Foreman;
use super::lookout::Lookout;
use crate::db::AnyDb;
use crate::prometheus::Prometheus;

/// What the handlers share.
pub(super) struct Served {
    pub(super) db: AnyDb,
    pub(super) access: Access,
    /// How long a check waits for the database.
    pub(super) within: Duration,
    pub(super) metrics: Option<Prometheus>,
    /// `None` if there are no routes that show what was seen.
    pub(super) lookout: Option<Lookout>,
    /// `None` if there are no such routes.
    #[cfg(feature = "jobs")]
    pub(super) jobs: Option<Foreman>,
}

impl Served {
    /// Lets a request for the routes below `/monitoring` through, or returns its answer.
    pub(super) fn allows(&self, headers: &HeaderMap) -> Result<(), Box<Response>> {
        self.access.check(headers)
    }
}

/// Returns an answer that no cache keeps.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let Ok(body) = serde_json::to_vec(body) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body).into_response()
}
