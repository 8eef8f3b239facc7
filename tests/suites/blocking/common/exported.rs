//! What the recorder of the crate `metrics` is told of plain functions.

use std::time::Duration;

use dbop::db_op;
use dbop_tests::blocking::Gate;
use dbop_tests::recorder::Reader;
use metrics::set_default_local_recorder;
use metrics_util::debugging::DebuggingRecorder;

use super::{SYSTEM, Session, exec, open};

const DURATION: &str = "db.client.operation.duration";

#[db_op]
fn hold(conn: &mut Session, gate: &Gate) -> dbop::Result<()> {
    exec(conn, "SELECT 1")?;
    gate.pass();
    Ok(())
}

#[db_op(retry = never)]
fn get_none(conn: &mut Session) -> dbop::Result<()> {
    exec(conn, "SELECT 1")
}

#[tokio::test]
async fn a_plain_function_and_its_pool_tell_what_an_async_one_tells() {
    let world = open(|builder| {
        builder
            .max_connections(1)
            .acquire_timeout(Duration::from_millis(200))
    })
    .await;
    let recorder = DebuggingRecorder::new();
    let (_here, reader) = (set_default_local_recorder(&recorder), Reader::of(&recorder));
    let gate = Gate::default();
    let (held, ()) = tokio::join!(hold(&world, &gate), async {
        gate.has(1).await;
        get_none(&world).await.unwrap_err();
        gate.open();
    });
    held.unwrap();

    let told = reader.read();
    let system = ("db.system.name", SYSTEM);
    let done = [system, ("db.operation.name", "hold")];
    assert_eq!(told.values(DURATION, &done).len(), 1);
    let late = [
        system,
        ("db.operation.name", "get_none"),
        ("error.type", "pool_exhausted"),
    ];
    assert_eq!(told.values(DURATION, &late).len(), 1);
    let pool = [("db.client.connection.pool.name", SYSTEM)];
    assert_eq!(told.count("db.client.connection.timeouts", &pool), 1);
    let times = |name| told.values(name, &pool).len();
    let waited = times("db.client.connection.wait_time");
    let opened = times("db.client.connection.create_time");
    assert_eq!((waited, opened), (1, 1));
}
