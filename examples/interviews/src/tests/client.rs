//! A client of the service, which asks the router without a server.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, header};
use dbop::AnyDb;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::bank::{self, Bank};
use crate::http::{Service, Token};
use crate::reviewer::Wake;

const KEY: header::HeaderName = header::HeaderName::from_static("idempotency-key");

/// Requests have a key of their own, unless they are repeated.
static NEXT_KEY: AtomicU32 = AtomicU32::new(0);

const TOKEN: &str = "the token of the tests";

#[derive(Clone)]
pub(super) struct Client {
    pub(super) db: AnyDb,
    pub(super) wake: Wake,
    router: Router,
    /// What is sent along with each request.
    headers: HeaderMap,
}

impl Client {
    /// Opens the service on a database, with the questions that it comes with.
    pub(super) async fn open(db: AnyDb) -> Self {
        let bank = Bank::included().expect("the bank");
        bank::fill(&db, &bank).await.expect("the bank is stored");
        let wake = Wake::default();
        let service = Service {
            db: db.clone(),
            reviewer: wake.clone(),
            token: Token::new(TOKEN).expect("a token"),
            prometheus: None,
        };
        Self {
            db,
            wake,
            router: service.into_router(),
            headers: HeaderMap::new(),
        }
    }

    fn with(&self, name: header::HeaderName, value: &str) -> Self {
        let mut client = self.clone();
        client
            .headers
            .insert(name, value.parse().expect("a header"));
        client
    }

    pub(super) fn as_administrator(&self) -> Self {
        self.with(header::AUTHORIZATION, &format!("Bearer {TOKEN}"))
    }

    pub(super) fn with_key(&self, key: &str) -> Self {
        self.with(KEY, key)
    }

    /// Sends a request such as `GET /users`.
    pub(super) async fn ask(&self, route: &str) -> Answer {
        self.send(route, None, Body::empty()).await
    }

    /// Sends a request with a body of JSON.
    pub(super) async fn tell(&self, route: &str, body: Value) -> Answer {
        let body = Body::from(body.to_string());
        self.send(route, Some("application/json"), body).await
    }

    pub(super) async fn send(&self, route: &str, kind: Option<&str>, body: Body) -> Answer {
        let (method, uri) = route.split_once(' ').expect("a method and a path");
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        if method == "POST" && !self.headers.contains_key(KEY) {
            let number = NEXT_KEY.fetch_add(1, Relaxed);
            request = request.header(KEY, format!("request-{number}"));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(body).expect("a request");
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("infallible");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        Answer {
            route: route.to_owned(),
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_slice(&body)
                .unwrap_or_else(|_| String::from_utf8_lossy(&body).into()),
        }
    }

    /// Registers a user, and returns the user's id.
    pub(super) async fn user(&self, name: &str) -> String {
        let email = format!("{}@example.org", name.to_lowercase());
        let new = json!({"name": name, "email": email});
        self.tell("POST /users", new).await.ok(201).id()
    }

    /// Plans an interview with this many questions, and returns the session.
    pub(super) async fn session(&self, user: &str, role: &str, count: i64) -> Value {
        let new = json!({
            "user": user, "role": role, "job_description": "Databases, mostly.",
            "questions": {"drawn": {"count": count}},
        });
        self.tell("POST /sessions", new).await.ok(201).body
    }

    /// Plans and starts an interview that costs nothing, and returns the id of the session.
    pub(super) async fn running(&self, user: &str, count: i64) -> String {
        let id = id_of(&self.session(user, "backend", count).await);
        self.ask(&format!("POST /sessions/{id}/start"))
            .await
            .ok(200);
        id
    }

    /// Answers a question of a running interview, and gives the answer a score.
    pub(super) async fn answer(&self, session: &str, position: usize, body: &str, score: i64) {
        let answer = format!("PUT /sessions/{session}/answers/{position}");
        self.tell(&answer, json!({"body": body})).await.ok(200);
        let score = json!({"score": score});
        self.tell(&format!("{answer}/score"), score).await.ok(200);
    }

    /// Ends a running interview.
    pub(super) async fn finish(&self, session: &str) {
        let finish = format!("POST /sessions/{session}/finish");
        self.ask(&finish).await.ok(200);
    }

    /// Returns a count as administrators see it.
    pub(super) async fn count(&self, of: &str) -> i64 {
        let counts = self
            .as_administrator()
            .ask("GET /admin/counts")
            .await
            .ok(200);
        counts.body[of].as_i64().expect("a count")
    }
}

#[derive(Debug)]
pub(super) struct Answer {
    route: String,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Answer {
    /// Sees that the request was answered with this status.
    #[track_caller]
    pub(super) fn ok(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.route, self.body);
        self
    }

    /// Sees that the request was refused with this status, by problem details of this kind.
    #[track_caller]
    pub(super) fn refused(self, status: u16, kind: &str) -> Self {
        let answer = self.ok(status);
        assert_eq!(
            answer.headers[header::CONTENT_TYPE],
            "application/problem+json"
        );
        assert_eq!(
            answer.body["kind"], kind,
            "{}: {}",
            answer.route, answer.body
        );
        assert_eq!(answer.body["status"], status);
        answer
    }

    pub(super) fn id(&self) -> String {
        id_of(&self.body)
    }

    pub(super) fn items(&self) -> &[Value] {
        self.body["items"].as_array().expect("items")
    }

    pub(super) fn detail(&self) -> &str {
        self.body["detail"].as_str().expect("a detail")
    }
}

pub(super) fn id_of(row: &Value) -> String {
    row["id"].as_str().expect("an id").to_owned()
}
