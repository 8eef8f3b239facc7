//! The deadline of a call, and callers that go away while a body runs.

use std::time::Duration;

use dbop::{Category, ErrorKind, Outcome, db_op, transactional};
use dbop_tests::Trouble;
use dbop_tests::blocking::Gate;
use tokio::time::timeout;

use super::{Session, insert, narrow, open};

#[transactional(timeout = "300ms", retry = never)]
fn late(conn: &mut Session, n: i64, gate: Gate) -> dbop::Result<()> {
    insert(conn, n)?;
    gate.pass();
    insert(conn, n)
}

#[db_op(timeout = "300ms")]
fn late_operation(conn: &mut Session, n: i64, gate: &Gate) -> dbop::Result<()> {
    gate.pass();
    insert(conn, n)
}

#[db_op]
fn next(conn: &mut Session, n: i64) -> Result<(), Trouble> {
    Ok(insert(conn, n)?)
}

#[tokio::test]
async fn a_body_that_is_late_cannot_commit_and_keeps_its_connection_until_it_ends() {
    let world = narrow().await;
    let gate = Gate::default();
    let error = late(&world, 1, gate.clone()).await.unwrap_err();
    assert_eq!(
        (error.category(), error.kind(), error.outcome().unwrap()),
        (Category::Transient, ErrorKind::Timeout, Outcome::RolledBack),
        "{error}"
    );
    assert!(error.to_string().contains("the body to finish"), "{error}");
    let (mut waiting, passed) = (Box::pin(next(&world, 2)), gate.passed());
    let early = timeout(Duration::from_millis(100), &mut waiting).await;
    assert!(
        early.is_err(),
        "the call got the connection of the running body"
    );
    assert_eq!(passed, 0);
    gate.open();
    waiting.await.unwrap();
    assert_eq!((world.rows(1).await, world.rows(2).await), (0, 1));
}

#[tokio::test]
async fn an_operation_that_is_late_is_left_to_its_end_and_not_known() {
    let world = narrow().await;
    let gate = Gate::default();
    let error = late_operation(&world, 1, &gate).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert_eq!(
        (error.outcome().unwrap(), error.attempts()),
        (Outcome::Unknown, 1)
    );
    gate.open();
    next(&world, 2).await.unwrap();
    assert_eq!((world.rows(1).await, world.rows(2).await), (1, 1));
}

#[transactional]
fn transaction(conn: &mut Session, n: i64, gate: &Gate) -> dbop::Result<()> {
    insert(conn, n)?;
    gate.pass();
    insert(conn, n)
}

#[db_op]
fn operation(conn: &mut Session, n: i64, gate: &Gate) -> dbop::Result<()> {
    insert(conn, n)?;
    gate.pass();
    insert(conn, n)
}

#[tokio::test]
async fn a_transaction_whose_caller_goes_away_in_its_body_leaves_nothing() {
    let world = narrow().await;
    let gate = Gate::default();
    tokio::select! {
        ended = transaction(&world, 1, &gate) => panic!("{ended:?}"),
        () = gate.has(1) => {}
    }
    gate.open();
    next(&world, 2).await.unwrap();
    assert_eq!((world.rows(1).await, world.rows(2).await), (0, 1));
}

#[tokio::test]
async fn an_operation_whose_caller_goes_away_is_not_cut_in_half() {
    let world = narrow().await;
    let gate = Gate::default();
    tokio::select! {
        ended = operation(&world, 1, &gate) => panic!("{ended:?}"),
        () = gate.has(1) => {}
    }
    gate.open();
    next(&world, 2).await.unwrap();
    assert_eq!((world.rows(1).await, world.rows(2).await), (2, 1));
}

#[transactional(timeout = "400ms")]
fn hurried(conn: &mut Session, n: i64) -> Result<(), Trouble> {
    Ok(insert(conn, n)?)
}

#[tokio::test]
async fn a_call_that_waits_for_a_connection_ends_at_its_deadline_and_says_what_for() {
    let world = narrow().await;
    let gate = Gate::default();
    let holder = transaction(&world, 1, &gate);
    let waiter = async {
        gate.has(1).await;
        let error = hurried(&world, 2).await.unwrap_err();
        gate.open();
        error
    };
    let (held, error) = tokio::join!(holder, waiter);
    held.unwrap();
    let error = error.database();
    assert_eq!(
        (error.category(), error.kind(), error.outcome().unwrap()),
        (
            Category::Resource,
            ErrorKind::PoolExhausted,
            Outcome::RolledBack
        ),
        "{error}"
    );
    assert_eq!(error.attempts(), 1);
    hurried(&world, 3).await.unwrap();
    assert_eq!(world.rows(2).await, 0);
}

#[tokio::test]
async fn the_acquire_timeout_is_shorter_than_the_deadline() {
    let world = open(|builder| {
        let short = Duration::from_millis(50);
        builder.max_connections(1).acquire_timeout(short)
    })
    .await;
    // Opening a connection may take longer than the timeout; it then continues in the background.
    dbop_tests::eventually("a connection", async || next(&world, 9).await.is_ok()).await;
    let gate = Gate::default();
    let waiter = async {
        gate.has(1).await;
        let error = next(&world, 2).await.unwrap_err();
        gate.open();
        error
    };
    let (held, error) = tokio::join!(transaction(&world, 1, &gate), waiter);
    held.unwrap();
    assert_eq!(error.kind(), ErrorKind::PoolExhausted);
}

#[db_op(max_concurrency = 1)]
fn one_at_a_time(conn: &mut Session, n: i64, gate: &Gate) -> dbop::Result<()> {
    insert(conn, n)?;
    gate.pass();
    Ok(())
}

/// A body cannot be stopped, so its place is not free as soon as its caller has gone.
#[tokio::test]
async fn no_more_bodies_run_than_max_concurrency_says_even_without_their_callers() {
    let world = open(|builder| builder.max_connections(4)).await;
    let gate = Gate::default();
    tokio::select! {
        ended = one_at_a_time(&world, 1, &gate) => panic!("{ended:?}"),
        () = gate.has(1) => {}
    }
    let mut second = Box::pin(one_at_a_time(&world, 2, &gate));
    let early = timeout(Duration::from_millis(200), &mut second).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(gate.arrived(), 1, "two bodies run at the same time");
    gate.open();
    second.await.unwrap();
    assert_eq!(gate.passed(), 2);
}

#[tokio::test]
async fn a_call_that_stops_waiting_takes_no_connection_with_it() {
    let world = narrow().await;
    let gate = Gate::default();
    let holder = transaction(&world, 1, &gate);
    let others = async {
        gate.has(1).await;
        for n in 0..20 {
            let wait = Duration::from_micros(n * n * 20);
            let early = timeout(wait, next(&world, 2)).await;
            assert!(early.is_err(), "{early:?}");
        }
        gate.open();
    };
    let (held, ()) = tokio::join!(holder, others);
    held.unwrap();
    next(&world, 3).await.unwrap();
    assert_eq!((world.rows(2).await, world.rows(3).await), (0, 1));
}
