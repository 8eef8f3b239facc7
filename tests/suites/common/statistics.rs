//! What is counted of each operation, beside the number of its calls.

use std::time::Duration;

use dbop::{Category, Conn, ErrorKind, OperationMetrics, Tx, db_op, transactional};
use dbop_tests::trace::Trace;
use tokio::sync::Notify;

use super::Database;
use super::bank::{self, balance};
use super::pool::{Gate, hold};
use super::replay::{Failure, Runs, add};

/// Returns the counts of an operation in this module, which is compiled once for each database, under
/// two paths.
fn counts(name: &str) -> OperationMetrics {
    let all = dbop::metrics();
    let ours = all.iter().find(|op| op.name == name && op.file == file!());
    ours.unwrap_or_else(|| panic!("{name} was not counted"))
        .clone()
}

#[db_op(read_only)]
async fn read_all(conn: &mut Conn<'_, Database>) -> Result<usize, Failure> {
    let all = sqlx::query("SELECT id FROM accounts")
        .fetch_all(&mut *conn)
        .await?;
    let one = sqlx::query("SELECT id FROM accounts WHERE id = 1");
    one.fetch_one(&mut *conn).await?;
    Ok(all.len())
}

#[transactional]
async fn change(tx: &mut Tx<'_, Database>) -> Result<(), Failure> {
    let all = sqlx::query("UPDATE accounts SET cents = cents + 1 WHERE true");
    all.execute(&mut *tx).await?;
    let returned = sqlx::query("UPDATE accounts SET cents = cents - 1 WHERE id < 3 RETURNING id");
    returned.fetch_all(&mut *tx).await?;
    change_inside(&mut *tx).await
}

#[transactional]
async fn change_inside(tx: &mut Tx<'_, Database>) -> Result<(), Failure> {
    Ok(add(&mut *tx, 1).await?)
}

#[tokio::test]
async fn statements_and_rows_count_for_the_operation_that_has_sent_them() {
    let db = bank::open().await;
    let before = db.totals();
    assert_eq!(read_all(&*db).await.unwrap(), 4);
    let read = counts("read_all");
    assert_eq!((read.calls, read.statements, read.rows), (1, 2, 4 + 1));
    assert!(read.statement_time > Duration::ZERO);
    assert!(read.statement_time <= read.total_time, "{read:#?}");

    change(&*db).await.unwrap();
    let outer = counts("change");
    // The rows that a statement returns are not counted once more as rows that it has changed.
    assert_eq!((outer.statements, outer.rows), (2, 4 + 2));
    let inner = counts("change_inside");
    assert_eq!((inner.joined, inner.statements, inner.rows), (1, 1, 1));

    let totals = db.totals();
    assert_eq!(totals.calls - before.calls, 2);
    assert_eq!(totals.statements - before.statements, 5);
    assert!(totals.held_time > before.held_time);
}

#[db_op(read_only)]
async fn pause(_conn: &mut Conn<'_, Database>, time: Duration) -> Result<(), Failure> {
    tokio::time::sleep(time).await;
    Ok(())
}

#[tokio::test]
async fn latencies_are_percentiles_of_whole_calls() {
    let db = bank::open().await;
    for _ in 0..9 {
        pause(&*db, Duration::ZERO).await.unwrap();
    }
    pause(&*db, Duration::from_millis(300)).await.unwrap();
    let latency = counts("pause").latency;
    assert!(latency.p50 < latency.p95, "{latency:?}");
    assert!(latency.p99 >= Duration::from_millis(300), "{latency:?}");
    assert!(latency.max >= latency.p99, "{latency:?}");
    assert!(counts("pause").total_time >= latency.max);
}

#[transactional]
async fn stumble(_tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Failure> {
    match runs.next() {
        run @ 1..=2 => Err(Failure::Stumbled(run)),
        3 => Ok(()),
        _ => Err(Failure::Refused),
    }
}

#[tokio::test]
async fn retries_count_by_kind_and_failures_by_category() {
    let db = bank::open().await;
    let runs = Runs::default();
    stumble(&*db, &runs).await.unwrap();
    stumble(&*db, &runs).await.unwrap_err();
    let counted = counts("stumble");
    assert_eq!(counted.retries_by_kind, [(ErrorKind::Other, 2)]);
    assert_eq!(counted.failures, [(Category::Application, 1)]);
}

#[transactional]
async fn wait_for_turn(_tx: &mut Tx<'_, Database>, has_turn: &Notify) -> Result<(), Failure> {
    has_turn.notify_one();
    Ok(())
}

#[tokio::test]
async fn the_time_of_waiting_for_a_connection_is_counted_apart() {
    let db = bank::open_with(|builder| builder.max_connections(1)).await;
    let (gate, waits, has_turn) = (Gate::default(), Notify::new(), Notify::new());
    let (held, waited, ()) = tokio::join!(
        hold(&*db, &gate),
        async {
            gate.inside.notified().await;
            waits.notify_one();
            wait_for_turn(&*db, &has_turn).await
        },
        async {
            waits.notified().await;
            let early = has_turn.notified();
            let early = tokio::time::timeout(Duration::from_millis(100), early).await;
            early.expect_err("the connection is held");
            gate.open.notify_one();
        }
    );
    held.unwrap();
    waited.unwrap();
    let counted = counts("wait_for_turn");
    assert!(
        counted.waiting_time >= Duration::from_millis(50),
        "{counted:#?}"
    );
    assert!(counted.waiting_time <= counted.total_time, "{counted:#?}");
}

#[db_op(read_only)]
async fn hold_reader(_conn: &mut Conn<'_, Database>, gate: &Gate) -> Result<(), Failure> {
    gate.inside.notify_one();
    gate.open.notified().await;
    Ok(())
}

#[db_op(read_only)]
async fn read_later(_conn: &mut Conn<'_, Database>, has_turn: &Notify) -> Result<(), Failure> {
    has_turn.notify_one();
    Ok(())
}

/// On SQLite each connection that reads is a pool of its own.
#[tokio::test]
async fn the_time_of_waiting_until_one_of_several_pools_is_free_is_counted_as_well() {
    let db = bank::open_with(|builder| builder.max_connections(2)).await;
    let (first, second, has_turn) = (Gate::default(), Gate::default(), Notify::new());
    let (held, also_held, waited, ()) = tokio::join!(
        hold_reader(&*db, &first),
        hold_reader(&*db, &second),
        async {
            first.inside.notified().await;
            second.inside.notified().await;
            let waiting = read_later(&*db, &has_turn);
            let mut waiting = std::pin::pin!(waiting);
            let early = tokio::time::timeout(Duration::from_millis(100), waiting.as_mut()).await;
            early.expect_err("both connections are held");
            first.open.notify_one();
            waiting.await
        },
        async {
            has_turn.notified().await;
            second.open.notify_one();
        }
    );
    held.unwrap();
    also_held.unwrap();
    waited.unwrap();
    let counted = counts("read_later");
    assert!(
        counted.waiting_time >= Duration::from_millis(50),
        "{counted:#?}"
    );
    assert!(counted.waiting_time <= counted.total_time, "{counted:#?}");
}

#[transactional]
async fn wait_in_vain(_tx: &mut Tx<'_, Database>) -> Result<(), Failure> {
    Ok(())
}

#[tokio::test]
async fn a_wait_without_a_connection_is_counted_once_and_is_not_taken_for_time_with_one() {
    const WAIT: Duration = Duration::from_millis(150);
    let db = bank::open_with(|builder| builder.max_connections(1).acquire_timeout(WAIT)).await;
    let gate = Gate::default();
    let (held, ()) = tokio::join!(hold(&*db, &gate), async {
        gate.inside.notified().await;
        let refused = wait_in_vain(&*db).await.unwrap_err().database();
        assert_eq!(refused.kind(), ErrorKind::PoolExhausted);
        gate.open.notify_one();
    });
    held.unwrap();
    let counted = counts("wait_in_vain");
    assert!(counted.waiting_time >= WAIT, "{counted:#?}");
    assert!(counted.waiting_time <= counted.total_time, "{counted:#?}");

    let patient = bank::open_with(|builder| builder.max_connections(1)).await;
    let (held, ()) = tokio::join!(hold(&*patient, &gate), async {
        gate.inside.notified().await;
        let gone = tokio::time::timeout(WAIT, wait_in_vain(&*patient)).await;
        gone.expect_err("the connection is held");
        gate.open.notify_one();
    });
    held.unwrap();
    let waited = counts("wait_in_vain").waiting_time - counted.waiting_time;
    assert!(waited >= WAIT.mul_f64(0.9), "{waited:?}");
    for totals in [db.totals(), patient.totals()] {
        assert!(
            totals.held_time <= totals.open_for,
            "one connection: {totals:#?}"
        );
        assert!(totals.waiting_time >= WAIT.mul_f64(0.9), "{totals:#?}");
    }
}

#[transactional(retry(attempts = 2, base = "1h", cap = "1h"), timeout = "2h")]
async fn stumble_for_long(_tx: &mut Tx<'_, Database>, failed: &Notify) -> Result<(), Failure> {
    failed.notify_one();
    Err(Failure::Stumbled(1))
}

#[tokio::test]
async fn an_attempt_that_no_other_has_followed_is_no_retry() {
    let db = bank::open().await;
    let failed = Notify::new();
    tokio::select! {
        result = stumble_for_long(&*db, &failed) => panic!("it waits for an hour: {result:?}"),
        () = async {
            failed.notified().await;
            let all_back = || async { db.sessions().is_empty() };
            dbop_tests::eventually("the attempt has ended", all_back).await;
        } => {}
    }
    let counted = counts("stumble_for_long");
    assert_eq!((counted.attempts, counted.retries), (1, 0), "{counted:#?}");
    assert_eq!(counted.retries_by_kind, [], "{counted:#?}");
}

const LOOP: u32 = line!() + 5;

#[db_op(read_only, name = "statistics.list")]
async fn list(conn: &mut Conn<'_, Database>, times: u32) -> Result<i64, Failure> {
    let mut sum = 0;
    for _ in 0..times {
        sum += balance(&mut *conn, 1).await.map_err(|_| Failure::Refused)?;
    }
    Ok(sum)
}

#[tokio::test]
async fn a_statement_that_one_call_sends_again_and_again_is_reported_with_its_loop() {
    let db = bank::open_with(|builder| builder.repeated_statement_warning(10)).await;
    let trace = Trace::start();
    list(&*db, 10).await.unwrap();
    assert_eq!(counts("statistics.list").repeating_calls, 0);
    list(&*db, 11).await.unwrap();
    list(&*db, 40).await.unwrap();
    assert_eq!(counts("statistics.list").repeating_calls, 2);
    let events = trace.events("statistics.list");
    let [event] = &events[..] else {
        panic!("one event: {events:#?}");
    };
    assert_eq!(event["dbop.loops"], LOOP.to_string());
    assert_eq!(event["dbop.repeated_by"], "balance");
    assert!(
        event["message"].contains("more than 10 times"),
        "{event:#?}"
    );
    assert!(event["message"].contains("WHERE id "), "{event:#?}");
}
