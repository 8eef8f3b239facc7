//! One handle with an async and a plain half. Each test runs the same body on both.

use std::future::pending;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use dbop::health::HealthStatus;
use dbop::{
    Conn, ErrorKind, OperationMetrics, Outcome, TwoWayDb, TwoWayScope, Tx, db_op, transactional,
};
use dbop_tests::blocking::Gate;
use dbop_tests::{Trouble, eventually, poll_at_most};
use sqlx::Executor;

use super::{Database, Session, World, insert, narrow, number, open};

type Db = TwoWayDb<Database, Session>;

const LONG: Duration = Duration::from_secs(3600);

/// The handle of this database that calls by the half that the test is about.
fn both(world: &World, is_async: bool) -> Db {
    TwoWayDb::new(world.fresh.db.clone(), world.db.clone()).async_enabled(is_async)
}

const ADD: &str =
    "INSERT INTO notes SELECT coalesce(max(id), 0) + 1, CAST($1 AS BIGINT) FROM notes";

/// Which function has run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ran {
    Async,
    Plain,
}

impl Ran {
    const fn by(is_async: bool) -> Self {
        match is_async {
            true => Self::Async,
            false => Self::Plain,
        }
    }
}

#[db_op]
fn add_plain(conn: &mut Session, n: i64) -> dbop::Result<Ran> {
    insert(conn, n)?;
    Ok(Ran::Plain)
}

#[db_op(plain = add_plain)]
async fn add(conn: &mut Conn<'_, Database>, n: i64) -> dbop::Result<Ran> {
    sqlx::query(ADD).bind(n).execute(&mut *conn).await?;
    Ok(Ran::Async)
}

#[tokio::test]
async fn a_call_takes_the_half_that_the_switch_says() {
    let world = narrow().await;
    for is_async in [true, false] {
        let db = both(&world, is_async);
        assert_eq!(db.is_async(), is_async);
        assert_eq!(add(&db, 1).await.unwrap(), Ran::by(is_async));
        assert_eq!(add(db.as_async(), 1).await.unwrap(), Ran::Async);
        assert_eq!(add(db.as_async().pool(), 1).await.unwrap(), Ran::Async);
        assert_eq!(add_plain(db.as_blocking(), 1).await.unwrap(), Ran::Plain);
    }
    assert_eq!(world.rows(1).await, 8);
    let db = TwoWayDb::new(world.fresh.db.clone(), world.db.clone());
    assert_eq!(add(&db, 1).await.unwrap(), Ran::Async, "the default");
    assert_eq!(add(&db.clone(), 1).await.unwrap(), Ran::Async);
}

/// A process has one environment, so this runs in a process of its own.
#[tokio::test]
#[ignore = "runs in a process of its own, with an environment"]
async fn switched() {
    let world = narrow().await;
    let builder = || dbop::Db::<Database>::builder().env().unwrap();
    let builder = || builder().url(world.fresh.url.as_str());
    let db = Db::open(builder(), world.db.clone()).await.unwrap();
    assert_eq!(add(&db, 1).await.unwrap(), Ran::Plain);
    assert_eq!(add(db.as_async(), 1).await.unwrap(), Ran::Async);
    let on = db.clone().async_enabled(true);
    assert_eq!(add(&on, 1).await.unwrap(), Ran::Async);
    let error = builder().connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("`TwoWayDb`"), "{error}");
}

#[test]
fn the_environment_switches_a_handle_of_two_halves_and_no_other() {
    for name in ["ASYNC_DATABASE_ENABLED", "DATABASE_ASYNC_ENABLED"] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let test = "suites::blocking::common::two_way::switched";
        let command = command.args(["--exact", test, "--ignored"]);
        let output = command.env(name, "false").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("1 passed"), "{said}\n{errors}");
    }
}

#[transactional]
fn move_plain(conn: &mut Session, n: i64, fails: bool) -> Result<Ran, Trouble> {
    insert(conn, n)?;
    insert(conn, n)?;
    match fails {
        true => Err(Trouble::Refused),
        false => Ok(Ran::Plain),
    }
}

#[transactional(plain = move_plain)]
async fn move_it(tx: &mut Tx<'_, Database>, n: i64, fails: bool) -> Result<Ran, Trouble> {
    add(&mut *tx, n).await?;
    add(&mut *tx, n).await?;
    match fails {
        true => Err(Trouble::Refused),
        false => Ok(Ran::Async),
    }
}

#[tokio::test]
async fn a_transaction_is_committed_on_ok_and_rolled_back_on_err_by_either_half() {
    let world = narrow().await;
    for (is_async, n) in [(true, 1), (false, 2)] {
        let db = both(&world, is_async);
        let failed = move_it(&db, n, true).await;
        assert!(matches!(failed, Err(Trouble::Refused)), "{failed:?}");
        assert_eq!(world.rows(n).await, 0);
        assert_eq!(move_it(&db, n, false).await.unwrap(), Ran::by(is_async));
        assert_eq!(world.rows(n).await, 2);
    }
}

#[transactional]
async fn joins(tx: &mut Tx<'_, Database>, n: i64, fails: bool) -> Result<Ran, Trouble> {
    let ran = add(&mut *tx, n).await?;
    assert_eq!(ran, move_it(&mut *tx, n, fails).await?);
    Ok(ran)
}

/// A function of the application's own between the two.
async fn passed_on(scope: impl TwoWayScope<Database>, n: i64) -> Result<Ran, Trouble> {
    move_it(scope, n, false).await
}

/// A function from before the handle had two halves.
async fn passed_on_before(scope: impl dbop::Scope<Database>, n: i64) -> Result<Ran, Trouble> {
    move_it(scope, n, false).await
}

#[tokio::test]
async fn a_call_inside_an_async_session_runs_the_async_function_and_joins_it() {
    let world = narrow().await;
    let db = both(&world, false);
    let failed = joins(db.as_async(), 1, true).await;
    assert!(matches!(failed, Err(Trouble::Refused)), "{failed:?}");
    assert_eq!(world.rows(1).await, 0);
    assert_eq!(joins(db.as_async(), 1, false).await.unwrap(), Ran::Async);
    assert_eq!(world.rows(1).await, 3);
}

#[tokio::test]
async fn a_function_between_passes_the_choice_on() {
    let world = narrow().await;
    let db = both(&world, false);
    assert_eq!(passed_on(&db, 1).await.unwrap(), Ran::Plain);
    assert_eq!(
        passed_on_before(db.as_async(), 1).await.unwrap(),
        Ran::Async
    );
    assert_eq!(world.rows(1).await, 4);
}

/// Fails as often as it says, with an error that passes.
#[transactional(retry(attempts = 3, base = "1ms", cap = "1ms"))]
fn unlucky_plain(conn: &mut Session, n: i64, left: &Arc<AtomicU32>) -> Result<Ran, Trouble> {
    insert(conn, n)?;
    match left.fetch_sub(1, SeqCst) {
        0 => Ok(Ran::Plain),
        _ => Err(Trouble::NotNow),
    }
}

#[transactional(plain = unlucky_plain, retry(attempts = 3, base = "1ms", cap = "1ms"))]
async fn unlucky(tx: &mut Tx<'_, Database>, n: i64, left: &Arc<AtomicU32>) -> Result<Ran, Trouble> {
    add(&mut *tx, n).await?;
    match left.fetch_sub(1, SeqCst) {
        0 => Ok(Ran::Async),
        _ => Err(Trouble::NotNow),
    }
}

#[tokio::test]
async fn an_attempt_that_fails_is_repeated_on_the_same_half() {
    let world = narrow().await;
    for (is_async, n) in [(true, 1), (false, 2)] {
        let db = both(&world, is_async);
        let left = Arc::new(AtomicU32::new(2));
        assert_eq!(unlucky(&db, n, &left).await.unwrap(), Ran::by(is_async));
        assert_eq!(world.rows(n).await, 1);
        let too_many = Arc::new(AtomicU32::new(9));
        let failed = unlucky(&db, n, &too_many).await;
        assert!(matches!(failed, Err(Trouble::NotNow)), "{failed:?}");
        assert_eq!(too_many.load(SeqCst), 6, "three attempts");
        assert_eq!(world.rows(n).await, 1);
    }
}

/// Where a body of either kind waits: a plain one at a gate, and an async one until it is dropped.
#[derive(Clone, Debug, Default)]
struct Door {
    gate: Gate,
    arrived: Arc<AtomicU32>,
}

impl Door {
    async fn has_one(&self) {
        eventually("a body comes to the door", async || {
            self.arrived.load(SeqCst) == 1 || self.gate.arrived() == 1
        })
        .await;
    }
}

#[transactional]
fn wait_plain(conn: &mut Session, n: i64, door: &Door) -> dbop::Result<()> {
    insert(conn, n)?;
    door.gate.pass();
    insert(conn, n)
}

#[transactional(plain = wait_plain)]
#[dbop::allow(
    foreign_await,
    reason = "the tests are about calls that are in their bodies"
)]
async fn wait(tx: &mut Tx<'_, Database>, n: i64, door: &Door) -> dbop::Result<()> {
    add(&mut *tx, n).await?;
    door.arrived.fetch_add(1, SeqCst);
    pending().await
}

#[tokio::test]
async fn a_transaction_whose_caller_goes_away_leaves_nothing_on_either_half() {
    let world = narrow().await;
    for (is_async, n) in [(true, 1), (false, 2)] {
        let (db, door) = (both(&world, is_async), Door::default());
        tokio::select! {
            ended = wait(&db, n, &door) => panic!("{ended:?}"),
            () = door.has_one() => {}
        }
        door.gate.open();
        // The one connection of this half is clean again.
        assert_eq!(add(&db, 10 + n).await.unwrap(), Ran::by(is_async));
        assert_eq!((world.rows(n).await, world.rows(10 + n).await), (0, 1));
    }
}

#[transactional(timeout = "300ms", retry = never)]
fn late_plain(conn: &mut Session, n: i64, door: Door) -> Result<(), Trouble> {
    insert(conn, n)?;
    door.gate.pass();
    Ok(())
}

#[transactional(plain = late_plain, timeout = "300ms", retry = never)]
#[dbop::allow(foreign_await, reason = "the test is about a call that is late")]
async fn late(tx: &mut Tx<'_, Database>, n: i64, door: Door) -> Result<(), Trouble> {
    add(&mut *tx, n).await?;
    door.arrived.fetch_add(1, SeqCst);
    pending().await
}

#[tokio::test]
async fn a_deadline_and_its_outcome_hold_on_either_half_under_the_name_of_its_function() {
    let world = narrow().await;
    for (is_async, name) in [(true, "late"), (false, "late_plain")] {
        let (db, door) = (both(&world, is_async), Door::default());
        let error = late(&db, 1, door.clone()).await.unwrap_err();
        let error = error.database();
        door.gate.open();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert_eq!(error.outcome(), Some(Outcome::RolledBack), "{error}");
        assert_eq!((error.operation(), error.attempts()), (Some(name), 1));
        assert_eq!(add(&db, 2).await.unwrap(), Ran::by(is_async));
        assert_eq!(world.rows(1).await, 0);
    }
}

#[db_op(read_only)]
fn counted_plain(conn: &mut Session) -> dbop::Result<i64> {
    number(conn, "SELECT count(*) FROM notes")
}

#[db_op(read_only, plain = counted_plain)]
async fn counted(conn: &mut Conn<'_, Database>) -> dbop::Result<i64> {
    let count = sqlx::query_scalar("SELECT count(*) FROM notes");
    Ok(count.fetch_one(&mut *conn).await?)
}

#[tokio::test]
async fn each_function_is_counted_under_its_own_name() {
    let world = open(|builder| builder).await;
    let calls = |name: &str| {
        let is_it = |op: &OperationMetrics| op.name == name && op.file == file!();
        let found = dbop::metrics().into_iter().find(is_it);
        found.map_or((0, 0), |op| (op.calls, op.committed))
    };
    for (is_async, expected) in [(true, [(1, 1), (0, 0)]), (false, [(1, 1), (1, 1)])] {
        assert_eq!(counted(&both(&world, is_async)).await.unwrap(), 0);
        assert_eq!([calls("counted"), calls("counted_plain")], expected);
    }
}

#[tokio::test]
async fn one_shutdown_ends_both_halves_and_says_what_became_of_the_calls_of_both() {
    let world = open(|builder| builder).await;
    let (by_async, by_plain) = (both(&world, true), both(&world, false));
    let door = Door::default();
    let shutdown = async {
        door.has_one().await;
        let mut shutdown = Box::pin(by_async.shutdown(LONG));
        assert!(poll_at_most(1, &mut shutdown).await.is_none());
        for db in [&by_async, &by_plain] {
            let error = add(db, 1).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ShuttingDown, "{error}");
            assert!(!db.ready().await.ready);
        }
        door.gate.open();
        shutdown.await
    };
    let (waited, shutdown) = tokio::join!(wait(&by_plain, 2, &door), shutdown);
    waited.unwrap();
    assert!(shutdown.is_complete(), "{shutdown:?}");
    assert_eq!(shutdown.finished, 1);
}

#[tokio::test]
async fn a_shutdown_cuts_off_a_call_of_either_half_at_its_deadline() {
    for (is_async, name) in [(true, "wait"), (false, "wait_plain")] {
        let world = open(|builder| builder).await;
        let (db, door) = (both(&world, is_async), Door::default());
        let shutdown = async {
            door.has_one().await;
            let cut = db.shutdown(Duration::ZERO).await;
            door.gate.open();
            cut
        };
        let (waited, shutdown) = tokio::join!(wait(&db, 1, &door), shutdown);
        let error = waited.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ShuttingDown, "{error}");
        assert_eq!(error.outcome(), Some(Outcome::RolledBack), "{error}");
        assert_eq!(shutdown.rolled_back, [name], "{shutdown:?}");
    }
}

#[tokio::test]
async fn close_closes_both_halves() {
    let world = open(|builder| builder).await;
    let db = both(&world, true);
    add(&db, 1).await.unwrap();
    add(&both(&world, false), 1).await.unwrap();
    db.close().await;
    assert!(db.as_async().pool().is_closed());
    let error = add_plain(db.as_blocking(), 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ShuttingDown, "{error}");
}

#[tokio::test]
async fn health_and_sessions_are_those_of_both_halves() {
    let world = narrow().await;
    let db = both(&world, false);
    assert_eq!(db.health().await.status, HealthStatus::Healthy);
    let door = Door::default();
    let look = async {
        door.has_one().await;
        let health = db.health().await;
        let held: Vec<_> = db.sessions().iter().map(|it| it.operation).collect();
        door.gate.open();
        (health, held)
    };
    let (waited, (health, held)) = tokio::join!(wait(&db, 1, &door), look);
    waited.unwrap();
    assert_eq!(health.status, HealthStatus::Degraded);
    assert_eq!(
        health.problems,
        ["All 1 connections of the plain half are in use."]
    );
    assert_eq!(held, ["wait_plain"]);
    assert_eq!(db.health().await.status, HealthStatus::Healthy);
}

/// A service that keeps the handle.
#[derive(Clone)]
struct Notes {
    db: Db,
    n: i64,
}

impl Notes {
    #[db_op]
    fn add_plain(&self, conn: &mut Session, more: i64) -> dbop::Result<Ran> {
        insert(conn, self.n + more)?;
        Ok(Ran::Plain)
    }

    #[db_op(db = self.db, plain = Self::add_plain)]
    async fn add(&self, conn: &mut Conn<'_, Database>, more: i64) -> dbop::Result<Ran> {
        add(&mut *conn, self.n + more).await
    }

    #[transactional]
    fn twice_plain(&self, (a, b): (i64, i64), #[session] conn: &mut Session) -> dbop::Result<Ran> {
        insert(conn, self.n + a)?;
        insert(conn, self.n + b)?;
        Ok(Ran::Plain)
    }

    #[transactional(plain = Notes::twice_plain)]
    async fn twice(&self, (a, b): (i64, i64), tx: &mut Tx<'_, Database>) -> dbop::Result<Ran> {
        add(&mut *tx, self.n + a).await?;
        add(&mut *tx, self.n + b).await
    }
}

#[tokio::test]
async fn methods_find_their_twin_and_take_the_handle_from_self_or_from_the_caller() {
    let world = narrow().await;
    for is_async in [true, false] {
        let notes = Notes {
            db: both(&world, is_async),
            n: 100,
        };
        assert_eq!(notes.add(1).await.unwrap(), Ran::by(is_async));
        let twice = notes.twice((2, 3), &notes.db).await;
        assert_eq!(twice.unwrap(), Ran::by(is_async));
    }
    for n in [101, 102, 103] {
        assert_eq!(world.rows(n).await, 2);
    }
}

#[tokio::test]
async fn a_call_can_be_spawned_on_either_half() {
    let world = narrow().await;
    for is_async in [true, false] {
        let db = both(&world, is_async);
        let ran = tokio::spawn(async move { add(&db, 1).await })
            .await
            .unwrap();
        assert_eq!(ran.unwrap(), Ran::by(is_async));
    }
}

#[db_op]
async fn count_by_itself(conn: &mut Conn<'_, Database>) -> dbop::Result<()> {
    conn.execute("SELECT 1").await?;
    Ok(())
}

#[tokio::test]
async fn a_function_without_a_twin_takes_the_async_half_by_name() {
    let world = narrow().await;
    let db = both(&world, false);
    count_by_itself(db.as_async()).await.unwrap();
}
