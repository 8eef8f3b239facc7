//! Only the server knows what went through the raw connection, so dbop asks it before COMMIT.

use dbop::{Outcome, Tx, db_op, transactional};
use sqlx::{Executor, PgConnection};

use super::Database;
use super::common::notes::{self, Trouble, insert, note, stored};

/// Stands for existing code that ignores an error.
async fn store_if_new(conn: &mut PgConnection, id: i64) -> bool {
    let insert = sqlx::query("INSERT INTO notes VALUES ($1)").bind(id);
    conn.execute(insert).await.is_ok()
}

#[transactional]
async fn swallows_inside_a_helper(
    tx: &mut Tx<'_, Database>,
    statement_after: bool,
) -> Result<bool, Trouble> {
    insert(&mut *tx, 1).await?;
    let stored = store_if_new(tx.conn(), 1).await;
    if statement_after {
        insert(&mut *tx, 2).await.unwrap_err();
    }
    Ok(stored)
}

#[tokio::test]
async fn an_error_swallowed_inside_a_helper_is_found_before_commit() {
    let db = notes::open_narrow().await;
    for statement_after in [false, true] {
        let error = swallows_inside_a_helper(&*db, statement_after)
            .await
            .unwrap_err();
        assert_eq!(error.database().outcome().unwrap(), Outcome::RolledBack);
        assert!(stored(&db).await.is_empty());
    }
    note(&*db, 1).await.unwrap();
}

#[transactional]
async fn commits_through_a_helper(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    insert(tx.conn(), 2).await?;
    Ok(())
}

#[tokio::test]
async fn a_helper_without_errors_changes_nothing() {
    let db = notes::open_narrow().await;
    commits_through_a_helper(&*db).await.unwrap();
    assert_eq!(stored(&db).await, [1, 2]);
}

#[db_op(callers = scope)]
async fn on_the_drivers_connection(conn: &mut PgConnection, id: i64) -> Result<bool, Trouble> {
    insert(&mut *conn, id).await?;
    Ok(store_if_new(conn, id).await)
}

#[transactional]
async fn joins_the_drivers_connection(tx: &mut Tx<'_, Database>) -> Result<bool, Trouble> {
    insert(&mut *tx, 2).await?;
    on_the_drivers_connection(&mut *tx, 3).await
}

#[tokio::test]
async fn an_operation_can_take_the_drivers_connection() {
    let db = notes::open_narrow().await;
    assert!(!on_the_drivers_connection(&*db, 1).await.unwrap());
    assert_eq!(stored(&db).await, [1]);
    // The error that the operation ignored has aborted the transaction it had joined.
    joins_the_drivers_connection(&*db).await.unwrap_err();
    assert_eq!(stored(&db).await, [1]);
}
