//! Rows of a writing statement that are not read to their end. SQLite stops the statement there,
//! and keeps what it has done.

use dbop::{Conn, ErrorKind, Outcome, db_op};
use sqlx::Executor;

use super::Database;
use super::common::notes::{self, Runs, Trouble, insert, note_op, soon, stored};
use super::common::streams::{THREE, read_one};

#[db_op]
async fn half_read(conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<i64, Trouble> {
    runs.next();
    Ok(read_one(&mut *conn).await?)
}

#[tokio::test]
async fn an_operation_that_lets_go_of_a_write_half_way_does_not_say_ok() {
    let db = notes::open_narrow().await;
    let runs = Runs::default();
    let error = half_read(&*db, &runs).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CompletionUnknown);
    assert_eq!(error.database().outcome().unwrap(), Outcome::Unknown);
    assert_eq!(runs.count(), 1, "the statement may have been applied");
    soon("the next call", note_op(&*db, 9)).await.unwrap();
    assert!(stored(&db).await.contains(&9));
}

#[db_op]
async fn goes_on_after_half(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    read_one(&mut *conn).await?;
    insert(&mut *conn, 7).await.unwrap_err();
    let read = sqlx::query("SELECT 1").fetch_optional(&mut *conn).await;
    assert!(read.is_err(), "a statement is still open on the connection");
    Ok(())
}

#[tokio::test]
async fn after_a_write_that_was_let_go_every_statement_is_refused() {
    let db = notes::open_narrow().await;
    let error = goes_on_after_half(&*db).await.unwrap_err();
    assert_eq!(error.database().outcome().unwrap(), Outcome::Unknown);
    soon("the next call", note_op(&*db, 9)).await.unwrap();
    assert!(!stored(&db).await.contains(&7));
}

#[db_op(idempotent)]
async fn half_read_once(conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    if runs.next() == 1 {
        read_one(&mut *conn).await?;
    } else {
        conn.execute(THREE).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_idempotent_operation_that_let_go_of_a_write_is_replayed() {
    let db = notes::open_narrow().await;
    let runs = Runs::default();
    let call = soon("the call", half_read_once(&*db, &runs)).await;
    call.unwrap();
    assert_eq!(runs.count(), 2);
    assert_eq!(stored(&db).await, [1, 2, 3]);
}
