//! The states of health of a PostgreSQL server, each of which is brought about.

use std::time::Duration;

use dbop::health::{Health, HealthStatus};
use dbop::{Db, ErrorKind};
use dbop_tests::cluster::Cluster;
use dbop_tests::eventually;
use dbop_tests::proxy::{Failure, Proxy};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection, Postgres};

use super::common::health::{Gate, answers, assert_answers, becomes, hold, serve, soon};
use super::common::page::{event, open_page};
use super::{fresh_with, outside};

fn error(health: &Health) -> Option<&str> {
    health.connectivity.error
}

#[tokio::test]
async fn a_stopped_server_is_unhealthy_and_healthy_when_it_is_back() {
    let mut cluster = Cluster::start(&[]).await;
    let db = Db::<Postgres>::connect(&cluster.url).await.unwrap();
    let service = serve(&db).await;
    assert_answers(&answers(&service).await, "healthy");
    cluster.stop_at_once().await;
    becomes(&db, HealthStatus::Unhealthy).await;
    let health = assert_answers(&answers(&service).await, "unhealthy");
    assert_eq!(health["connectivity"]["connected"], false);
    let text = health.to_string();
    assert!(
        !text.contains("127.0.0.1") && !text.contains("refused"),
        "{text}"
    );
    cluster.restart().await;
    becomes(&db, HealthStatus::Healthy).await;
    assert_answers(&answers(&service).await, "healthy");
}

#[tokio::test]
async fn a_black_hole_is_unhealthy_within_the_deadline_and_is_forgotten_when_it_ends() {
    for silence in [Failure::Swallow, Failure::Freeze] {
        let fresh = fresh_with(|builder| builder).await;
        let proxy = Proxy::before(&fresh.url).await;
        let db = Db::<Postgres>::connect(&proxy.url).await.unwrap();
        assert_eq!(soon(&db).await.status, HealthStatus::Healthy);
        proxy.fail(silence);
        becomes(&db, HealthStatus::Unhealthy).await;
        assert_eq!(error(&soon(&db).await), Some("timeout"));
        proxy.restore();
        becomes(&db, HealthStatus::Healthy).await;
    }
}

#[tokio::test]
async fn a_connection_that_fell_silent_says_nothing_about_a_server_that_answers() {
    let fresh = fresh_with(|builder| builder).await;
    let proxy = Proxy::before(&fresh.url).await;
    let db = Db::<Postgres>::connect(&proxy.url).await.unwrap();
    let long = Duration::from_secs(20);
    assert_eq!(db.health_within(long).await.status, HealthStatus::Healthy);
    proxy.fail_open(Failure::Swallow);
    let opened = proxy.accepted();
    // The answer of a second ago still holds at first.
    let asked = || async {
        assert_eq!(db.health_within(long).await.status, HealthStatus::Healthy);
        proxy.accepted() > opened
    };
    eventually("a new connection is asked", asked).await;
}

#[tokio::test]
async fn many_checks_of_a_silent_server_open_one_connection() {
    let fresh = fresh_with(|builder| builder).await;
    let proxy = Proxy::before(&fresh.url).await;
    let db = Db::<Postgres>::connect(&proxy.url).await.unwrap();
    proxy.fail(Failure::Swallow);
    let before = proxy.accepted();
    let checks = (0..100).map(|_| soon(&db));
    for health in futures_util::future::join_all(checks).await {
        assert_eq!(health.status, HealthStatus::Unhealthy);
    }
    assert_eq!(proxy.accepted() - before, 1);
}

#[tokio::test]
async fn refused_credentials_are_unhealthy() {
    let fresh = fresh_with(|builder| builder).await;
    let options: PgConnectOptions = fresh.url.parse().unwrap();
    let pool = PgPoolOptions::new().connect_lazy_with(options.password("h0rse"));
    let health = soon(&Db::from_pool(pool)).await;
    assert_eq!(health.status, HealthStatus::Unhealthy);
    assert_eq!(error(&health), Some("authentication"));
    assert_eq!(health.problems, ["The database refuses the credentials."]);
}

#[tokio::test]
async fn a_server_without_a_free_connection_is_degraded() {
    let cluster = Cluster::start(&["max_connections=6", "superuser_reserved_connections=3"]).await;
    let mut admin = PgConnection::connect(&cluster.url).await.unwrap();
    admin
        .execute("CREATE ROLE plain LOGIN PASSWORD 'p'")
        .await
        .unwrap();
    let options: PgConnectOptions = cluster.url.parse().unwrap();
    let options = options.username("plain").password("p");
    let mut held = Vec::new();
    let refused = loop {
        match PgConnection::connect_with(&options).await {
            Ok(conn) => held.push(conn),
            Err(error) => break dbop::Error::from(error),
        }
    };
    assert_eq!(refused.kind(), ErrorKind::TooManyConnections);
    let db = Db::from_pool(PgPoolOptions::new().connect_lazy_with(options));
    let health = soon(&db).await;
    assert_eq!(health.status, HealthStatus::Degraded);
    assert_eq!(error(&health), Some("too_many_connections"));
    drop(held);
    becomes(&db, HealthStatus::Healthy).await;
}

#[tokio::test]
async fn an_open_circuit_breaker_is_degraded_once_the_server_answers_again() {
    let fresh = fresh_with(|builder| builder).await;
    let proxy = Proxy::before(&fresh.url).await;
    let db = Db::builder()
        .url(&proxy.url)
        .acquire_timeout(Duration::from_millis(500));
    let db: Db<Postgres> = db.connect().await.unwrap();
    let gate = Gate::new();
    gate.open.add_permits(1000);
    proxy.fail(Failure::Closed);
    let opens = || async {
        hold(&db, &gate)
            .await
            .is_err_and(|e| e.kind() == ErrorKind::CircuitOpen)
    };
    eventually("the circuit opens", opens).await;
    assert_eq!(soon(&db).await.status, HealthStatus::Unhealthy);
    proxy.restore();
    becomes(&db, HealthStatus::Degraded).await;
    let health = soon(&db).await;
    assert_eq!((health.circuit_breaker, error(&health)), ("open", None));
    let closes = || async {
        let _ = hold(&db, &gate).await;
        soon(&db).await.status == HealthStatus::Healthy
    };
    let mut rounds = 0;
    while !closes().await {
        rounds += 1;
        assert!(rounds < 6000, "the circuit never closes");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn the_page_shows_who_blocks_whom_without_values() {
    let fresh = fresh_with(|builder| builder).await;
    let schema = "CREATE TABLE names (id INT PRIMARY KEY, name TEXT);
        CREATE INDEX names_by_name ON names (name);
        INSERT INTO names VALUES (1, 'a')";
    fresh.pool().execute(schema).await.unwrap();
    let [mut first, mut second] = [outside(&fresh).await, outside(&fresh).await];
    let update = "BEGIN; UPDATE names SET name = 'h0rse' WHERE id = 1";
    first.execute(update).await.unwrap();
    let waiting = tokio::spawn(async move {
        let update =
            "SET application_name = 'waiter'; UPDATE names SET name = 'h0rse2' WHERE id = 1";
        second.execute(update).await.map(drop)
    });
    let is_waiting = || async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
            AND datname = current_database()";
        let waiting = sqlx::query_scalar::<_, i64>(waiting);
        waiting.fetch_one(fresh.pool()).await.unwrap() == 1
    };
    eventually("the second waits for the first", is_waiting).await;
    let service = serve(&fresh).await;
    let event = event(&mut open_page(&service).await).await;
    let server = &event["server"];
    assert_eq!(server["note"], serde_json::Value::Null, "{server}");
    let lock = &server["locks"][0];
    assert_eq!(lock["blocker_state"], "idle in transaction");
    let blocker = lock["blocker_statement"].as_str().unwrap();
    assert_eq!(blocker, "BEGIN; UPDATE names SET name = ? WHERE id = ?");
    assert_eq!(server["unused_indexes"][0]["index"], "public.names_by_name");
    assert!(!event.to_string().contains("h0rse"), "{event}");
    first.execute("ROLLBACK").await.unwrap();
    waiting.await.unwrap().unwrap();
}
