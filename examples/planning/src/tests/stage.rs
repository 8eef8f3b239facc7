//! [`Stage`]: a database with the model and the site beside it, and a client of the routes.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use dbop::jobs::{JobDatabase, JobInfo, Watcher, Working};
use dbop::{AnyDb, Db};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::PATIENCE;
use crate::http::Service;
use crate::model::Behaviour;
use crate::run::Cycle;
use crate::services::{Clients, Services};
use crate::workers::Crew;

/// A model that answers at once, and always.
pub(super) const RELIABLE: Behaviour = Behaviour {
    delay: Duration::from_millis(1),
    failing: 0.0,
    seed: 1,
};

pub(super) const SMALL: Cycle = Cycle {
    cycle: 1,
    reports: 3,
    samples: 7,
};

pub(super) struct Stage<DB: JobDatabase> {
    pub(super) db: Db<DB>,
    pub(super) any: AnyDb,
    pub(super) services: Services,
    pub(super) clients: Clients,
    pub(super) watcher: Watcher<DB>,
    pub(super) router: Router,
    pub(super) ending: CancellationToken,
}

impl<DB: JobDatabase> Stage<DB>
where
    AnyDb: From<Db<DB>>,
{
    pub(super) async fn open(db: Db<DB>, behaviour: Behaviour) -> Self {
        dbop::jobs::migrate(&db).await.expect("the tables of jobs");
        let services = Services::start(([127, 0, 0, 1], 0).into(), behaviour).await;
        let services = services.expect("a free port");
        let clients = Clients::new(services.url(), Duration::from_secs(10));
        let (any, watcher) = (AnyDb::from(db.clone()), Watcher::new(&db));
        let ending = CancellationToken::new();
        let service = Service {
            db: db.clone(),
            any: any.clone(),
            watcher: watcher.clone(),
            clients: clients.clone(),
            ending: ending.clone(),
        };
        Self {
            router: service.into_router(None),
            db,
            any,
            services,
            clients,
            watcher,
            ending,
        }
    }

    pub(super) async fn work(&self) -> Working<DB> {
        let crew = Crew {
            at_once: 8,
            noticed_within: Duration::from_secs(60),
        };
        let working = crew.start(&self.db, &self.clients).await;
        working.expect("workers")
    }

    /// Waits until a job has ended, and returns it.
    pub(super) async fn end_of(&self, job: i64) -> JobInfo {
        let last = self.watcher.watch(job).fold(None, async |_, job| Some(job));
        let last = timeout(PATIENCE, last).await.expect("the job ends");
        last.expect("a job").expect("the database answers")
    }

    /// Sends a request such as `GET /jobs`, and returns the answer before its body is read.
    pub(super) async fn send(&self, route: &str, body: Option<Value>) -> Response {
        let (method, uri) = route.split_once(' ').expect("a method and a path");
        let request = Request::builder().method(method).uri(uri);
        let request = match body {
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        let answer = self.router.clone().oneshot(request.expect("a request"));
        answer.await.expect("infallible")
    }

    /// Sends a request, sees that it is answered with this status, and returns the answer.
    #[track_caller]
    pub(super) fn ask<'a>(
        &'a self,
        route: &'a str,
        status: u16,
    ) -> impl Future<Output = Value> + 'a {
        self.tell(route, None, status)
    }

    /// Sends a request with a body, if there is one.
    pub(super) async fn tell(&self, route: &str, body: Option<Value>, status: u16) -> Value {
        let answer = self.send(route, body).await;
        let (head, body) = answer.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        let text = String::from_utf8_lossy(&body);
        let expected = StatusCode::from_u16(status).expect("a status");
        assert_eq!(head.status, expected, "{route}: {text}");
        if head.status.is_client_error() {
            assert_eq!(
                head.headers[header::CONTENT_TYPE],
                "application/problem+json"
            );
        }
        serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text))
    }
}

/// Waits until the condition holds.
pub(super) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < PATIENCE, "this never happened: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}
