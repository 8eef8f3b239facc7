//! `#[transactional]` on a connection or a transaction of the caller's, where SQLite differs.

use dbop::{Conn, ErrorKind, Tx, db_op, transactional};
use dbop_tests::poll_at_most;
use sqlx::{Connection, Executor, Sqlite};

use super::common::bank;
use super::common::notes::Trouble;
use super::{BRIEF, outside};

/// Fills a table until somebody stops it.
const ENDLESS_WRITE: &str = "INSERT INTO accounts (id, cents) WITH RECURSIVE n(i) AS \
    (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 400000) SELECT i, 0 FROM n";

#[transactional(timeout = "100ms")]
async fn writes_for_long(tx: &mut Tx<'_, Sqlite>) -> Result<(), Trouble> {
    tx.execute(ENDLESS_WRITE).await?;
    Ok(())
}

#[db_op(timeout = "100ms")]
async fn writes_for_long_outside(conn: &mut Conn<'_, Sqlite>) -> Result<(), Trouble> {
    conn.execute(ENDLESS_WRITE).await?;
    Ok(())
}

/// SQLite ends the whole transaction when a write in it is interrupted.
#[tokio::test]
async fn a_late_write_in_the_callers_transaction_leaves_that_transaction_open() {
    let db = bank::open().await;
    let mut own = outside(&db).await;
    let mut tx = own.begin().await.unwrap();
    tx.execute("INSERT INTO accounts (id, cents) VALUES (50, 1)")
        .await
        .unwrap();
    let error = writes_for_long(&mut *tx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    tx.execute("INSERT INTO accounts (id, cents) VALUES (51, 1)")
        .await
        .unwrap();
    let seen: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM accounts WHERE id >= 50")
        .fetch_one(db.pool())
        .await
        .unwrap();
    assert_eq!(seen, 0, "something of an open transaction is seen");
    writes_for_long_outside(&mut *tx).await.unwrap_err();
    tx.execute("INSERT INTO accounts (id, cents) VALUES (52, 1)")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let stored: Vec<i64> =
        sqlx::query_scalar("SELECT id FROM accounts WHERE id BETWEEN 50 AND 99 ORDER BY id")
            .fetch_all(db.pool())
            .await
            .unwrap();
    assert_eq!(stored, [50, 51, 52]);
}

#[tokio::test]
async fn a_late_write_in_a_transaction_of_the_calls_own_leaves_nothing_on_the_callers_connection() {
    let db = bank::open().await;
    let mut own = outside(&db).await;
    let error = writes_for_long(&mut own).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let mut tx = own.begin().await.unwrap();
    tx.execute("INSERT INTO accounts (id, cents) VALUES (50, 1)")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let stored: Vec<i64> = sqlx::query_scalar("SELECT id FROM accounts WHERE id >= 50")
        .fetch_all(db.pool())
        .await
        .unwrap();
    assert_eq!(stored, [50]);
}

/// An order to stop that outlives its call would stop a statement of the caller's.
#[tokio::test]
async fn a_call_that_is_dropped_stops_no_later_statement_on_the_callers_connection() {
    let db = bank::open().await;
    let mut own = outside(&db).await;
    for polls in 0..60_u32 {
        drop(poll_at_most(polls % 6 + 1, writes_one(&mut own, 200 + i64::from(polls))).await);
        sqlx::query(BRIEF).execute(&mut own).await.unwrap();
    }
}

#[transactional(timeout = "10s")]
async fn writes_one(tx: &mut Tx<'_, Sqlite>, id: i64) -> Result<(), Trouble> {
    let insert = sqlx::query("INSERT INTO accounts (id, cents) VALUES (?, 0)");
    insert.bind(id).execute(&mut *tx).await?;
    Ok(())
}
