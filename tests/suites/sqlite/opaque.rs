//! Only SQLite knows what went through the raw connection, so dbop asks it before COMMIT.

use dbop::{Db, Outcome, Tx, db_op, transactional};
use sqlx::{Acquire, Executor, SqliteConnection};

use super::Database;
use super::common::notes::{self, Trouble, insert, note, soon, stored};

/// Stands for existing code that ignores an error.
async fn store_if_new(conn: &mut SqliteConnection, sql: &'static str) -> bool {
    conn.execute(sql).await.is_ok()
}

#[transactional]
async fn swallows_inside_a_helper(
    tx: &mut Tx<'_, Database>,
    sql: &'static str,
) -> Result<bool, Trouble> {
    insert(&mut *tx, 1).await?;
    Ok(store_if_new(tx.conn(), sql).await)
}

#[tokio::test]
async fn a_transaction_that_ended_inside_a_helper_is_found_before_commit() {
    let db = notes::open().await;
    for sql in ["INSERT OR ROLLBACK INTO notes VALUES (1)", "ROLLBACK"] {
        let error = swallows_inside_a_helper(&*db, sql).await.unwrap_err();
        // The transaction was not committed, because the connection reports every commit.
        assert_eq!(
            error.database().outcome().unwrap(),
            Outcome::RolledBack,
            "{sql}"
        );
        assert!(stored(&db).await.is_empty(), "{sql}");
    }
    note(&*db, 1).await.unwrap();
    assert_eq!(stored(&db).await, [1]);
}

#[transactional]
async fn goes_on_after_a_helper_ended_it(
    tx: &mut Tx<'_, Database>,
    sql: &'static str,
) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    #[dbop::allow(
        swallowed_error,
        reason = "the test is about a helper that swallows it"
    )]
    store_if_new(tx.conn(), sql).await;
    // If this statement were sent, it would commit by itself.
    insert(&mut *tx, 2).await.unwrap_err();
    Ok(())
}

#[tokio::test]
async fn after_a_helper_ended_the_transaction_no_statement_runs_outside_it() {
    let db = notes::open().await;
    for sql in ["INSERT OR ROLLBACK INTO notes VALUES (1)", "ROLLBACK"] {
        let error = goes_on_after_a_helper_ended_it(&*db, sql)
            .await
            .unwrap_err();
        assert_eq!(
            error.database().outcome().unwrap(),
            Outcome::RolledBack,
            "{sql}"
        );
        assert!(stored(&db).await.is_empty(), "{sql}");
    }
}

#[tokio::test]
async fn an_error_that_leaves_the_transaction_open_is_the_helpers_own_affair() {
    let db = notes::open().await;
    let call = swallows_inside_a_helper(&*db, "INSERT INTO notes VALUES (1)");
    assert!(!call.await.unwrap());
    assert_eq!(stored(&db).await, [1]);
}

#[db_op(callers = scope)]
async fn on_the_drivers_connection(conn: &mut SqliteConnection, id: i64) -> Result<bool, Trouble> {
    insert(&mut *conn, id).await?;
    Ok(store_if_new(conn, "INSERT INTO notes VALUES (1)").await)
}

#[transactional]
async fn joins_the_drivers_connection(tx: &mut Tx<'_, Database>) -> Result<bool, Trouble> {
    insert(&mut *tx, 2).await?;
    on_the_drivers_connection(&mut *tx, 3).await
}

#[tokio::test]
async fn an_operation_can_take_the_drivers_connection() {
    let db = notes::open().await;
    assert!(!on_the_drivers_connection(&*db, 1).await.unwrap());
    assert!(!joins_the_drivers_connection(&*db).await.unwrap());
    assert_eq!(stored(&db).await, [1, 2, 3]);
}

/// Stands for existing code that ends the outer transaction, and loses its own.
async fn lose(
    lender: impl Acquire<'_, Database = Database>,
    sql: &'static str,
) -> sqlx::Result<()> {
    let mut own = lender.begin().await?;
    let ended = own.execute(sql).await.map(drop);
    std::mem::forget(own);
    ended
}

#[transactional]
async fn loses_one(tx: &mut Tx<'_, Database>, sql: &'static str) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    Ok(lose(&mut *tx, sql).await?)
}

/// The connection cannot be replaced, so it has to be put right.
#[tokio::test]
async fn a_database_in_memory_outlives_a_transaction_of_sqlx_that_is_lost() {
    let db = Db::connect("sqlite::memory:").await.unwrap();
    db.pool().execute(notes::SCHEMA).await.unwrap();
    for sql in [
        "SELECT 1",
        "ROLLBACK",
        "INSERT OR ROLLBACK INTO notes VALUES (1)",
    ] {
        let error = soon("the call", loses_one(&db, sql)).await.unwrap_err();
        assert_eq!(
            error.database().outcome().unwrap(),
            Outcome::RolledBack,
            "{sql}"
        );
        assert_eq!(notes::notes(&db).await.unwrap(), [0_i64; 0], "{sql}");
        soon("the next call", note(&db, 2)).await.unwrap();
        assert_eq!(notes::notes(&db).await.unwrap(), [2], "{sql}");
        db.pool().execute("DELETE FROM notes").await.unwrap();
    }
}
