//! What the environment says of single operations. A process has one environment, so each test of
//! it runs in a process of its own.

use std::future::pending;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use dbop::{Conn, Db, ErrorKind, Tx, db_op, transactional};
use dbop_tests::GIVEN_UP;
use dbop_tests::trace::Trace;
use futures_util::future::try_join_all;
use sqlx::Executor;
use tokio::time::timeout;

use super::Database;
use super::notes::{self, Runs, Trouble, insert};

#[transactional(name = "orders.place", timeout = "1h", retry = never)]
#[dbop::allow(foreign_await, reason = "the test is about a call that takes too long")]
async fn place(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    pending().await
}

#[transactional(timeout = "1h", retry = never)]
async fn place_inside(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    place(&mut *tx).await
}

#[transactional(retry(attempts = 2, base = "1ms", cap = "1ms"))]
async fn refused(_tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    runs.next();
    Err(Trouble::NotNow)
}

#[transactional(retry(attempts = 2, base = "1ms", cap = "1ms"))]
async fn refused_once(_tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    runs.next();
    Err(Trouble::NotNow)
}

#[transactional(retry = never)]
async fn never_replayed(_tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    runs.next();
    Err(Trouble::NotNow)
}

/// How many bodies run at once, and how many have at most.
#[derive(Debug, Default)]
struct Inside {
    now: AtomicU32,
    most: AtomicU32,
}

#[db_op(read_only)]
async fn look(conn: &mut Conn<'_, Database>, inside: &Inside) -> Result<(), Trouble> {
    let now = inside.now.fetch_add(1, SeqCst) + 1;
    inside.most.fetch_max(now, SeqCst);
    for _ in 0..10 {
        conn.execute("SELECT 1").await?;
    }
    inside.now.fetch_sub(1, SeqCst);
    Ok(())
}

/// Returns how many of eight calls have run at once.
async fn looking(db: &Db<Database>) -> u32 {
    let inside = Inside::default();
    let calls = try_join_all((0..8).map(|_| look(db, &inside))).await;
    calls.expect("they take turns");
    inside.most.load(SeqCst)
}

#[tokio::test]
#[ignore = "runs in a process of its own, with an environment"]
async fn overridden() {
    let db = Db::<Database>::from_env().await.unwrap();
    for call in [true, false] {
        let told = match call {
            true => timeout(GIVEN_UP, place(&db)).await,
            false => timeout(GIVEN_UP, place_inside(&db)).await,
        };
        let error = told.expect("not after an hour").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    }
    assert_eq!(notes::notes(&db).await.unwrap(), [0_i64; 0]);

    let trace = Trace::start();
    let runs = [Runs::default(), Runs::default(), Runs::default()];
    refused(&db, &runs[0]).await.unwrap_err();
    refused(&db, &Runs::default()).await.unwrap_err();
    refused_once(&db, &runs[1]).await.unwrap_err();
    never_replayed(&db, &runs[2]).await.unwrap_err();
    assert_eq!(runs.each_ref().map(Runs::count), [4, 1, 1]);
    assert_eq!(looking(&db).await, 1);
    let events = trace.events("refused");
    let told = events.iter().filter(|event| {
        let message = event.get("message").map(String::as_str);
        message == Some("the variables DBOP_OPERATION_REFUSED_.. hold for this operation")
    });
    assert_eq!(told.count(), 1, "{events:#?}");

    let url = std::env::var("DATABASE_URL").unwrap();
    let other = Db::<Database>::connect(&url).await.unwrap();
    assert!(looking(&other).await > 1, "calls run at once");
    let runs = Runs::default();
    refused(&other, &runs).await.unwrap_err();
    assert_eq!(runs.count(), 2, "this handle has not read the environment");
}

#[tokio::test]
async fn the_environment_changes_the_deadline_and_the_retries_of_one_operation() {
    let fresh = notes::open().await;
    let binary = std::env::current_exe().unwrap();
    let mut command = Command::new(binary);
    let test = "suites::common::environment::overridden";
    command.args(["--exact", test, "--ignored"]).envs([
        ("DATABASE_URL", fresh.url.as_str()),
        ("DATABASE_RETRY_BUDGET_PER_CALL", "100"),
        ("DBOP_OPERATION_ORDERS_PLACE_TIMEOUT", "500ms"),
        ("DBOP_OPERATION_REFUSED_RETRY_ATTEMPTS", "4"),
        ("DBOP_OPERATION_LOOK_MAX_CONCURRENCY", "1"),
        ("DBOP_OPERATION_REFUSED_ONCE_RETRY", "never"),
        ("DBOP_OPERATION_NEVER_REPLAYED_RETRY_ATTEMPTS", "4"),
    ]);
    let process = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = process.spawn().unwrap().wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("1 passed"), "{said}\n{errors}");
}
