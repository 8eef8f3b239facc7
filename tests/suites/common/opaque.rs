//! The driver's own connection, for helpers that take one.

use dbop::{Conn, Tx, db_op, transactional};

use super::Database;
use super::notes::{self, Runs, Trouble, insert, stored};

type Raw = <Database as sqlx::Database>::Connection;

/// Stands for existing code that takes a connection of the driver.
async fn helper(conn: &mut Raw, id: i64) -> sqlx::Result<u64> {
    let insert = sqlx::query("INSERT INTO notes VALUES ($1)");
    Ok(insert.bind(id).execute(conn).await?.rows_affected())
}

#[transactional]
async fn through_a_helper(tx: &mut Tx<'_, Database>, refuse: bool) -> Result<u64, Trouble> {
    insert(&mut *tx, 1).await?;
    let stored = helper(tx.conn(), 2).await?;
    insert(&mut *tx, 3).await?;
    if refuse {
        Err(Trouble::Refused)
    } else {
        Ok(stored)
    }
}

#[tokio::test]
async fn a_helper_works_inside_the_transaction() {
    let db = notes::open_narrow().await;
    through_a_helper(&*db, true).await.unwrap_err();
    assert!(stored(&db).await.is_empty());
    assert_eq!(through_a_helper(&*db, false).await.unwrap(), 1);
    assert_eq!(stored(&db).await, [1, 2, 3]);
}

#[transactional]
async fn helper_in_a_savepoint(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    let undone = tx
        .savepoint(async |sp: &mut Tx<'_, Database>| -> Result<(), Trouble> {
            helper(sp.conn(), 2).await?;
            helper(sp.conn(), 2).await?;
            Ok(())
        })
        .await;
    undone.unwrap_err();
    Ok(insert(&mut *tx, 3).await?)
}

#[tokio::test]
async fn a_helper_that_fails_in_a_savepoint_is_undone_with_it() {
    let db = notes::open_narrow().await;
    helper_in_a_savepoint(&*db).await.unwrap();
    assert_eq!(stored(&db).await, [1, 3]);
}

#[db_op]
async fn op_through_a_helper(conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<u64, Trouble> {
    runs.next();
    helper(conn.conn(), 1).await?;
    Err(Trouble::NotNow)
}

#[db_op(idempotent)]
async fn idempotent_through_a_helper(
    conn: &mut Conn<'_, Database>,
    runs: &Runs,
) -> Result<u64, Trouble> {
    let run = runs.next();
    let stored = helper(conn.conn(), i64::from(run)).await?;
    if run == 1 {
        Err(Trouble::NotNow)
    } else {
        Ok(stored)
    }
}

#[tokio::test]
async fn what_went_through_a_helper_is_not_done_twice() {
    let db = notes::open_narrow().await;
    let runs = Runs::default();
    let error = op_through_a_helper(&*db, &runs).await.unwrap_err();
    assert!(matches!(error, Trouble::NotNow));
    assert_eq!(runs.count(), 1);
    assert_eq!(stored(&db).await, [1]);
}

#[tokio::test]
async fn an_idempotent_operation_is_replayed_although_a_helper_wrote() {
    let db = notes::open_narrow().await;
    let runs = Runs::default();
    assert_eq!(idempotent_through_a_helper(&*db, &runs).await.unwrap(), 1);
    assert_eq!(stored(&db).await, [1, 2]);
}
