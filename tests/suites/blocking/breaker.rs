//! The circuit breaker of a `BlockingDb`.

use std::time::Duration;

use dbop::blocking::BlockingDbBuilder;
use dbop::{CircuitBreaker, ErrorKind, Outcome, db_op, transactional};
use dbop_tests::Trouble;
use dbop_tests::blocking::Gate;
use dbop_tests::blocking::postgres::{Manager, Session, World, exec, open_at};
use dbop_tests::blocking::staged::{self, Act, Script, Stage};
use dbop_tests::proxy::Proxy;

/// A breaker that stays open for a moment only.
const SHORT: CircuitBreaker = CircuitBreaker::DEFAULT
    .open(Duration::from_millis(300))
    .open_cap(Duration::from_millis(300))
    .min_outcomes(4)
    .probes(1);

fn short(builder: BlockingDbBuilder<Manager>) -> BlockingDbBuilder<Manager> {
    builder.max_connections(1).circuit_breaker(SHORT)
}

async fn behind_a_proxy() -> (World, Proxy) {
    let fresh = dbop_tests::postgres::fresh_with(|builder| builder).await;
    let proxy = Proxy::before(&fresh.url).await;
    let url = proxy.url.clone();
    (open_at(fresh, &url, short).await, proxy)
}

#[db_op(retry = never)]
fn ping(conn: &mut Session) -> dbop::Result<()> {
    exec(conn, "SELECT 1")
}

#[transactional(retry = never)]
fn transaction(conn: &mut Session) -> dbop::Result<()> {
    exec(conn, "SELECT 1")
}

#[transactional(retry = never)]
fn refuses(conn: &mut Session) -> Result<(), Trouble> {
    exec(conn, "SELECT 1")?;
    Err(Trouble::Refused)
}

#[tokio::test]
async fn refused_connections_open_it_and_then_none_is_tried_until_the_server_is_back() {
    let (world, proxy) = behind_a_proxy().await;
    ping(&world).await.unwrap();
    proxy.close_next(u32::MAX);
    proxy.cut();
    let mut kinds = Vec::new();
    while kinds.last() != Some(&ErrorKind::CircuitOpen) {
        assert!(kinds.len() < 20, "{kinds:?}");
        kinds.push(ping(&world).await.unwrap_err().kind());
    }
    let before = proxy.accepted();
    let error = ping(&world).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome().unwrap(), error.attempts()),
        (ErrorKind::CircuitOpen, Outcome::RolledBack, 0)
    );
    assert_eq!(proxy.accepted(), before, "no connection is tried");
    proxy.close_next(0);
    dbop_tests::eventually("it closes again", async || ping(&world).await.is_ok()).await;
}

#[tokio::test]
async fn sessions_that_are_lost_in_bodies_do_not_open_it() {
    #[db_op(retry = never)]
    fn loses_its_session(conn: &mut Session) -> dbop::Result<()> {
        exec(conn, "SELECT pg_terminate_backend(pg_backend_pid())")
    }
    let (world, _proxy) = behind_a_proxy().await;
    for _ in 0..4 {
        let error = loses_its_session(&world).await.unwrap_err();
        assert!(error.kind().ends_session(), "{error}");
    }
    ping(&world).await.expect("the server is there");
}

#[tokio::test]
async fn what_a_working_server_and_the_application_say_never_opens_it() {
    let (world, _proxy) = behind_a_proxy().await;
    for _ in 0..10 {
        refuses(&world).await.unwrap_err().to_string();
        transaction(&world).await.unwrap();
    }
    ping(&world).await.unwrap();
}

#[db_op(retry = never, timeout = "100ms")]
fn late(conn: &mut staged::Session, gate: Gate) -> dbop::Result<()> {
    staged::exec(conn, "SELECT 1")?;
    gate.pass();
    Ok(())
}

#[transactional(retry = never)]
fn begins(conn: &mut staged::Session) -> dbop::Result<()> {
    staged::exec(conn, "SELECT 1")
}

/// Makes a call lose its idle connection, and then the new connection that takes its place.
fn loses_every_begin(script: &Script) {
    script.at(Stage::Begin, Act::Lose);
    script.at(Stage::IsValid, Act::Lose);
    script.at(Stage::Begin, Act::Lose);
}

#[tokio::test]
async fn new_connections_that_are_lost_at_begin_open_it() {
    let (world, script) =
        staged::open(|builder| builder.max_connections(1).circuit_breaker(SHORT)).await;
    for _ in 0..4 {
        loses_every_begin(&script);
        let error = begins(&world).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    }
    assert_eq!(
        begins(&world).await.unwrap_err().kind(),
        ErrorKind::CircuitOpen
    );
}

#[tokio::test]
async fn idle_connections_that_are_lost_at_begin_cost_no_attempt_and_do_not_open_it() {
    let (world, script) =
        staged::open(|builder| builder.max_connections(1).circuit_breaker(SHORT)).await;
    for _ in 0..20 {
        begins(&world).await.unwrap();
        script.at(Stage::Begin, Act::Lose);
    }
    assert_eq!(
        script.count(Stage::Begin),
        39,
        "one try for each connection that was lost"
    );
}

/// A deadline says nothing about the server, so it is no sign that the server is back.
#[tokio::test]
async fn a_probe_that_is_late_does_not_close_it() {
    let (world, script) =
        staged::open(|builder| builder.max_connections(2).circuit_breaker(SHORT)).await;
    for _ in 0..4 {
        loses_every_begin(&script);
        begins(&world).await.unwrap_err().to_string();
    }
    assert_eq!(
        begins(&world).await.unwrap_err().kind(),
        ErrorKind::CircuitOpen
    );
    let gate = Gate::default();
    let mut kinds = Vec::new();
    while kinds.last() != Some(&ErrorKind::Timeout) {
        assert!(kinds.len() < 1000, "{kinds:?}");
        kinds.push(late(&world, gate.clone()).await.unwrap_err().kind());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The circuit is still half open, so a single failure opens it at once.
    loses_every_begin(&script);
    assert_eq!(
        begins(&world).await.unwrap_err().kind(),
        ErrorKind::Connection
    );
    assert_eq!(
        begins(&world).await.unwrap_err().kind(),
        ErrorKind::CircuitOpen
    );
    gate.open();
}
