//! Whether a database is there, asked by its handle and over HTTP.

use std::time::{Duration, Instant};

use axum::Router;
use dbop::health::HealthStatus;
use dbop::http::Routes;
use dbop::{Conn, Db, db_op};
use dbop_tests::http::{Answer, Service};
use dbop_tests::{Fresh, eventually};
use futures_util::future::join_all;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{Database, fresh_with};

/// A gate at which the holders of connections wait.
pub(crate) struct Gate {
    pub(crate) here: Semaphore,
    pub(crate) open: Semaphore,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self {
            here: Semaphore::new(0),
            open: Semaphore::new(0),
        }
    }
}

/// Holds a connection that reads until the gate is opened.
#[db_op(read_only)]
#[dbop::allow(foreign_await, reason = "the test lets it go on")]
pub(crate) async fn hold(conn: &mut Conn<'_, Database>, gate: &Gate) -> dbop::Result<()> {
    sqlx::query("SELECT 1").execute(&mut *conn).await?;
    gate.here.add_permits(1);
    gate.open.acquire().await.expect("never closed").forget();
    Ok(())
}

async fn narrow() -> Fresh<Database> {
    fresh_with(|builder| builder.max_connections(2)).await
}

/// Returns the routes of a database, with the token `s3cret`.
pub(crate) async fn serve(db: &Db<Database>) -> Service {
    Service::start(routes(db).token("s3cret").into_router()).await
}

fn routes(db: &Db<Database>) -> Routes {
    Routes::new(db.clone())
}

pub(crate) async fn monitoring(service: &Service) -> Answer {
    let token = [("authorization", "Bearer s3cret")];
    let exchange = service.send("GET /monitoring/database", &token, "");
    exchange.await.answer().await
}

/// Asserts what the routes answer in this state, and returns what `/health` says.
#[track_caller]
pub(crate) fn assert_answers(answers: &(Answer, Answer, Answer), state: &str) -> Value {
    let (health, ready, live) = answers;
    let usual = if state == "unhealthy" { 503 } else { 200 };
    assert_eq!((health.status, ready.status), (usual, usual), "{answers:?}");
    assert_eq!(live.status, 200, "the program lives in any case");
    let (health, ready) = (health.json(), ready.json());
    assert_eq!(
        (&health["status"], &ready["status"]),
        (&state.into(), &state.into())
    );
    assert_eq!(ready["ready"], state != "unhealthy");
    let problems = health["problems"].as_array().expect("a list");
    assert_eq!(problems.is_empty(), state == "healthy", "{health}");
    health
}

pub(crate) async fn answers(service: &Service) -> (Answer, Answer, Answer) {
    tokio::join!(
        service.ask("GET /health"),
        service.ask("GET /ready"),
        service.ask("GET /health/live")
    )
}

#[tokio::test]
async fn a_database_that_answers_is_healthy_and_its_numbers_are_reported() {
    let fresh = narrow().await;
    let service = serve(&fresh).await;
    let health = assert_answers(&answers(&service).await, "healthy");
    assert_eq!(health["connectivity"]["connected"], true);
    assert!(health["connectivity"]["response_time_ms"].as_f64() > Some(0.0));
    assert_eq!(health["circuit_breaker"], "closed");

    let report = monitoring(&service).await.json();
    let status = &report["health_status"];
    assert_eq!(status["status"], "healthy");
    assert!(status["connectivity"]["response_time_ms"].is_number());
    for name in ["pool_size", "checked_out", "overflow"] {
        assert!(status["pool_statistics"][name].is_u64(), "{name}: {report}");
    }
    for name in ["average_active_connections", "average_queries_per_second"] {
        let number = &report["performance_metrics"][name];
        assert!(number.is_f64(), "{name}: {report}");
    }
}

#[tokio::test]
async fn a_pool_full_of_our_own_callers_is_degraded_and_not_dead() {
    let fresh = narrow().await;
    let service = serve(&fresh).await;
    let gate = Gate::new();
    let meanwhile = async {
        gate.here.acquire_many(2).await.expect("open").forget();
        let health = assert_answers(&answers(&service).await, "degraded");
        assert_eq!(health["connectivity"]["connected"], true, "{health}");
        assert_eq!(health["pool_statistics"]["checked_out"], 2);
        assert!(health["problems"][0].as_str().unwrap().contains("All 2"));
        gate.open.add_permits(2);
    };
    let (first, second, ()) =
        tokio::join!(hold(&fresh.db, &gate), hold(&fresh.db, &gate), meanwhile);
    first.and(second).unwrap();
    becomes(&fresh, HealthStatus::Healthy).await;
    assert_answers(&answers(&service).await, "healthy");
    let unused = || async { fresh.pool_status().checked_out == 0 };
    eventually("both have given their connections back", unused).await;
}

#[tokio::test]
async fn a_closed_handle_is_unhealthy_at_once() {
    let fresh = narrow().await;
    let service = serve(&fresh).await;
    assert_answers(&answers(&service).await, "healthy");
    fresh.close().await;
    let health = assert_answers(&answers(&service).await, "unhealthy");
    assert_eq!(health["connectivity"]["error"], "pool_closed");
}

#[tokio::test]
async fn a_handle_that_shuts_down_is_not_ready_while_its_calls_finish() {
    let fresh = narrow().await;
    let service = serve(&fresh).await;
    let gate = Gate::new();
    let meanwhile = async {
        gate.here.acquire().await.expect("open").forget();
        let down = fresh.shutdown(Duration::from_secs(60));
        let look = async {
            becomes(&fresh, HealthStatus::Unhealthy).await;
            let health = assert_answers(&answers(&service).await, "unhealthy");
            assert_eq!(health["connectivity"]["error"], "shutting_down");
            gate.open.add_permits(1);
        };
        tokio::join!(down, look)
    };
    let (held, _) = tokio::join!(hold(&fresh.db, &gate), meanwhile);
    held.unwrap();
}

#[tokio::test]
async fn checks_at_the_same_time_share_one_answer() {
    let fresh = narrow().await;
    let all = join_all((0..50).map(|_| fresh.health())).await;
    let times = |health: &dbop::health::Health| health.connectivity.response_time_ms;
    for health in &all {
        assert_eq!(health.status, HealthStatus::Healthy);
        assert_eq!(times(health), times(&all[0]));
    }
    let unused = || async { fresh.pool_status().checked_out == 0 };
    eventually(
        "the connection that was asked is none of the pools'",
        unused,
    )
    .await;
}

#[tokio::test]
async fn a_check_whose_caller_goes_away_serves_those_that_wait() {
    let fresh = narrow().await;
    for polls in 1..4 {
        let gone = dbop_tests::poll_at_most(polls, fresh.health()).await;
        let health = fresh.health().await;
        assert_eq!(health.status, HealthStatus::Healthy, "{gone:?}");
    }
}

#[tokio::test]
async fn the_routes_that_show_more_need_the_token() {
    let fresh = narrow().await;
    let service = serve(&fresh).await;
    let path = "GET /monitoring/database";
    let challenge = |answer: &Answer| {
        assert_eq!(answer.status, 401);
        answer.header("www-authenticate").map(str::to_owned)
    };
    let without = service.ask(path).await;
    assert_eq!(challenge(&without).as_deref(), Some("Bearer"));
    for wrong in ["Bearer s3cre", "Bearer s3cret1", "Bearer ", "Basic s3cret"] {
        let headers = [("authorization", wrong)];
        let answer = service.send(path, &headers, "").await.answer().await;
        assert!(
            challenge(&answer)
                .expect("a challenge")
                .starts_with("Bearer")
        );
        assert!(!answer.body.contains("s3cret"));
    }
    assert_eq!(monitoring(&service).await.status, 200);

    let nobody = Service::start(routes(&fresh).token("").into_router()).await;
    let empty = [("authorization", "Bearer ")];
    let answer = nobody.send(path, &empty, "").await.answer().await;
    assert_eq!(answer.status, 401);
    let off = Service::start(routes(&fresh).into_router()).await;
    assert_eq!(off.ask(path).await.status, 404);
    let unwanted = Db::builder().url(&fresh.url).monitoring(false);
    let unwanted = routes(&unwanted.connect().await.unwrap()).token("s3cret");
    let unwanted = Service::start(unwanted.into_router()).await;
    assert_eq!(monitoring(&unwanted).await.status, 404);
    let open = Service::start(routes(&fresh).without_token().into_router()).await;
    assert_eq!(open.ask(path).await.status, 200);
}

#[tokio::test]
async fn the_routes_can_be_nested_know_head_and_are_kept_by_no_cache() {
    let fresh = narrow().await;
    let router = routes(&fresh).without_token().into_router();
    let service = Service::start(Router::new().nest("/internal", router)).await;
    for path in ["health", "health/live", "ready", "monitoring/database"] {
        let answer = service.ask(&format!("GET /internal/{path}")).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let head = service.ask(&format!("HEAD /internal/{path}")).await;
        assert_eq!((head.status, &*head.body), (200, ""), "{path}");
        let post = service.ask(&format!("POST /internal/{path}")).await;
        assert_eq!(post.status, 405, "{path}");
        assert!(post.header("allow").expect("a list").contains("GET"));
    }
}

/// A check takes no longer than this, even on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Returns what a check says, which has a short limit.
pub(crate) async fn soon(db: &Db<Database>) -> dbop::health::Health {
    let begun = Instant::now();
    let health = db.health().await;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    health
}

/// Waits until the database is in this state. Calls give their connections back in the background.
pub(crate) async fn becomes(db: &Db<Database>, status: HealthStatus) {
    let is = || async { soon(db).await.status == status };
    eventually(status.as_str(), is).await;
}
