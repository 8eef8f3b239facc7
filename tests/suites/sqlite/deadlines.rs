//! Statements that run too long.

use std::time::Duration;

use dbop::{Conn, ErrorKind, Outcome, Tx, db_op, transactional};
use sqlx::Sqlite;
use tokio::time::timeout;

use super::common::bank::{self, balance, transfer};
use super::common::replay::Failure;

const NEVER: Duration = Duration::from_secs(60);

/// A statement that counts for some seconds on any machine, and then stores the number.
const SLOW: &str = "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n LIMIT 5000000)
    INSERT INTO log SELECT COUNT(*), 'slow' FROM n";

#[db_op(timeout = "300ms")]
async fn count_slowly(conn: &mut Conn<'_, Sqlite>) -> Result<(), Failure> {
    sqlx::query(SLOW).execute(&mut *conn).await?;
    Ok(())
}

#[transactional(timeout = "300ms")]
async fn count_slowly_in_tx(tx: &mut Tx<'_, Sqlite>) -> Result<(), Failure> {
    sqlx::query(SLOW).execute(&mut *tx).await?;
    Ok(())
}

#[tokio::test]
async fn a_slow_statement_is_cut_and_its_transaction_rolled_back() {
    let db = bank::open().await;
    let cut = timeout(NEVER, count_slowly_in_tx(&*db)).await.unwrap();
    let error = cut.unwrap_err().database();
    assert_eq!(
        (error.kind(), error.outcome().unwrap()),
        (ErrorKind::Timeout, Outcome::RolledBack)
    );
    timeout(NEVER, transfer(&*db, 1, 2, 10))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(balance(&*db, 2).await.unwrap(), 110);
    assert_eq!(super::common::replay::notes(&db).await, 0);
}

#[tokio::test]
async fn a_slow_statement_of_an_operation_is_cut_and_its_effect_unknown() {
    let db = bank::open().await;
    let cut = timeout(NEVER, count_slowly(&*db)).await.unwrap();
    let error = cut.unwrap_err().database();
    assert_eq!(
        (error.kind(), error.outcome().unwrap()),
        (ErrorKind::Timeout, Outcome::Unknown)
    );
    timeout(NEVER, transfer(&*db, 1, 2, 10))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(balance(&*db, 2).await.unwrap(), 110);
}

/// A statement that would count for hours.
const ENDLESS: &str = "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n
    LIMIT 10000000000) INSERT INTO log SELECT COUNT(*), 'slow' FROM n";

#[transactional(timeout = "300ms")]
async fn count_forever(tx: &mut Tx<'_, Sqlite>) -> Result<(), Failure> {
    sqlx::query(ENDLESS).execute(&mut *tx).await?;
    Ok(())
}

#[tokio::test]
async fn a_statement_that_was_cut_stops_and_does_not_delay_the_next_call() {
    let db = bank::open().await;
    let cut = timeout(NEVER, count_forever(&*db)).await.unwrap();
    assert_eq!(cut.unwrap_err().database().kind(), ErrorKind::Timeout);
    timeout(Duration::from_secs(10), transfer(&*db, 1, 2, 10))
        .await
        .expect("a writer")
        .unwrap();
}
