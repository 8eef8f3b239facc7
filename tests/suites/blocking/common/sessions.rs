//! Who holds the connections of plain functions.

use std::time::Duration;

use dbop::{AlertKind, ErrorKind, SessionState, db_op};
use dbop_tests::blocking::Gate;

use super::{Session, exec, narrow, open};

#[db_op]
fn look(conn: &mut Session, gate: &Gate) -> dbop::Result<()> {
    exec(conn, "SELECT 1")?;
    gate.pass();
    Ok(())
}

#[db_op(retry = never)]
fn read_nothing(conn: &mut Session) -> dbop::Result<()> {
    exec(conn, "SELECT * FROM no_such_table")
}

#[tokio::test]
async fn a_plain_function_that_holds_a_connection_for_too_long_is_listed_and_reported() {
    let world = open(|builder| {
        builder
            .max_connections(1)
            .leak_threshold(Duration::from_millis(40))
    })
    .await;
    let (gate, mut alerts) = (Gate::default(), world.alerts());
    let (held, ()) = tokio::join!(look(&world, &gate), async {
        gate.has(1).await;
        let alert = alerts.recv().await.expect("the handle is there");
        assert_eq!((alert.kind, alert.is_over), (AlertKind::Leak, false));
        let sessions = world.sessions();
        let [session] = &sessions[..] else {
            panic!("one connection: {sessions:#?}");
        };
        assert_eq!(session.operation, "look");
        assert_eq!(session.state, SessionState::HandedOut);
        gate.open();
    });
    held.unwrap();
    let over = alerts.recv().await.expect("the handle is there");
    assert_eq!((over.kind, over.is_over), (AlertKind::Leak, true));
    assert!(world.totals().leaks >= 1);
}

#[tokio::test]
async fn a_failed_plain_function_is_listed() {
    let world = narrow().await;
    read_nothing(&world).await.unwrap_err();
    let failed = &world.last_errors()[0];
    assert_eq!(failed.operation, "read_nothing");
    assert_eq!(failed.message, None);
    assert_eq!(world.totals().failed, 1);
}

#[db_op]
fn wait_for_turn(conn: &mut Session) -> dbop::Result<()> {
    exec(conn, "SELECT 1")
}

#[tokio::test]
async fn the_waits_of_plain_functions_for_a_connection_are_counted_whatever_comes_of_them() {
    const WAIT: Duration = Duration::from_millis(150);
    let world = open(|builder| builder.max_connections(1).acquire_timeout(WAIT)).await;
    let gate = Gate::default();
    let waited = || {
        let all = dbop::metrics();
        let op = all
            .iter()
            .find(|op| op.name == "wait_for_turn" && op.file == file!());
        op.map_or(Duration::ZERO, |op| op.waiting_time)
    };
    let (held, ()) = tokio::join!(look(&world, &gate), async {
        gate.has(1).await;
        let refused = wait_for_turn(&world).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::PoolExhausted);
        assert!(waited() >= WAIT, "{:?}", waited());
        let gone = tokio::time::timeout(WAIT / 2, wait_for_turn(&world)).await;
        gone.expect_err("the connection is held");
        gate.open();
    });
    held.unwrap();
    assert!(waited() >= WAIT.mul_f64(1.4), "{:?}", waited());
    let totals = world.totals();
    assert_eq!(totals.acquire_timeouts, 1);
    assert!(totals.waiting_time >= WAIT.mul_f64(1.4), "{totals:#?}");
    assert!(
        totals.held_time <= totals.open_for,
        "one connection: {totals:#?}"
    );
}
