//! Every way out of a call leaves the old state or the new one, and a clean pool.

use std::panic::AssertUnwindSafe;

use dbop::{Conn, Tx, db_op, transactional};
use dbop_tests::poll_at_most;
use futures_util::FutureExt;

use super::Database;
use super::bank::{self, balance, transfer};
use super::notes::{self, Runs, Trouble, insert, note, note_and_refuse, soon, stored};

#[tokio::test]
async fn the_only_connection_is_clean_after_an_error() {
    let db = notes::open_narrow().await;
    let error = note_and_refuse(&*db, 1).await.unwrap_err();
    assert!(matches!(error, Trouble::Refused));
    soon("the next call", note(&*db, 1)).await.unwrap();
    assert_eq!(stored(&db).await, [1]);
}

#[derive(Debug, PartialEq)]
struct Payload(u32);

#[transactional]
async fn panics(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    runs.next();
    insert(&mut *tx, 3).await?;
    std::panic::panic_any(Payload(42));
}

#[db_op(idempotent)]
async fn op_panics(conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    runs.next();
    insert(&mut *conn, 7).await?;
    std::panic::panic_any(Payload(42));
}

#[transactional]
async fn joins_what_panics(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    insert(&mut *tx, 2).await?;
    panics(&mut *tx, runs).await
}

async fn payload_of(call: impl Future<Output = Result<(), Trouble>>) -> Payload {
    let panic = AssertUnwindSafe(call).catch_unwind().await.unwrap_err();
    *panic.downcast().expect("the body's own payload")
}

#[tokio::test]
async fn a_panic_rolls_back_and_goes_on_with_its_payload() {
    let db = notes::open_narrow().await;
    let runs = Runs::default();
    assert_eq!(payload_of(panics(&*db, &runs)).await, Payload(42));
    soon("the next call", note(&*db, 1)).await.unwrap();
    assert_eq!(
        payload_of(joins_what_panics(&*db, &runs)).await,
        Payload(42)
    );
    soon("the next call", note(&*db, 2)).await.unwrap();
    assert_eq!(
        runs.count(),
        2,
        "each call ran once: a panic is not retried"
    );
    assert_eq!(stored(&db).await, [1, 2]);
}

#[tokio::test]
async fn a_panic_in_an_operation_is_not_retried_and_frees_its_connection() {
    let db = notes::open_narrow().await;
    let runs = Runs::default();
    assert_eq!(payload_of(op_panics(&*db, &runs)).await, Payload(42));
    assert_eq!(runs.count(), 1);
    soon("the next call", note(&*db, 1)).await.unwrap();
    assert_eq!(stored(&db).await, [1, 7]);
}

#[transactional]
async fn catches_a_joined_panic(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    insert(&mut *tx, 2).await?;
    let caught = AssertUnwindSafe(panics(&mut *tx, runs))
        .catch_unwind()
        .await;
    assert!(caught.is_err());
    Ok(())
}

#[tokio::test]
async fn a_caught_panic_of_a_joined_call_rolls_the_transaction_back() {
    let db = notes::open_narrow().await;
    let error = catches_a_joined_panic(&*db, &Runs::default())
        .await
        .unwrap_err();
    let message = error.database().to_string();
    assert!(message.contains("`panics`"), "{message}");
    assert!(stored(&db).await.is_empty());
}

#[transactional]
async fn tries_out(tx: &mut Tx<'_, Database>) -> Result<i64, Trouble> {
    tx.set_rollback_only();
    insert(&mut *tx, 1).await?;
    note(&mut *tx, 2).await?;
    Ok(42)
}

#[transactional]
async fn joins_what_is_tried_out(tx: &mut Tx<'_, Database>) -> Result<i64, Trouble> {
    insert(&mut *tx, 3).await?;
    tries_out(&mut *tx).await
}

#[tokio::test]
async fn rollback_only_returns_the_value_and_stores_nothing() {
    let db = notes::open_narrow().await;
    assert_eq!(tries_out(&*db).await.unwrap(), 42);
    assert!(stored(&db).await.is_empty());
    assert_eq!(joins_what_is_tried_out(&*db).await.unwrap(), 42);
    assert!(stored(&db).await.is_empty());
}

// --- callers that go away -------------------------------------------------------------------------

#[tokio::test]
async fn a_transfer_dropped_at_any_poll_is_all_there_or_not_at_all() {
    let db = bank::open_with(|builder| builder.max_connections(1)).await;
    for polls in 1..=500 {
        let before = balance(&*db, 1).await.unwrap();
        let call = poll_at_most(polls, transfer(&*db, 1, 2, 1));
        let ended = soon("a transfer", call).await;

        // The next call waits for the same rows, so what was left behind has ended when it returns.
        let next = soon("the next call", transfer(&*db, 3, 4, 0));
        next.await.unwrap();
        let touch = soon("a call for the same rows", transfer(&*db, 1, 2, 0));
        touch.await.unwrap();
        let after = balance(&*db, 1).await.unwrap();
        assert!(
            [before, before - 1].contains(&after),
            "{before} became {after}"
        );
        let other = balance(&*db, 2).await.unwrap();
        assert_eq!(after + other, 200, "dropped after {polls} polls");
        if let Some(result) = ended {
            result.unwrap();
            assert_eq!(after, before - 1);
            return;
        }
    }
    panic!("a transfer never ended");
}
