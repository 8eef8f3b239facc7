//! Faults of a body that the compiler cannot see. Each is reported once, with its place.

use std::time::Duration;

use dbop::{Conn, Tx, db_op, transactional};
use dbop_tests::Fresh;
use dbop_tests::trace::{Fields, Trace};
use sqlx::Executor;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::once::Trouble;
use super::{Database, fresh_with};

const NEVER: Duration = Duration::from_secs(3600);
const IDLE: Duration = Duration::from_millis(50);
const POLL: Duration = Duration::from_millis(300);

/// Opens a database that reports a transaction that is idle for longer than `IDLE`.
async fn strict_about_idling() -> Fresh<Database> {
    fresh_with(|builder| {
        builder
            .idle_transaction_warning(IDLE)
            .blocking_poll_warning(NEVER)
    })
    .await
}

/// Opens a database that reports a poll that takes longer than `POLL`.
async fn strict_about_polls() -> Fresh<Database> {
    fresh_with(|builder| {
        builder
            .idle_transaction_warning(NEVER)
            .blocking_poll_warning(POLL)
    })
    .await
}

/// Checks that `operation` has a single event, which names line `line` of this file, the line of
/// the operation's attribute.
#[track_caller]
fn reported_once(trace: &Trace, operation: &str, line: u32, length: &str, at_least: u64) {
    let events: Vec<Fields> = trace.events(operation);
    assert_eq!(events.len(), 1, "{events:#?}");
    let field = |name: &str| events[0].get(name).map_or("", String::as_str);
    assert_eq!(field("code.file.path"), file!());
    assert_eq!(field("code.line.number"), line.to_string());
    let length: u64 = field(length).parse().expect("milliseconds");
    assert!(length >= at_least, "{events:#?}");
}

const IDLES: u32 = line!() + 7;
#[transactional]
#[dbop::allow(
    foreign_await,
    query_in_loop,
    reason = "the watchdog has to see it idle, several times"
)]
async fn idles(tx: &mut Tx<'_, Database>, pauses: u32) -> Result<(), Trouble> {
    for _ in 0..pauses {
        tx.execute("SELECT 1").await?;
        sleep(Duration::from_millis(120)).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_transaction_that_idles_is_reported_once_with_its_place() {
    let db = strict_about_idling().await;
    let trace = Trace::start();
    idles(&*db, 3).await.unwrap();
    reported_once(&trace, "idles", IDLES, "dbop.idle_ms", 119);
}

#[tokio::test]
async fn a_transaction_that_idles_before_its_end_is_reported() {
    let db = strict_about_idling().await;
    let trace = Trace::start();
    idles(&*db, 1).await.unwrap();
    reported_once(&trace, "idles", IDLES, "dbop.idle_ms", 119);
}

const WAITS: u32 = line!() + 6;
#[transactional(timeout = "1s")]
#[dbop::allow(
    foreign_await,
    reason = "the watchdog has to see it idle until it is cut off or dropped"
)]
async fn waits_for_ever(tx: &mut Tx<'_, Database>, inside: &Notify) -> Result<(), Trouble> {
    tx.execute("SELECT 1").await?;
    inside.notify_one();
    std::future::pending().await
}

#[tokio::test]
async fn a_transaction_that_idles_until_it_is_cut_or_dropped_is_reported() {
    let db = strict_about_idling().await;
    let inside = Notify::new();
    let trace = Trace::start();
    waits_for_ever(&*db, &inside).await.unwrap_err();
    reported_once(&trace, "waits_for_ever", WAITS, "dbop.idle_ms", 51);
    inside.notified().await;
    drop(trace);
    let trace = Trace::start();
    tokio::select! {
        _ = waits_for_ever(&*db, &inside) => panic!("the call waits for a second"),
        () = async { inside.notified().await; sleep(IDLE * 2).await } => {}
    }
    reported_once(&trace, "waits_for_ever", WAITS, "dbop.idle_ms", 51);
}

const OUTER: u32 = line!() + 3;
#[transactional]
#[dbop::allow(foreign_await, reason = "the watchdog has to see it idle")]
async fn idles_outside_of_a_joined_call(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    idles(&mut *tx, 0).await?;
    sleep(Duration::from_millis(120)).await;
    idles(&mut *tx, 0).await
}

#[tokio::test]
async fn it_is_the_outermost_operation_that_holds_the_transaction() {
    let db = strict_about_idling().await;
    let trace = Trace::start();
    idles_outside_of_a_joined_call(&*db).await.unwrap();
    let outer = "idles_outside_of_a_joined_call";
    reported_once(&trace, outer, OUTER, "dbop.idle_ms", 119);
    assert!(trace.events("idles").is_empty());
}

/// Sleeps outside any transaction.
#[db_op]
async fn pauses(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    conn.execute("SELECT 1").await?;
    sleep(Duration::from_millis(120)).await;
    Ok(())
}

#[tokio::test]
async fn neither_a_busy_transaction_nor_a_session_without_one_is_reported() {
    let db = fresh_with(|builder| {
        builder
            .idle_transaction_warning(Duration::from_secs(2))
            .blocking_poll_warning(Duration::from_secs(2))
    })
    .await;
    let trace = Trace::start();
    idles(&*db, 2).await.unwrap();
    let strict = strict_about_idling().await;
    pauses(&*strict).await.unwrap();
    assert!(trace.events("idles").is_empty() && trace.events("pauses").is_empty());
}

const BLOCKS: u32 = line!() + 7;
#[transactional]
#[dbop::allow(
    blocking_call,
    query_in_loop,
    reason = "the watchdog has to see it block, several times"
)]
async fn blocks(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    for _ in 0..2 {
        tx.execute("SELECT 1").await?;
        std::thread::sleep(Duration::from_millis(400));
    }
    Ok(())
}

#[transactional]
async fn joins_one_that_blocks(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    blocks(&mut *tx).await
}

#[tokio::test]
async fn a_poll_that_blocks_its_thread_is_reported_once_with_its_place() {
    let db = strict_about_polls().await;
    let trace = Trace::start();
    blocks(&*db).await.unwrap();
    reported_once(&trace, "blocks", BLOCKS, "dbop.poll_ms", 399);
}

#[tokio::test]
async fn a_joined_call_that_blocks_is_reported_and_not_its_caller() {
    let db = strict_about_polls().await;
    let trace = Trace::start();
    joins_one_that_blocks(&*db).await.unwrap();
    reported_once(&trace, "blocks", BLOCKS, "dbop.poll_ms", 399);
    assert!(trace.events("joins_one_that_blocks").is_empty());
}
