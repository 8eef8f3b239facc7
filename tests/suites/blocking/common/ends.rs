//! The ways in which bodies end, and what becomes of their work.

use std::panic::AssertUnwindSafe;

use dbop::{Category, DbError, ErrorKind, Outcome, db_op, transactional};
use dbop_tests::Trouble;
use futures_util::FutureExt;

use super::{Session, exec, insert, narrow, number};

#[transactional]
fn two_rows(conn: &mut Session, n: i64, refuse: bool) -> Result<(), Trouble> {
    insert(conn, n)?;
    insert(conn, n)?;
    if refuse {
        Err(Trouble::Refused)
    } else {
        Ok(())
    }
}

#[tokio::test]
async fn a_transaction_commits_on_ok_and_rolls_back_on_err() {
    let world = narrow().await;
    two_rows(&world, 1, false).await.unwrap();
    assert_eq!(world.rows(1).await, 2);
    let refused = two_rows(&world, 2, true).await.unwrap_err();
    assert!(matches!(refused, Trouble::Refused), "{refused}");
    assert_eq!(world.rows(2).await, 0);
    two_rows(&world, 3, false).await.unwrap();
    assert_eq!(world.rows(3).await, 2);
}

#[db_op]
fn row_and_error(conn: &mut Session, n: i64) -> dbop::Result<()> {
    insert(conn, n)?;
    exec(conn, "SELECT * FROM nowhere")
}

#[tokio::test]
async fn an_operation_keeps_what_its_statements_did_and_says_that_it_may_have() {
    let world = narrow().await;
    let error = row_and_error(&world, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UndefinedTable, "{error}");
    assert_eq!(
        (error.outcome().unwrap(), error.attempts()),
        (Outcome::Unknown, 1)
    );
    assert_eq!(error.operation(), Some("row_and_error"));
    assert_eq!(world.rows(1).await, 1);
}

#[db_op]
fn takes_a_number_twice(conn: &mut Session) -> dbop::Result<()> {
    exec(conn, "INSERT INTO notes VALUES (4711, 1), (4711, 2)")
}

#[tokio::test]
async fn the_chain_of_an_error_says_the_databases_words_once_and_shows_no_row() {
    let world = narrow().await;
    for failed in [
        takes_a_number_twice(&world).await,
        row_and_error(&world, 1).await,
    ] {
        let error = failed.unwrap_err();
        let text = error.to_string();
        let debug = format!("{error:?}");
        let chain = format!("{:#}", anyhow::Error::from(error));
        assert_eq!(chain, text);
        assert!(
            !format!("{chain} {debug}").contains("4711"),
            "{chain} {debug}"
        );
    }
}

#[transactional]
fn panics(conn: &mut Session, n: i64) -> dbop::Result<()> {
    exec(conn, "CREATE TEMP TABLE of_this_session (id INTEGER)")?;
    insert(conn, n)?;
    panic!("in the body");
}

#[db_op]
fn marks_its_session(conn: &mut Session) -> dbop::Result<()> {
    exec(conn, "CREATE TEMP TABLE IF NOT EXISTS mark (id INTEGER)")
}

#[db_op(read_only)]
fn sees_the_mark(conn: &mut Session) -> dbop::Result<i64> {
    number(conn, "SELECT count(*) FROM mark")
}

#[db_op]
fn writes_and_panics(conn: &mut Session, n: i64) -> dbop::Result<()> {
    insert(conn, n)?;
    panic!("in the body");
}

#[tokio::test]
async fn a_panic_surfaces_and_leaves_nothing_and_the_same_connection_in_the_pool() {
    let world = narrow().await;
    marks_its_session(&world).await.unwrap();
    for n in 1..4 {
        let panic = AssertUnwindSafe(panics(&world, n)).catch_unwind().await;
        let panic = panic.expect_err("the body panics");
        assert_eq!(panic.downcast_ref(), Some(&"in the body"));
        assert_eq!(world.rows(n).await, 0);
        assert_eq!(sees_the_mark(&world).await.unwrap(), 0);
    }
    let panic = AssertUnwindSafe(writes_and_panics(&world, 9)).catch_unwind();
    panic.await.expect_err("the body panics");
    assert_eq!(world.rows(9).await, 1);
    two_rows(&world, 10, false).await.unwrap();
    assert_eq!(sees_the_mark(&world).await.unwrap(), 0);
}

#[db_op]
fn leaves_open(conn: &mut Session, n: i64, refuse: bool) -> Result<(), Trouble> {
    exec(conn, "BEGIN")?;
    insert(conn, n)?;
    if refuse {
        Err(Trouble::Refused)
    } else {
        Ok(())
    }
}

#[tokio::test]
async fn a_transaction_left_open_is_rolled_back_and_its_ok_is_not_believed() {
    let world = narrow().await;
    marks_its_session(&world).await.unwrap();
    let error = leaves_open(&world, 1, false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionState, "{error}");
    assert_eq!(error.database().category(), Category::Programming);
    leaves_open(&world, 1, true).await.unwrap_err().to_string();
    // If the open transaction had been handed on, these rows would be part of it.
    two_rows(&world, 2, false).await.unwrap();
    assert_eq!((world.rows(1).await, world.rows(2).await), (0, 2));
    assert_eq!(sees_the_mark(&world).await.unwrap(), 0);
}

#[transactional]
fn ends_itself(conn: &mut Session, n: i64, how: &str, refuse: bool) -> Result<(), Trouble> {
    insert(conn, n)?;
    exec(conn, how)?;
    insert(conn, n + 100)?;
    if refuse {
        Err(Trouble::Refused)
    } else {
        Ok(())
    }
}

#[tokio::test]
async fn a_body_that_ends_its_transaction_itself_is_not_believed() {
    let world = narrow().await;
    for (n, how) in [(1, "COMMIT"), (2, "ROLLBACK")] {
        let error = ends_itself(&world, n, how, false).await.unwrap_err();
        let error = error.database();
        assert_eq!(error.kind(), ErrorKind::TransactionState, "{how}: {error}");
        assert_eq!(error.outcome().unwrap(), Outcome::Unknown, "{how}");
        ends_itself(&world, n + 10, how, true)
            .await
            .unwrap_err()
            .to_string();
    }
    two_rows(&world, 3, false).await.unwrap();
    assert_eq!(world.rows(3).await, 2);
}

#[transactional]
fn joins(conn: &mut Session, n: i64, refuse: bool) -> Result<(), Trouble> {
    two_rows_sync(conn, n, false)?;
    marks_its_session_sync(conn)?;
    two_rows_sync(conn, n, refuse)
}

#[tokio::test]
async fn the_function_as_it_was_written_is_part_of_the_transaction_it_is_called_in() {
    let world = narrow().await;
    joins(&world, 1, true).await.unwrap_err().to_string();
    assert_eq!(world.rows(1).await, 0);
    joins(&world, 2, false).await.unwrap();
    assert_eq!(world.rows(2).await, 4);
}

#[tokio::test]
async fn an_error_keeps_its_class_whatever_carries_it() {
    let world = narrow().await;
    let error = Trouble::from(row_and_error(&world, 1).await.unwrap_err());
    assert_eq!(error.class().category, Category::Programming);
    assert_eq!(error.kind(), ErrorKind::UndefinedTable);
}
