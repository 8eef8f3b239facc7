//! `once = key` inside a transaction: the marker and the body share a savepoint.

use dbop::{Category, ErrorKind, Outcome, Tx, transactional};
use sqlx::Executor;

use super::Database;
use super::once::{Receipt, Runs, Trouble, open, pay, rows};

#[transactional]
async fn pay_twice(
    tx: &mut Tx<'_, Database>,
    runs: &Runs,
    fail: bool,
) -> Result<[Receipt; 2], Trouble> {
    let first = pay(&mut *tx, 1, 5.0, runs).await?;
    let second = pay(&mut *tx, 1, 5.0, runs).await?;
    if fail {
        return Err(Trouble::Refused);
    }
    Ok([first, second])
}

#[tokio::test]
async fn a_joined_call_takes_effect_with_its_transaction_and_not_without() {
    let (db, runs) = (open().await, Runs::default());
    pay_twice(&*db, &runs, true).await.unwrap_err();
    assert_eq!(rows(&db, "payments").await, 0);
    let [first, second] = pay_twice(&*db, &runs, false).await.unwrap();
    assert_eq!(first, second);
    assert_eq!((runs.count(), rows(&db, "payments").await), (2, 1));
    assert_eq!(rows(&db, "dbop_once").await, 1);
    assert_eq!(pay(&*db, 1, 5.0, &runs).await.unwrap(), first);
}

#[transactional(once = id)]
async fn pay_and_fail(tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
    tx.execute("INSERT INTO payments VALUES (99, 99)").await?;
    let _ = id;
    Err(Trouble::Refused)
}

#[transactional]
async fn pay_although_one_fails(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    let failed = pay_and_fail(&mut *tx, 9).await;
    assert!(matches!(failed, Err(Trouble::Refused)), "{failed:?}");
    pay(&mut *tx, 1, 5.0, runs).await?;
    let reused = pay(&mut *tx, 1, 6.0, runs).await.unwrap_err();
    assert_eq!(reused.database().kind(), ErrorKind::KeyReused);
    Ok(())
}

#[tokio::test]
async fn a_joined_call_that_fails_is_undone_alone_with_its_marker() {
    let (db, runs) = (open().await, Runs::default());
    pay_although_one_fails(&*db, &runs).await.unwrap();
    assert_eq!(rows(&db, "payments").await, 1);
    assert_eq!(rows(&db, "dbop_once").await, 1);
    assert_eq!(rows(&db, "payments WHERE id = 99").await, 0);
}

#[transactional(once = id)]
async fn pay_inside_itself(
    tx: &mut Tx<'_, Database>,
    id: i64,
    #[once(skip)] depth: u32,
) -> Result<(), Trouble> {
    if depth > 0 {
        Box::pin(pay_inside_itself(&mut *tx, id, depth - 1)).await?;
    }
    Ok(())
}

fn is_a_mistake_that_did_nothing(error: &dbop::Error) {
    let text = error.to_string();
    assert!(text.contains("called inside itself"), "{text}");
    assert!(text.contains("a key of its own"), "{text}");
    assert_eq!(error.category(), Category::Programming, "{text}");
    assert_eq!(error.kind(), ErrorKind::TransactionState, "{text}");
    assert_eq!(error.outcome().unwrap(), Outcome::RolledBack, "{text}");
}

#[tokio::test]
async fn a_call_inside_itself_with_the_same_key_is_an_error_and_no_hang() {
    let db = open().await;
    for depth in 1..=3 {
        let error = pay_inside_itself(&*db, 1, depth).await.unwrap_err();
        is_a_mistake_that_did_nothing(error.database());
        assert_eq!(rows(&db, "dbop_once").await, 0);
    }
    pay_inside_itself(&*db, 1, 0).await.unwrap();
}

#[transactional]
async fn joins_one_inside_itself(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    for _ in 0..2 {
        let error = pay_inside_itself(&mut *tx, 1, 2).await.unwrap_err();
        is_a_mistake_that_did_nothing(error.database());
    }
    // A call that was undone does not count as running.
    pay_inside_itself(&mut *tx, 1, 0).await?;
    pay_inside_itself(&mut *tx, 1, 0).await
}

#[tokio::test]
async fn a_joined_call_inside_itself_is_undone_alone() {
    let db = open().await;
    joins_one_inside_itself(&*db).await.unwrap();
    assert_eq!(rows(&db, "dbop_once").await, 1);
}

#[transactional(once = id)]
async fn pay_with_another_key_inside(
    tx: &mut Tx<'_, Database>,
    id: i64,
    #[once(skip)] runs: &Runs,
) -> Result<Receipt, Trouble> {
    pay(&mut *tx, id, 5.0, runs).await
}

#[tokio::test]
async fn one_key_for_two_operations_of_which_one_runs_inside_the_other_is_no_mistake() {
    let (db, runs) = (open().await, Runs::default());
    for _ in 0..2 {
        pay_with_another_key_inside(&*db, 1, &runs).await.unwrap();
        assert_eq!((runs.count(), rows(&db, "payments").await), (1, 1));
    }
    assert_eq!(rows(&db, "dbop_once").await, 2);
}

/// Leaves the marker as it is after a transaction that was committed past dbop.
const UNANSWERED: &str = "UPDATE dbop_once SET result = NULL";

fn is_not_known(error: &dbop::Error) {
    let text = error.to_string();
    assert!(
        text.contains("committed by something other than dbop"),
        "{text}"
    );
    assert!(!text.contains("inside itself"), "{text}");
    assert_eq!(error.category(), Category::Ambiguous, "{text}");
    assert_eq!(error.kind(), ErrorKind::CompletionUnknown, "{text}");
    assert_eq!(error.outcome().unwrap(), Outcome::Unknown, "{text}");
}

#[tokio::test]
async fn a_committed_marker_without_an_answer_is_not_known_joined_or_not() {
    let (db, runs) = (open().await, Runs::default());
    pay(&*db, 7, 5.0, &runs).await.unwrap();
    db.pool().execute(UNANSWERED).await.unwrap();
    let error = pay(&*db, 7, 5.0, &runs).await.unwrap_err();
    is_not_known(error.database());
    let error = pay_later(&*db, 7, &runs).await.unwrap_err();
    is_not_known(error.database());
    assert_eq!((runs.count(), rows(&db, "payments").await), (1, 1));
}

#[transactional(timeout = "20s")]
async fn pay_later(tx: &mut Tx<'_, Database>, id: i64, runs: &Runs) -> Result<Receipt, Trouble> {
    // This statement reads the table before any payment, so that the snapshot is older than the
    // marker.
    tx.execute("SELECT 1 FROM payments").await?;
    // Other calls run between the snapshot and the payment.
    tokio::task::yield_now().await;
    pay(&mut *tx, id, 5.0, runs).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_32_transactions_that_join_one_key_one_takes_effect() {
    let (db, runs) = (open().await, Runs::default());
    let calls = (0..32).map(|_| pay_later(&*db, 7, &runs));
    let calls = futures_util::future::join_all(calls).await;
    let answers: Vec<_> = calls
        .into_iter()
        .map(|call| call.expect("an answer"))
        .collect();
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    assert_eq!(rows(&db, "payments").await, 1);
}
