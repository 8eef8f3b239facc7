//! Any database error aborts a transaction. COMMIT is then answered with ROLLBACK, and without an
//! error.

use dbop::{ErrorKind, Outcome, Tx, transactional};

use super::Database;
use super::common::notes::{self, Runs, Trouble, insert, note, stored};
use super::rival::{self, Rival};

fn violates_the_key(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else {
        return false;
    };
    error.is_unique_violation()
        && error.code().as_deref() == Some("23505")
        && error.constraint() == Some("notes_pkey")
        && error.table() == Some("notes")
}

#[transactional]
async fn swallows_a_violation(tx: &mut Tx<'_, Database>) -> Result<i64, Trouble> {
    insert(&mut *tx, 1).await?;
    let first = insert(&mut *tx, 1).await.unwrap_err();
    assert!(violates_the_key(&first), "{first:?}");
    // Statements take every way there is to the server.
    let written = insert(&mut *tx, 2).await.unwrap_err();
    assert!(violates_the_key(&written), "{written:?}");
    let read = sqlx::query("SELECT 1").fetch_optional(&mut *tx).await;
    assert!(violates_the_key(&read.unwrap_err()));
    let prepared = sqlx::Executor::prepare(&mut *tx, sqlx::SqlSafeStr::into_sql_str("SELECT 1"));
    assert!(violates_the_key(&prepared.await.unwrap_err()));
    let joined = note(&mut *tx, 3).await.unwrap_err();
    assert_eq!(joined.kind(), ErrorKind::Unique);
    Ok(7)
}

#[tokio::test]
async fn after_an_error_every_statement_is_refused_with_it_and_ok_does_not_commit() {
    let db = notes::open_narrow().await;
    let error = swallows_a_violation(&*db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unique);
    assert_eq!(error.database().outcome().unwrap(), Outcome::RolledBack);
    assert!(stored(&db).await.is_empty());
    note(&*db, 1).await.unwrap();
    assert_eq!(stored(&db).await, [1]);
}

#[transactional]
async fn swallows_it_as_its_last_act(tx: &mut Tx<'_, Database>) -> Result<i64, Trouble> {
    insert(&mut *tx, 1).await?;
    insert(&mut *tx, 1).await.unwrap_err();
    Ok(7)
}

#[tokio::test]
async fn an_error_swallowed_at_the_end_is_returned_too() {
    let db = notes::open_narrow().await;
    let error = swallows_it_as_its_last_act(&*db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unique);
    assert_eq!(error.database().attempts(), 1);
    assert!(stored(&db).await.is_empty());
}

#[transactional(isolation = repeatable_read)]
async fn swallows_a_conflict(
    tx: &mut Tx<'_, Database>,
    rival: &Rival,
    runs: &Runs,
) -> Result<bool, Trouble> {
    runs.next();
    Ok(rival::race(&mut *tx, rival).await.is_ok())
}

#[tokio::test]
async fn a_swallowed_serialization_failure_is_replayed() {
    let db = notes::open_narrow().await;
    note(&*db, 1).await.unwrap();
    let (rival, runs) = (Rival::of(&db).await, Runs::default());
    assert!(swallows_a_conflict(&*db, &rival, &runs).await.unwrap());
    assert_eq!(runs.count(), 2);
    assert_eq!(stored(&db).await, [101]);
}
