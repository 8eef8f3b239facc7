//! What is counted when an attempt is stopped at each stage.

use std::panic::AssertUnwindSafe;

use dbop::{OperationMetrics, Outcome, db_op, transactional};
use dbop_tests::blocking::staged::{Act, Script, Session, Stage, UNTRUSTED, World, exec, open};
use dbop_tests::blocking::{Configure, Gate, staged::Manager};
use futures_util::FutureExt;

fn counted(name: &str) -> OperationMetrics {
    let mut all = dbop::metrics().into_iter();
    let found = all.find(|op| op.name == name && op.file == file!());
    found.expect("the operation was called")
}

/// Checks how often calls were committed, rolled back and unknown, in this order.
#[track_caller]
fn outcomes(name: &str, expected: [u64; 3]) {
    let counted = counted(name);
    let found = [counted.committed, counted.rolled_back, counted.unknown];
    assert_eq!(found, expected, "{counted:?}");
    assert_eq!(counted.calls, expected.iter().sum::<u64>());
}

const NARROW: Configure<Manager> = |builder| builder.max_connections(1);

/// Drops `call` when its body or its driver has come to the gate.
async fn drop_at(gate: &Gate, call: impl Future<Output = dbop::Result<()>>) {
    let before = gate.arrived();
    tokio::select! {
        ended = call => panic!("the call is to wait: {ended:?}"),
        () = gate.has(before + 1) => {}
    }
}

async fn hold(script: &Script, stage: Stage, call: impl Future<Output = dbop::Result<()>>) -> Gate {
    let gate = Gate::default();
    script.at(stage, Act::Wait(gate.clone()));
    drop_at(&gate, call).await;
    gate
}

#[transactional]
fn in_a_transaction(conn: &mut Session, n: i64, gate: &Gate) -> dbop::Result<()> {
    exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
    gate.pass();
    Ok(())
}

async fn idle(world: &World) {
    #[db_op]
    fn nothing(conn: &mut Session) -> dbop::Result<()> {
        exec(conn, "SELECT 1")
    }
    nothing(world).await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_is_dropped_counts_as_what_became_of_it() {
    let (world, script) = open(NARROW).await;
    let pass = Gate::opened();
    in_a_transaction(&world, 1, &pass).await.unwrap();
    outcomes("in_a_transaction", [1, 0, 0]);
    let gate = hold(&script, Stage::Begin, in_a_transaction(&world, 2, &pass)).await;
    outcomes("in_a_transaction", [1, 1, 0]);
    gate.open();
    idle(&world).await;
    assert_eq!((pass.passed(), world.rows(2).await), (1, 0), "nobody waits");
    let gate = Gate::default();
    drop_at(&gate, in_a_transaction(&world, 3, &gate)).await;
    outcomes("in_a_transaction", [1, 2, 0]);
    gate.open();
    idle(&world).await;
    assert_eq!(world.rows(3).await, 0);
    // It is too late to stop this call, because its COMMIT has begun.
    let gate = hold(&script, Stage::Commit, in_a_transaction(&world, 4, &pass)).await;
    outcomes("in_a_transaction", [1, 2, 1]);
    gate.open();
    idle(&world).await;
    assert_eq!(world.rows(4).await, 1);
}

#[db_op]
fn in_an_operation(conn: &mut Session, n: i64, gate: &Gate) -> dbop::Result<()> {
    exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
    gate.pass();
    Ok(())
}

#[tokio::test]
async fn an_operation_that_is_dropped_counts_as_unknown_once_it_runs() {
    let (world, script) = open(NARROW).await;
    let pass = Gate::opened();
    let gate = hold(&script, Stage::IsValid, in_an_operation(&world, 1, &pass));
    // The only connection is new. It has to become idle before the pool tries it.
    idle(&world).await;
    tokio::time::sleep(UNTRUSTED).await;
    let gate = gate.await;
    outcomes("in_an_operation", [0, 1, 0]);
    gate.open();
    let gate = Gate::default();
    drop_at(&gate, in_an_operation(&world, 2, &gate)).await;
    outcomes("in_an_operation", [0, 1, 1]);
    gate.open();
    in_an_operation(&world, 3, &pass).await.unwrap();
    outcomes("in_an_operation", [1, 1, 1]);
    assert_eq!((world.rows(1).await, world.rows(2).await), (0, 1));
}

#[transactional]
fn with_a_driver_that_panics(conn: &mut Session, n: i64) -> dbop::Result<()> {
    exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))
}

#[tokio::test]
async fn a_driver_that_panics_counts_as_what_can_be_known() {
    let (world, script) = open(NARROW).await;
    let mut expected = [0, 0, 0];
    for (stage, place) in [(Stage::Begin, 1), (Stage::Status, 2), (Stage::Commit, 2)] {
        script.at(stage, Act::Panic);
        let call = AssertUnwindSafe(with_a_driver_that_panics(&world, 1));
        call.catch_unwind().await.expect_err("the body panics");
        expected[place] += 1;
        outcomes("with_a_driver_that_panics", expected);
        assert_eq!(world.rows(1).await, 0, "{stage:?}");
    }
    with_a_driver_that_panics(&world, 1).await.unwrap();
    assert_eq!(world.rows(1).await, 1);
}

#[transactional]
fn conflicting(conn: &mut Session, n: i64) -> dbop::Result<()> {
    exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))
}

#[tokio::test]
async fn attempts_of_every_call_are_counted_also_those_that_conflict_at_commit() {
    let (world, script) = open(NARROW).await;
    script.at(Stage::Commit, Act::Conflict);
    script.at(Stage::Commit, Act::Conflict);
    conflicting(&world, 1).await.unwrap();
    let found = counted("conflicting");
    assert_eq!((found.calls, found.attempts, found.retries), (1, 3, 2));
    assert_eq!(world.rows(1).await, 1);
    for _ in 0..5 {
        script.at(Stage::Commit, Act::Conflict);
    }
    let error = conflicting(&world, 2).await.unwrap_err();
    assert_eq!(
        (error.outcome().unwrap(), error.attempts()),
        (Outcome::RolledBack, 5)
    );
    outcomes("conflicting", [1, 1, 0]);
}
