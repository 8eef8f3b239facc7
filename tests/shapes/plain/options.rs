//! The options that a plain function can have.

use std::time::Duration;

use dbop::{ErrorKind, Outcome, db_op, transactional};
use rusqlite::Connection;

use super::{Answer, AppError, Flaky, echo, open};

#[transactional(
    name = "notes.all",
    timeout = "5s",
    retry(attempts = 3, base = "1ms"),
    isolation = serializable,
    max_concurrency = 2,
    idempotent
)]
fn with_all(conn: &mut Connection, flaky: &Flaky) -> Answer {
    flaky.pass()?;
    Ok(echo(conn, 1)?)
}

#[transactional(read_only, isolation = serializable, deferrable, crate = ::dbop)]
fn deferrable(conn: &mut Connection) -> Answer {
    Ok(echo(conn, 2)?)
}

#[transactional(timeout = none)]
fn without_deadline(conn: &mut Connection) -> Answer {
    Ok(echo(conn, 5)?)
}

#[db_op(read_only, max_concurrency(limit = 1, when_full = reject))]
fn guarded(conn: &Connection) -> dbop::Result<usize> {
    // The macro cannot see that this statement writes; only the database knows.
    let sql = ["INS", "ERT INTO notes (body) VALUES ('a')"].concat();
    Ok(conn.execute(&sql, ())?)
}

#[db_op(idempotent)]
fn without_connection(flaky: &Flaky) -> Answer {
    flaky.pass()?;
    Ok(3)
}

#[db_op(retry = never)]
fn once_only(conn: &mut Connection, flaky: &Flaky) -> Answer {
    flaky.pass()?;
    Ok(echo(conn, 4)?)
}

#[tokio::test]
async fn options() {
    let db = open().await;
    let flaky = Flaky::default();
    assert_eq!(with_all(&db, &flaky).await.unwrap(), 1);
    assert_eq!(flaky.attempts(), 2);
    assert_eq!(deferrable(&db).await.unwrap(), 2);
    assert_eq!(without_connection(&Flaky::default()).await.unwrap(), 3);
    assert_eq!(without_deadline(&db).await.unwrap(), 5);
    let busy = once_only(&db, &Flaky::default()).await;
    assert!(matches!(busy, Err(AppError::Busy)));
    assert!(guarded(&db).await.is_err());
}

fn pause() {
    std::thread::sleep(Duration::from_millis(60));
}

#[tokio::test]
async fn the_name_and_the_deadline_are_in_the_error() {
    #[transactional(name = "notes.slow", timeout = "20ms")]
    fn slow(conn: &mut Connection) -> dbop::Result<()> {
        echo(conn, 1)?;
        pause();
        Ok(())
    }
    let error = slow(&open().await).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
    assert_eq!(error.operation(), Some("notes.slow"));
    assert_eq!(error.attempts(), 1);
}
