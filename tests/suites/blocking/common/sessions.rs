//! Who holds the connections of plain functions.

use std::time::Duration;

use dbop::{AlertKind, SessionState, db_op};
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
