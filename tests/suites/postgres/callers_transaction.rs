//! `#[transactional]` on a connection or a transaction of the caller's, where Postgres differs.

use dbop::{ErrorKind, Tx, transactional};
use sqlx::{Connection, Executor, PgExecutor, Postgres};

use super::common::notes::{self, Trouble, insert};
use super::outside;

async fn level(executor: impl PgExecutor<'_>) -> sqlx::Result<String> {
    let level = sqlx::query_scalar("SHOW transaction_isolation");
    level.fetch_one(executor).await
}

#[transactional(isolation = repeatable_read)]
async fn at_repeatable_read(tx: &mut Tx<'_, Postgres>) -> Result<String, Trouble> {
    Ok(level(&mut *tx).await?)
}

/// Returns the isolation of its own transaction, and that of a call which joins it.
#[transactional(isolation = serializable)]
async fn at_serializable(tx: &mut Tx<'_, Postgres>) -> Result<[String; 2], Trouble> {
    let joined = at_repeatable_read(&mut *tx).await?;
    Ok([level(&mut *tx).await?, joined])
}

#[tokio::test]
async fn a_transaction_on_a_callers_connection_has_the_isolation_that_the_operation_asks_for() {
    let db = notes::open().await;
    let mut conn = outside(&db).await;
    let levels = at_serializable(&mut conn).await.unwrap();
    assert_eq!(levels, ["serializable"; 2]);
    assert_eq!(
        at_repeatable_read(&mut conn).await.unwrap(),
        "repeatable read"
    );
    assert_eq!(level(&mut conn).await.unwrap(), "read committed");
}

#[tokio::test]
async fn a_call_that_asks_for_more_than_the_callers_transaction_has_is_refused_alone() {
    let db = notes::open().await;
    let mut conn = outside(&db).await;
    let mut tx = conn.begin().await.unwrap();
    let error = at_serializable(&mut *tx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Isolation);
    // Nothing has been read yet, and no savepoint is open, so the transaction may still choose.
    sqlx::query("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        .execute(&mut *tx)
        .await
        .unwrap();
    let levels = at_serializable(&mut *tx).await.unwrap();
    assert_eq!(levels, ["serializable"; 2]);
    tx.commit().await.unwrap();
}

#[transactional]
async fn inserts(tx: &mut Tx<'_, Postgres>) -> Result<(), Trouble> {
    Ok(insert(&mut *tx, 1).await?)
}

#[tokio::test]
async fn a_call_that_has_ended_well_leaves_no_savepoint_in_the_callers_transaction() {
    let db = notes::open().await;
    let mut conn = outside(&db).await;
    let mut tx = conn.begin().await.unwrap();
    inserts(&mut *tx).await.unwrap();
    let left = tx.execute("RELEASE SAVEPOINT _sqlx_savepoint_1").await;
    let error = left.unwrap_err().into_database_error().unwrap();
    assert_eq!(error.code().as_deref(), Some("3B001"), "{error}");
}
