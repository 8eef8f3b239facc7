//! An error that a body does not return is not forgotten.

use dbop::{Category, Conn, ErrorKind, Outcome, Tx, db_op, transactional};
use futures_util::FutureExt;
use sqlx::Executor;

use super::Database;
use super::notes::{self, Runs, Trouble, insert, note, note_and_refuse, stored};

#[db_op]
async fn op_that_refuses(conn: &mut Conn<'_, Database>, id: i64) -> Result<(), Trouble> {
    insert(&mut *conn, id).await?;
    Err(Trouble::Refused)
}

#[transactional]
async fn drops_the_error_of_a_joined_call(tx: &mut Tx<'_, Database>) -> Result<i64, Trouble> {
    insert(&mut *tx, 1).await?;
    note_and_refuse(&mut *tx, 2).await.unwrap_err();
    insert(&mut *tx, 3).await?;
    Ok(7)
}

#[transactional]
async fn drops_the_error_of_a_joined_op(tx: &mut Tx<'_, Database>) -> Result<i64, Trouble> {
    insert(&mut *tx, 1).await?;
    op_that_refuses(&mut *tx, 2).await.unwrap_err();
    insert(&mut *tx, 3).await?;
    Ok(7)
}

#[transactional]
async fn drops_the_error_of_a_call_two_levels_down(
    tx: &mut Tx<'_, Database>,
) -> Result<i64, Trouble> {
    note(&mut *tx, 9).await?;
    drops_the_error_of_a_joined_call(&mut *tx)
        .await
        .unwrap_err();
    Ok(7)
}

#[tokio::test]
async fn a_swallowed_error_of_a_joined_call_rolls_the_transaction_back() {
    let db = notes::open_narrow().await;
    let error = drops_the_error_of_a_joined_call(&*db).await.unwrap_err();
    let error = error.database();
    assert_eq!(error.category(), Category::Application);
    assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
    let message = error.to_string();
    assert!(message.contains("`note_and_refuse`"), "{message}");
    assert!(message.contains("as a matter of policy"), "{message}");
    assert!(stored(&db).await.is_empty());
}

#[tokio::test]
async fn a_swallowed_error_of_a_joined_operation_rolls_the_transaction_back() {
    let db = notes::open_narrow().await;
    let error = drops_the_error_of_a_joined_op(&*db).await.unwrap_err();
    let message = error.database().to_string();
    assert!(message.contains("`op_that_refuses`"), "{message}");
    assert!(stored(&db).await.is_empty());
}

#[tokio::test]
async fn a_joined_call_that_swallowed_an_error_does_not_say_ok() {
    let db = notes::open_narrow().await;
    let call = drops_the_error_of_a_call_two_levels_down(&*db);
    let error = call.await.unwrap_err();
    let message = error.database().to_string();
    assert!(message.contains("`note_and_refuse`"), "{message}");
    assert!(stored(&db).await.is_empty());
}

#[transactional]
async fn not_at_first(tx: &mut Tx<'_, Database>, run: u32) -> Result<(), Trouble> {
    insert(&mut *tx, 2).await?;
    if run == 1 {
        Err(Trouble::NotNow)
    } else {
        Ok(())
    }
}

#[transactional]
async fn drops_a_passing_error(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<bool, Trouble> {
    insert(&mut *tx, 1).await?;
    Ok(not_at_first(&mut *tx, runs.next()).await.is_ok())
}

#[tokio::test]
async fn a_swallowed_transient_error_of_a_joined_call_is_replayed() {
    let db = notes::open_narrow().await;
    let runs = Runs::default();
    assert!(drops_a_passing_error(&*db, &runs).await.unwrap());
    assert_eq!(runs.count(), 2);
    assert_eq!(stored(&db).await, [1, 2]);
}

// --- joined calls that are not awaited to their end -----------------------------------------------

#[transactional]
#[dbop::allow(foreign_await, reason = "its caller drops it while it waits here")]
async fn waits_forever(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    let _ = tx;
    std::future::pending().await
}

#[db_op]
async fn op_waits_forever(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    let _ = conn;
    std::future::pending().await
}

/// Runs a statement that no server finishes within one poll.
#[transactional]
async fn slow_write(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    let sql = "INSERT INTO notes
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
        SELECT MAX(i) FROM n";
    Ok(tx.execute(sql).await.map(drop)?)
}

#[derive(Clone, Copy, Debug)]
enum Leave {
    NowOrNever,
    Operation,
    Select,
    AmidStatement,
    Unpolled,
}

#[transactional]
async fn leaves_a_joined_call(tx: &mut Tx<'_, Database>, how: Leave) -> Result<i64, Trouble> {
    insert(&mut *tx, 1).await?;
    match how {
        Leave::NowOrNever => assert!(waits_forever(&mut *tx).now_or_never().is_none()),
        Leave::Operation => assert!(op_waits_forever(&mut *tx).now_or_never().is_none()),
        Leave::Select => tokio::select! {
            biased;
            _ = waits_forever(&mut *tx) => unreachable!("it waits forever"),
            () = std::future::ready(()) => {}
        },
        Leave::AmidStatement => assert!(slow_write(&mut *tx).now_or_never().is_none()),
        Leave::Unpolled => drop(note(&mut *tx, 2)),
    }
    Ok(7)
}

#[tokio::test]
async fn a_joined_call_that_is_dropped_unfinished_rolls_the_transaction_back() {
    let db = notes::open_narrow().await;
    let all = [
        (Leave::NowOrNever, "`waits_forever`"),
        (Leave::Operation, "`op_waits_forever`"),
        (Leave::Select, "`waits_forever`"),
        (Leave::AmidStatement, "dropped"),
    ];
    for (how, named) in all {
        let call = notes::soon("the outer call", leaves_a_joined_call(&*db, how));
        let error = call.await.unwrap_err();
        let error = error.database();
        assert_eq!(error.outcome().unwrap(), Outcome::RolledBack, "{how:?}");
        let message = error.to_string();
        assert!(message.contains(named), "{how:?}: {message}");
        assert!(stored(&db).await.is_empty(), "{how:?}");
    }
}

#[tokio::test]
async fn a_joined_call_that_was_never_begun_does_no_harm() {
    let db = notes::open_narrow().await;
    let call = leaves_a_joined_call(&*db, Leave::Unpolled);
    assert_eq!(call.await.unwrap(), 7);
    assert_eq!(stored(&db).await, [1]);
}

#[tokio::test]
async fn a_dropped_joined_call_is_not_reported_as_the_applications_no() {
    let db = notes::open_narrow().await;
    let call = leaves_a_joined_call(&*db, Leave::NowOrNever);
    let error = call.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert_eq!(error.database().category(), Category::Cancelled);
}
