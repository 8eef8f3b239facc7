//! A driver that fails, hangs or panics at each stage, and a pool of one connection.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use dbop::{ErrorKind, Outcome, db_op, transactional};
use dbop_tests::Trouble;
use dbop_tests::blocking::Gate;
use dbop_tests::blocking::staged::{Act, Script, Session, Stage, UNTRUSTED, World, exec, open};
use futures_util::FutureExt;
use tokio::time::timeout;

async fn narrow() -> (World, Script) {
    open(|builder| builder.max_connections(1)).await
}

fn insert(conn: &mut Session, n: i64) -> dbop::Result<()> {
    exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))
}

#[transactional]
fn transaction(conn: &mut Session, n: i64) -> dbop::Result<()> {
    insert(conn, n)
}

#[transactional]
fn refuses(conn: &mut Session, n: i64) -> Result<(), Trouble> {
    insert(conn, n)?;
    Err(Trouble::Refused)
}

#[transactional]
fn panics(conn: &mut Session, n: i64) -> dbop::Result<()> {
    insert(conn, n)?;
    panic!("in the body");
}

#[db_op(read_only)]
fn reads(conn: &mut Session) -> dbop::Result<i64> {
    staged_count(conn)
}

#[transactional(read_only)]
fn reads_in_a_transaction(conn: &mut Session) -> dbop::Result<i64> {
    staged_count(conn)
}

fn staged_count(conn: &mut Session) -> dbop::Result<i64> {
    dbop_tests::blocking::rusqlite::number(&conn.inner, "SELECT count(*) FROM notes")
}

/// Checks that the pool serves the next caller, with a clean connection that may write.
async fn is_usable(world: &World, context: &str) {
    static NEXT: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(1000);
    let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    for call in 0..2 {
        let next = timeout(
            Duration::from_secs(20),
            transaction(world, n + call * 100_000),
        );
        let next = next.await.unwrap_or_else(|_| panic!("{context}: stuck"));
        next.unwrap_or_else(|error| panic!("{context}: {error}"));
    }
    let rows = world
        .seen(&format!(
            "SELECT count(*) FROM notes WHERE n % 100000 = {n}"
        ))
        .await;
    assert_eq!(rows, 2, "{context}");
}

#[tokio::test]
async fn a_driver_that_panics_at_any_stage_surfaces_and_leaves_a_usable_pool() {
    let (world, script) = narrow().await;
    let n = -1;
    for stage in [
        Stage::Connect,
        Stage::Begin,
        Stage::Status,
        Stage::Commit,
        Stage::Rollback,
    ] {
        script.at(stage, Act::Panic);
        let call = async {
            match stage {
                Stage::Rollback => refuses(&world, n).await.map_err(|_| ()),
                _ => transaction(&world, n).await.map_err(|_| ()),
            }
        };
        let ended = AssertUnwindSafe(call).catch_unwind().await;
        assert!(ended.is_err(), "{stage:?}: {ended:?}");
        assert_eq!(world.rows(n).await, 0, "{stage:?}");
        is_usable(&world, &format!("a panic at {stage:?}")).await;
    }
    script.at(Stage::ReadOnlyOn, Act::Panic);
    let ended = AssertUnwindSafe(reads(&world)).catch_unwind().await;
    assert!(ended.is_err(), "the guard is set");
    is_usable(&world, "a panic while the guard is set").await;
    reads(&world).await.unwrap();
    script.at(Stage::ReadOnlyOff, Act::Panic);
    let call = AssertUnwindSafe(transaction(&world, n));
    assert!(call.catch_unwind().await.is_err(), "the guard is taken off");
    is_usable(&world, "a panic while the guard is taken off").await;
}

#[tokio::test]
async fn a_guard_is_set_once_for_calls_that_read_and_taken_off_for_one_that_writes() {
    let (world, script) = narrow().await;
    for _ in 0..3 {
        reads(&world).await.unwrap();
        reads_in_a_transaction(&world).await.unwrap();
    }
    let counts = |script: &Script| {
        let of = |stage| script.count(stage);
        (of(Stage::ReadOnlyOn), of(Stage::ReadOnlyOff))
    };
    assert_eq!(counts(&script), (1, 0));
    transaction(&world, 1).await.unwrap();
    transaction(&world, 2).await.unwrap();
    assert_eq!(counts(&script), (1, 1));
    assert_eq!(world.rows(1).await + world.rows(2).await, 2);
}

/// The caller gets the body's own panic or error, not the driver's error.
#[tokio::test]
async fn a_rollback_that_fails_after_a_panic_or_an_error_does_not_hide_it() {
    let (world, script) = narrow().await;
    script.at(Stage::Rollback, Act::Lose);
    let ended = AssertUnwindSafe(panics(&world, -1)).catch_unwind().await;
    let panic = ended.expect_err("the body panics");
    assert_eq!(panic.downcast_ref(), Some(&"in the body"));
    is_usable(&world, "after a panic").await;
    script.at(Stage::Rollback, Act::Lose);
    let refused = refuses(&world, -1).await;
    assert!(matches!(refused, Err(Trouble::Refused)), "{refused:?}");
    is_usable(&world, "after an error").await;
    script.at(Stage::Status, Act::Lose);
    let refused = refuses(&world, -1).await;
    assert!(matches!(refused, Err(Trouble::Refused)), "{refused:?}");
    is_usable(&world, "after a status").await;
    assert_eq!(world.rows(-1).await, 0);
    assert_eq!(script.count(Stage::Connect), 4, "each was closed");
}

#[tokio::test]
async fn a_connection_that_is_lost_before_the_commit_is_replayed_on_another() {
    for stage in [Stage::Connect, Stage::Begin, Stage::Status] {
        let (world, script) = narrow().await;
        script.at(stage, Act::Lose);
        transaction(&world, 1).await.unwrap();
        assert_eq!(world.rows(1).await, 1, "{stage:?}");
        is_usable(&world, &format!("lost at {stage:?}")).await;
    }
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_unknown_and_not_replayed() {
    let (world, script) = narrow().await;
    script.at(Stage::Commit, Act::Lose);
    let error = transaction(&world, 1).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome().unwrap(), error.attempts()),
        (ErrorKind::CompletionUnknown, Outcome::Unknown, 1),
        "{error}"
    );
    is_usable(&world, "after a lost answer").await;
}

#[tokio::test]
async fn a_guard_that_cannot_be_taken_off_costs_the_connection() {
    let (world, script) = narrow().await;
    for n in 1..3 {
        let ended = match n {
            1 => reads(&world).await,
            _ => reads_in_a_transaction(&world).await,
        };
        assert!(ended.is_ok(), "{ended:?}");
        script.at(Stage::ReadOnlyOff, Act::Lose);
        is_usable(&world, "the guard").await;
        assert_eq!(script.count(Stage::Connect), n + 1);
    }
}

#[tokio::test]
async fn a_connection_that_is_not_valid_any_more_is_replaced() {
    let (world, script) = narrow().await;
    for act in [Act::Lose, Act::Panic] {
        transaction(&world, -1).await.ok();
        tokio::time::sleep(UNTRUSTED).await;
        script.at(Stage::IsValid, act);
        is_usable(&world, "not valid").await;
    }
    assert_eq!(script.count(Stage::Connect), 3);
}

#[tokio::test]
async fn a_connection_in_use_is_not_tried_before_each_call() {
    let (world, script) = narrow().await;
    for n in 0..20 {
        transaction(&world, n).await.unwrap();
    }
    // If the machine stood still for a second in between, the connection may have been tried once.
    assert!(script.count(Stage::IsValid) < 10);
    assert_eq!(script.count(Stage::Connect), 1);
}

#[db_op(timeout = "200ms")]
fn hurried(conn: &mut Session, n: i64) -> dbop::Result<()> {
    insert(conn, n)
}

#[tokio::test]
async fn a_connection_that_takes_too_long_to_open_or_try_is_there_for_a_later_call() {
    for stage in [Stage::Connect, Stage::IsValid] {
        let (world, script) = narrow().await;
        if stage == Stage::IsValid {
            transaction(&world, -1).await.unwrap();
            tokio::time::sleep(UNTRUSTED).await;
        }
        let gate = Gate::default();
        script.at(stage, Act::Wait(gate.clone()));
        let error = hurried(&world, 1).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome().unwrap()),
            (ErrorKind::Timeout, Outcome::RolledBack),
            "{stage:?}: {error}"
        );
        // The first connection is still being opened, and the pool has no room for another one.
        let error = hurried(&world, 2).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PoolExhausted, "{stage:?}: {error}");
        gate.open();
        is_usable(&world, &format!("{stage:?}")).await;
        assert_eq!(script.count(Stage::Connect), 1, "{stage:?}");
        assert_eq!((world.rows(1).await, world.rows(2).await), (0, 0));
    }
}

#[tokio::test]
async fn a_connection_that_does_not_answer_when_it_is_tried_gives_way_to_another() {
    let (world, script) = open(|builder| {
        builder
            .max_connections(1)
            .validation_timeout(Duration::from_millis(100))
    })
    .await;
    transaction(&world, -1).await.unwrap();
    tokio::time::sleep(UNTRUSTED).await;
    let gate = Gate::default();
    script.at(Stage::IsValid, Act::Wait(gate.clone()));
    let call = tokio::time::timeout(Duration::from_secs(20), transaction(&world, 1));
    call.await.expect("another connection").unwrap();
    assert_eq!(script.count(Stage::Connect), 2);
    gate.open();
    is_usable(&world, "after it").await;
}

#[transactional(timeout = "200ms", retry = never)]
fn hurried_transaction(conn: &mut Session, n: i64, runs: Gate) -> dbop::Result<()> {
    runs.pass();
    insert(conn, n)
}

#[tokio::test]
async fn a_deadline_in_begin_is_told_and_the_body_does_not_run_any_more() {
    let (world, script) = narrow().await;
    let (gate, runs) = (Gate::default(), Gate::opened());
    script.at(Stage::Begin, Act::Wait(gate.clone()));
    let error = hurried_transaction(&world, 1, runs.clone())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome().unwrap()),
        (ErrorKind::Timeout, Outcome::RolledBack),
        "{error}"
    );
    assert!(error.to_string().contains("begin"), "{error}");
    gate.open();
    is_usable(&world, "late in BEGIN").await;
    assert_eq!((runs.arrived(), world.rows(1).await), (0, 0));
    assert_eq!(
        script.count(Stage::Connect),
        1,
        "the connection was given back"
    );
}

#[tokio::test]
async fn a_deadline_in_rollback_does_not_say_more_than_is_known() {
    let (world, script) = narrow().await;
    #[transactional(timeout = "200ms")]
    fn refuses_soon(conn: &mut Session, n: i64) -> Result<(), Trouble> {
        insert(conn, n)?;
        Err(Trouble::Refused)
    }
    let gate = Gate::default();
    script.at(Stage::Rollback, Act::Wait(gate.clone()));
    let error = refuses_soon(&world, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.database().outcome().unwrap(), Outcome::RolledBack);
    assert_eq!(world.rows(1).await, 0);
    gate.open();
    is_usable(&world, "late in ROLLBACK").await;
}

#[tokio::test]
async fn a_commit_that_is_on_its_way_at_the_deadline_is_waited_for() {
    let (world, script) = narrow().await;
    let (gate, runs) = (Gate::default(), Gate::opened());
    script.at(Stage::Commit, Act::Wait(gate.clone()));
    let call = hurried_transaction(&world, 1, runs.clone());
    let opener = async {
        gate.has(1).await;
        // The deadline has certainly passed after this.
        tokio::time::sleep(Duration::from_millis(400)).await;
        gate.open();
    };
    let (ended, ()) = tokio::join!(call, opener);
    ended.unwrap();
    assert_eq!(world.rows(1).await, 1);
}

#[tokio::test]
async fn a_commit_that_is_never_answered_is_unknown_soon_after_the_deadline() {
    let (world, script) = narrow().await;
    let (gate, runs) = (Gate::default(), Gate::opened());
    script.at(Stage::Commit, Act::Wait(gate.clone()));
    let begun = std::time::Instant::now();
    let error = hurried_transaction(&world, 1, runs.clone())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome().unwrap()),
        (ErrorKind::CompletionUnknown, Outcome::Unknown)
    );
    assert!(begun.elapsed() < Duration::from_secs(10));
    // The first call still has its connection, and the next caller waits for it.
    let early = timeout(Duration::from_millis(200), transaction(&world, 2)).await;
    assert!(early.is_err(), "{early:?}");
    gate.open();
    is_usable(&world, "after a late COMMIT").await;
    assert_eq!(world.rows(1).await, 1);
}

#[tokio::test]
async fn a_conflict_at_begin_is_waited_out_also_by_what_is_never_retried() {
    #[transactional(retry = never)]
    fn never_retried(conn: &mut Session, n: i64) -> dbop::Result<()> {
        insert(conn, n)
    }
    let (world, script) = narrow().await;
    for _ in 0..7 {
        script.at(Stage::Begin, Act::Conflict);
    }
    never_retried(&world, 1).await.unwrap();
    for _ in 0..7 {
        script.at(Stage::Begin, Act::Conflict);
    }
    transaction(&world, 2).await.unwrap();
    assert_eq!((world.rows(1).await, world.rows(2).await), (1, 1));
    assert_eq!(script.count(Stage::Connect), 1);
}

#[tokio::test]
async fn a_call_that_waits_in_line_until_its_deadline_says_what_for() {
    let (world, script) = narrow().await;
    for _ in 0..5000 {
        script.at(Stage::Begin, Act::Conflict);
    }
    // A deadline that passes just while the database is asked is reported as such.
    for _ in 0..5 {
        let call = hurried_transaction(&world, 1, Gate::opened());
        let error = call.await.unwrap_err();
        if error.kind() == ErrorKind::Timeout {
            continue;
        }
        assert_eq!(error.kind(), ErrorKind::Serialization, "{error}");
        assert_eq!(
            (error.outcome().unwrap(), error.attempts()),
            (Outcome::RolledBack, 1)
        );
        return;
    }
    panic!("each call was told of its deadline only");
}

#[transactional]
fn waits(conn: &mut Session, n: i64, gate: &Gate) -> dbop::Result<()> {
    insert(conn, n)?;
    gate.pass();
    Ok(())
}

#[tokio::test]
async fn a_connection_that_an_interrupt_may_still_come_for_is_closed() {
    let (world, script) = narrow().await;
    script.interrupts_come_late();
    for n in 1..3 {
        let gate = Gate::default();
        tokio::select! {
            ended = waits(&world, 1, &gate) => panic!("{ended:?}"),
            () = gate.has(1) => {}
        }
        gate.open();
        is_usable(&world, "after an interrupt").await;
        assert_eq!(script.count(Stage::Connect), n + 1);
    }
    waits(&world, 2, &Gate::opened()).await.unwrap();
    assert_eq!(
        script.count(Stage::Connect),
        3,
        "this connection was not interrupted"
    );
    assert_eq!((world.rows(1).await, world.rows(2).await), (0, 1));
}

fn swap(conn: &mut rusqlite::Connection) -> dbop::Result<()> {
    *conn = rusqlite::Connection::open_in_memory()?;
    Ok(())
}

#[tokio::test]
async fn a_body_that_swaps_its_connection_is_told_that_it_ended_its_transaction() {
    #[transactional]
    fn swaps(conn: &mut Session, n: i64) -> dbop::Result<()> {
        insert(conn, n)?;
        swap(&mut conn.inner)
    }
    let (world, _script) = narrow().await;
    let error = swaps(&world, -1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionState);
    assert_eq!(world.rows(-1).await, 0);
}
