//! Retries and deadlines.

use std::time::{Duration, Instant};

use dbop::{Conn, ErrorKind, Outcome, Tx, db_op, transactional};

use super::super::notes::{self as table, Runs, Trouble, soon, stored};
use super::{any, note, note_op};

/// Fails in all runs but the third.
#[transactional(retry(attempts = 3, base = "1ms", cap = "1ms"), on = [Sqlite, Postgres])]
async fn third_time(
    tx: &mut Tx<'_, DB>,
    mut ids: Vec<i64>,
    (more, runs): (i64, &Runs),
) -> Result<u32, Trouble> {
    ids.push(more);
    for id in &ids {
        note(&mut *tx, *id).await?;
    }
    match runs.next() {
        3 => Ok(3),
        _ => Err(Trouble::NotNow),
    }
}

#[tokio::test]
async fn each_attempt_gets_the_arguments_anew_and_no_attempt_leaves_anything() {
    let db = table::open_narrow().await;
    let runs = Runs::default();
    let any = any(&db);
    let call = third_time(&any, vec![1], (2, &runs));
    assert_eq!(call.await.unwrap(), 3);
    assert_eq!(stored(&db).await, [1, 2]);
}

#[db_op(idempotent, retry(attempts = 2, base = "1ms", cap = "1ms"), on = [Sqlite, Postgres])]
async fn never_now(conn: &mut Conn<'_, DB>, runs: &Runs) -> Result<(), Trouble> {
    let _ = conn;
    runs.next();
    Err(Trouble::NotNow)
}

#[transactional(retry(attempts = 3, base = "1ms", cap = "1ms"), on = [Sqlite, Postgres])]
async fn joins_never_now(tx: &mut Tx<'_, DB>, outer: &Runs, inner: &Runs) -> Result<(), Trouble> {
    outer.next();
    never_now(&mut *tx, inner).await
}

#[tokio::test]
async fn a_joined_call_never_retries_by_itself() {
    let db = any(&table::open_narrow().await);
    let (outer, inner) = (Runs::default(), Runs::default());
    let error = never_now(&db, &inner).await.unwrap_err();
    assert!(matches!(error, Trouble::NotNow));
    assert_eq!(inner.count(), 2);
    joins_never_now(&db, &outer, &inner).await.unwrap_err();
    assert_eq!((outer.count(), inner.count()), (3, 2 + 3));
}

#[transactional(timeout = "200ms", on = [Sqlite, Postgres])]
#[dbop::allow(foreign_await, reason = "nothing but its deadline ends it")]
async fn endless(tx: &mut Tx<'_, DB>, joins: bool) -> Result<(), Trouble> {
    note(&mut *tx, 1).await?;
    if joins {
        return Box::pin(endless_op(&mut *tx)).await;
    }
    std::future::pending().await
}

#[db_op(timeout = "1h", on = [Sqlite, Postgres])]
#[dbop::allow(foreign_await, reason = "nothing but the deadline around it ends it")]
async fn endless_op(conn: &mut Conn<'_, DB>) -> Result<(), Trouble> {
    note_op(&mut *conn, 2).await?;
    std::future::pending().await
}

#[tokio::test]
async fn a_call_and_what_joins_it_end_at_the_deadline() {
    let db = table::open_narrow().await;
    let any = any(&db);
    for joins in [false, true] {
        let begun = Instant::now();
        let error = soon("the call", endless(&any, joins)).await.unwrap_err();
        assert!(begun.elapsed() >= Duration::from_millis(200));
        assert_eq!(error.kind(), ErrorKind::Timeout);
        let error = error.database();
        assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
        assert_eq!(error.operation(), Some("endless"));
    }
    soon("the next call", note(&any, 3)).await.unwrap();
    assert_eq!(stored(&db).await, [3]);
}
