//! [`Routes`]: the routes about a database, which the application mounts.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;

use super::access::Access;
#[cfg(feature = "jobs")]
use super::foreman::Foreman;
#[cfg(feature = "jobs")]
use super::jobs_page;
use super::lookout::Lookout;
use super::page;
use super::served::{Served, json};
use crate::db::AnyDb;
use crate::health::{HealthStatus, Readiness};
use crate::prometheus::Prometheus;
use crate::secret::Secret;

/// The routes about a database, which the application mounts where it likes.
///
/// ```
/// use axum::Router;
/// use dbop::AnyDb;
/// use dbop::http::Routes;
///
/// async fn router(db: &AnyDb) -> Router {
///     let token = std::env::var("MONITORING_TOKEN").unwrap_or_default();
///     let about_the_database = Routes::new(db.clone()).token(token).into_router();
///     Router::new().merge(about_the_database) // or `.nest("/internal", ..)`
/// }
/// ```
///
/// | route | answer | status |
/// |---|---|---|
/// | `GET /health` | [`Health`](crate::health::Health) | 503 if unhealthy, otherwise 200 |
/// | `GET /health/live` | that this program answers; the database is not asked | 200 |
/// | `GET /ready` | [`Readiness`] | 503 if unhealthy, otherwise 200 |
/// | `GET /monitoring` | a page that shows connections, operations, errors, and what a PostgreSQL server knows about itself, and follows them; it asks for the token | 200 |
/// | `GET /monitoring/database` | health and performance | 200, or 401 without the token |
/// | `GET /monitoring/jobs` | with the feature `jobs`, a page that shows the queues, the jobs that run or wait, and the latest failures, and follows them; it asks for the token | 200 |
/// | `GET /monitoring/jobs.json` | what that page shows: neither arguments nor results of jobs | 200, or 401 without the token |
/// | `GET /metrics` | what Prometheus reads, if [`metrics`](Self::metrics) was called | 200, or 401 without the token |
///
/// The first three show no names and no addresses. The others exist only if the application has set a
/// [`token`](Self::token), or has said that [none is needed](Self::without_token), and unless the handle
/// was opened with [`monitoring(false)`](crate::DbBuilder::monitoring). No answer is kept by a cache.
#[derive(Clone, Debug)]
#[must_use = "these are no routes yet; call `into_router`"]
pub struct Routes {
    db: AnyDb,
    access: Access,
    within: Duration,
    metrics: Option<Prometheus>,
}

impl Routes {
    /// The routes about this database: a [`Db`](crate::Db) or an [`AnyDb`].
    pub fn new(db: impl Into<AnyDb>) -> Self {
        Self {
            db: db.into(),
            access: Access::Off,
            within: Duration::from_secs(1),
            metrics: None,
        }
    }

    /// Adds the routes below `/monitoring`, for requests with the header `Authorization: Bearer` and
    /// this token. All others are answered with 401. An empty token lets nobody in. White space around
    /// the token does not count, such as the line break at the end of a file that holds the token.
    pub fn token(mut self, token: impl Into<Secret>) -> Self {
        self.access = Access::Token(token.into());
        self
    }

    /// Adds the routes below `/monitoring` for everybody, such as for a service behind a proxy that
    /// asks for credentials itself. They show the names and the places of operations, and how busy the
    /// service is.
    pub fn without_token(mut self) -> Self {
        self.access = Access::Open;
        self
    }

    /// Adds the route `/metrics`, for whoever may see the routes below `/monitoring`.
    ///
    /// ```
    /// use dbop::http::Routes;
    /// use dbop::prometheus::Prometheus;
    ///
    /// # async fn example(db: dbop::AnyDb) -> dbop::Result<axum::Router> {
    /// let prometheus = Prometheus::install()?; // before the database is opened
    /// let routes = Routes::new(db).token("s3cret").metrics(prometheus);
    /// # Ok(routes.into_router())
    /// # }
    /// ```
    pub fn metrics(mut self, prometheus: Prometheus) -> Self {
        self.metrics = Some(prometheus);
        self
    }

    /// Sets how long a check waits for the database. 1 s by default. The prober of a platform should
    /// wait longer.
    pub fn check_timeout(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Makes a router that can be merged into the application's router, or nested in it.
    pub fn into_router<S>(self) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let is_open = !matches!(self.access, Access::Off);
        let is_monitored = is_open && self.db.monitoring_enabled();
        let has_metrics = self.metrics.is_some();
        let state = Arc::new(Served {
            #[cfg(feature = "jobs")]
            jobs: is_monitored.then(|| Foreman::start(&self.db)),
            lookout: is_monitored.then(|| Lookout::start(&self.db, self.within)),
            db: self.db,
            access: self.access,
            within: self.within,
            metrics: self.metrics,
        });
        let mut router = Router::new()
            .route("/health", get(health))
            .route("/health/live", get(live))
            .route("/ready", get(ready));
        if is_monitored {
            router = router
                .route("/monitoring/database", get(database))
                .merge(page::router());
            #[cfg(feature = "jobs")]
            {
                router = router.merge(jobs_page::router());
            }
            if has_metrics {
                router = router.route("/metrics", get(metrics));
            }
        }
        router.with_state(state)
    }
}

async fn health(State(served): State<Arc<Served>>) -> Response {
    let Served { db, within, .. } = &*served;
    let health = db.health_within(*within).await;
    json(status_of(health.status), &health)
}

async fn ready(State(served): State<Arc<Served>>) -> Response {
    let Served { db, within, .. } = &*served;
    let readiness = Readiness::from(db.health_within(*within).await);
    json(status_of(readiness.status), &readiness)
}

async fn live() -> Response {
    json(StatusCode::OK, &Live { status: "alive" })
}

#[derive(Serialize)]
struct Live {
    status: &'static str,
}

async fn database(State(served): State<Arc<Served>>, headers: HeaderMap) -> Response {
    if let Err(refused) = served.allows(&headers) {
        return *refused;
    }
    let Some(lookout) = &served.lookout else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Served { db, within, .. } = &*served;
    let health_status = db.health_within(*within).await;
    let report = lookout.report(health_status);
    json(StatusCode::OK, &report)
}

async fn metrics(State(served): State<Arc<Served>>, headers: HeaderMap) -> Response {
    if let Err(refused) = served.allows(&headers) {
        return *refused;
    }
    let Some(prometheus) = &served.metrics else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, prometheus.render()).into_response()
}

fn status_of(status: HealthStatus) -> StatusCode {
    match status {
        HealthStatus::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    }
}
