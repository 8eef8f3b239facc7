//! What the server is told about time, and what becomes of a statement that has no time left.

use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use dbop::{Conn, Db, ErrorKind, Outcome, Tx, db_op, transactional};
use dbop_tests::eventually;
use dbop_tests::proxy::{Message, Proxy};
use sqlx::{PgConnection, Postgres};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::common::bank::{self, balance, transfer};
use super::common::replay::{Failure, notes};
use super::outside;

const NEVER: Duration = Duration::from_secs(30);
/// Less than the five seconds that sqlx by itself waits before it gives up a busy connection.
const BEFORE_SQLX: Duration = Duration::from_secs(4);

const SLOW: &str = "INSERT INTO log SELECT 1, pg_sleep(1000)::text";

#[db_op(timeout = "500ms")]
async fn sleep(conn: &mut Conn<'_, Postgres>, pid: &AtomicI32) -> Result<(), Failure> {
    pid.store(own_pid(&mut *conn).await?, Ordering::Relaxed);
    sqlx::query(SLOW).execute(&mut *conn).await?;
    Ok(())
}

#[transactional(timeout = "500ms")]
async fn sleep_in_tx(tx: &mut Tx<'_, Postgres>, pid: &AtomicI32) -> Result<(), Failure> {
    pid.store(own_pid(&mut *tx).await?, Ordering::Relaxed);
    sqlx::query(SLOW).execute(&mut *tx).await?;
    Ok(())
}

#[db_op]
async fn whoami(conn: &mut Conn<'_, Postgres>) -> Result<i32, Failure> {
    Ok(own_pid(&mut *conn).await?)
}

async fn own_pid<'e>(executor: impl sqlx::PgExecutor<'e>) -> sqlx::Result<i32> {
    sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(executor)
        .await
}

/// Returns whether this backend still runs a `pg_sleep` statement.
async fn still_sleeps(watch: &Mutex<PgConnection>, pid: i32) -> bool {
    let sql = "SELECT EXISTS (SELECT FROM pg_stat_activity
        WHERE pid = $1 AND state = 'active' AND query LIKE '%pg_sleep%')";
    let exists = sqlx::query_scalar(sql).bind(pid);
    exists.fetch_one(&mut *watch.lock().await).await.unwrap()
}

#[tokio::test]
async fn a_slow_statement_is_stopped_on_the_server_and_its_connection_goes_with_it() {
    let db = bank::open_with(|builder| builder.max_connections(1)).await;
    let watch = Mutex::new(outside(&db).await);
    let pid = AtomicI32::new(0);
    let cut = timeout(NEVER, sleep(&*db, &pid))
        .await
        .expect("the call ends at its deadline");
    let error = cut.unwrap_err().database();
    assert_eq!(
        (error.kind(), error.outcome().unwrap()),
        (ErrorKind::Timeout, Outcome::Unknown)
    );
    let pid = pid.into_inner();
    let next = timeout(BEFORE_SQLX, whoami(&*db))
        .await
        .expect("a connection")
        .unwrap();
    assert_ne!(
        next, pid,
        "the next borrower got the connection of the running statement"
    );
    eventually("the statement has ended", async || {
        !still_sleeps(&watch, pid).await
    })
    .await;
    assert_eq!(
        notes(&db).await,
        0,
        "the statement took no effect afterwards"
    );
}

#[tokio::test]
async fn a_slow_statement_in_a_transaction_is_stopped_and_all_of_it_rolled_back() {
    let db = bank::open_with(|builder| builder.max_connections(1)).await;
    let watch = Mutex::new(outside(&db).await);
    let pid = AtomicI32::new(0);
    let cut = timeout(NEVER, sleep_in_tx(&*db, &pid))
        .await
        .expect("the call ends at its deadline");
    let error = cut.unwrap_err().database();
    assert_eq!(
        (error.kind(), error.outcome().unwrap()),
        (ErrorKind::Timeout, Outcome::RolledBack)
    );
    let pid = pid.into_inner();
    eventually("the statement has ended", async || {
        !still_sleeps(&watch, pid).await
    })
    .await;
    timeout(NEVER, transfer(&*db, 1, 2, 10))
        .await
        .expect("a clean connection")
        .unwrap();
    assert_eq!(
        (notes(&db).await, balance(&*db, 2).await.unwrap()),
        (0, 110)
    );
}

/// Returns `statement_timeout` and `lock_timeout` in milliseconds, and the backend's process ID.
async fn timeouts<'e>(executor: impl sqlx::PgExecutor<'e>) -> sqlx::Result<(i64, i64, i32)> {
    let sql = "SELECT
        (SELECT setting::BIGINT FROM pg_settings WHERE name = 'statement_timeout'),
        (SELECT setting::BIGINT FROM pg_settings WHERE name = 'lock_timeout'),
        pg_backend_pid()";
    sqlx::query_as(sql).fetch_one(executor).await
}

#[transactional(timeout = "8s")]
async fn timeouts_in_tx(tx: &mut Tx<'_, Postgres>) -> Result<(i64, i64, i32), Failure> {
    Ok(timeouts(&mut *tx).await?)
}

#[transactional]
async fn timeouts_by_default(tx: &mut Tx<'_, Postgres>) -> Result<(i64, i64, i32), Failure> {
    Ok(timeouts(&mut *tx).await?)
}

#[db_op]
async fn timeouts_of_session(conn: &mut Conn<'_, Postgres>) -> Result<(i64, i64, i32), Failure> {
    Ok(timeouts(&mut *conn).await?)
}

#[tokio::test]
async fn the_time_left_travels_with_begin_and_is_gone_after_the_transaction() {
    let db = bank::open_with(|builder| builder.max_connections(1)).await;
    let (statement, lock, pid) = timeouts_in_tx(&*db).await.unwrap();
    assert!((1..=8000).contains(&statement), "{statement}");
    assert_eq!(lock, statement * 4 / 5);
    let (statement, lock, same) = timeouts_of_session(&*db).await.unwrap();
    assert_eq!((statement, lock, same), (30_000, 0, pid));
    let (statement, _, same) = timeouts_by_default(&*db).await.unwrap();
    assert!((1..=30_000).contains(&statement), "{statement}");
    assert_eq!(same, pid);
}

#[transactional(timeout = "1s", retry = never)]
async fn wait_for_lock(tx: &mut Tx<'_, Postgres>) -> Result<(), Failure> {
    sqlx::query("UPDATE accounts SET cents = 0 WHERE true")
        .execute(&mut *tx)
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_lock_that_takes_the_calls_time_is_reported_as_a_lock() {
    let db = bank::open().await;
    let _blocker = super::common::blocker::Blocker::locked(&db).await;
    let error = timeout(NEVER, wait_for_lock(&*db))
        .await
        .unwrap()
        .unwrap_err()
        .database();
    assert_eq!(
        (error.kind(), error.outcome().unwrap()),
        (ErrorKind::Lock, Outcome::RolledBack)
    );
}

#[transactional]
async fn plain(tx: &mut Tx<'_, Postgres>) -> Result<i32, Failure> {
    Ok(own_pid(&mut *tx).await?)
}

#[transactional(timeout = "5s", isolation = serializable)]
async fn with_options(tx: &mut Tx<'_, Postgres>) -> Result<i32, Failure> {
    Ok(own_pid(&mut *tx).await?)
}

#[transactional(read_only, timeout = "5s", isolation = serializable, deferrable)]
async fn with_all_options(tx: &mut Tx<'_, Postgres>) -> Result<i32, Failure> {
    Ok(own_pid(&mut *tx).await?)
}

/// Returns the messages that are sent in one call.
macro_rules! sent {
    ($proxy:ident, $call:expr) => {{
        // The first call prepares the statement.
        $call.await.unwrap();
        drop($proxy.take_sent());
        $call.await.unwrap();
        without_pings($proxy.take_sent())
    }};
}

/// Removes the lone `Sync` that sqlx sends when a connection is back in its pool. No call waits for
/// it.
fn without_pings(mut sent: Vec<Message>) -> Vec<Message> {
    let mut previous = b'Q';
    let mut is_ping = |message: &Message| {
        let ping = message.kind == b'S' && b"QS".contains(&previous);
        previous = message.kind;
        ping
    };
    sent.retain(|message| !is_ping(message));
    sent
}

/// Counts how often the client waited for the server: for simple queries and for the ends of
/// extended ones.
fn round_trips(sent: &[Message]) -> usize {
    sent.iter()
        .filter(|message| b"QS".contains(&message.kind))
        .count()
}

#[tokio::test]
async fn options_of_a_transaction_cost_no_round_trip() {
    let fresh = bank::open().await;
    let proxy = Proxy::before(&fresh.url).await;
    // With two connections, the second call might get another connection than the first.
    let db = Db::<Postgres>::builder()
        .url(&proxy.url)
        .max_connections(1)
        .connect()
        .await
        .unwrap();
    let bare = sent!(proxy, plain(&db));
    assert_eq!(
        round_trips(&bare),
        3,
        "BEGIN, the statement, COMMIT: {bare:?}"
    );
    let optioned = sent!(proxy, with_options(&db));
    assert_eq!(round_trips(&optioned), 3, "{optioned:?}");
    let begin = &optioned[0].text;
    assert!(
        begin.contains("SERIALIZABLE") && begin.contains("statement_timeout"),
        "{begin}"
    );
    let single = sent!(proxy, whoami(&db));
    assert_eq!(round_trips(&single), 1, "{single:?}");
    let optioned = sent!(proxy, with_all_options(&db));
    assert_eq!(round_trips(&optioned), 3, "{optioned:?}");
    assert!(
        optioned[0].text.contains("READ ONLY DEFERRABLE"),
        "{optioned:?}"
    );
}

#[tokio::test]
async fn a_timeout_is_never_sent_as_no_limit() {
    let fresh = bank::open().await;
    let proxy = Proxy::before(&fresh.url).await;
    for timeout in [Duration::ZERO, Duration::from_micros(400)] {
        let builder = Db::<Postgres>::builder().url(&proxy.url);
        // One millisecond may be too short for anything. Only what was sent matters here.
        drop(builder.statement_timeout(timeout).connect().await);
        let sent = proxy.take_sent();
        let started: Vec<_> = sent.iter().filter(|message| message.kind == 0).collect();
        assert!(!started.is_empty());
        for start in started {
            assert!(start.text.contains("statement_timeout=1 "), "{start:?}");
        }
    }
    let builder = Db::<Postgres>::builder()
        .url(&proxy.url)
        .timeout(Duration::from_micros(400));
    let db = builder.connect().await.unwrap();
    eventually("a call that got as far as BEGIN", async || {
        drop(plain(&db).await);
        proxy
            .take_sent()
            .iter()
            .any(|message| message.text.contains("statement_timeout = 1;"))
    })
    .await;
}
