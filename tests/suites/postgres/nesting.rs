//! A transaction cannot survive a serialization failure by going back to a savepoint.

use dbop::{ErrorKind, Tx, transactional};
use sqlx::{Executor, Transaction};

use super::Database;
use super::common::notes::{self, Runs, Trouble, insert, note, soon, stored};
use super::rival::{self, Rival};

#[transactional(isolation = repeatable_read)]
async fn races_in_a_savepoint(
    tx: &mut Tx<'_, Database>,
    rival: &Rival,
    runs: &Runs,
) -> Result<bool, Trouble> {
    let run = runs.next();
    let inside = tx
        .savepoint(async |sp: &mut Tx<'_, Database>| -> Result<(), Trouble> {
            Ok(rival::race(&mut *sp, rival).await?)
        })
        .await;
    if run == 1 {
        assert_eq!(
            inside.as_ref().unwrap_err().kind(),
            ErrorKind::Serialization
        );
        insert(&mut *tx, 5).await.unwrap_err();
    }
    Ok(inside.is_ok())
}

#[transactional(nested, isolation = repeatable_read)]
async fn nested_race(tx: &mut Tx<'_, Database>, rival: &Rival) -> Result<(), Trouble> {
    Ok(rival::race(&mut *tx, rival).await?)
}

#[transactional(isolation = repeatable_read)]
async fn races_in_a_nested_call(
    tx: &mut Tx<'_, Database>,
    rival: &Rival,
    runs: &Runs,
) -> Result<bool, Trouble> {
    runs.next();
    Ok(nested_race(&mut *tx, rival).await.is_ok())
}

#[transactional(nested, timeout = "200ms")]
async fn too_slow(tx: &mut Tx<'_, Database>, sql: &'static str) -> Result<(), Trouble> {
    insert(&mut *tx, 2).await?;
    Ok(tx.execute(sql).await.map(drop)?)
}

#[transactional(retry = never)]
async fn goes_on_without_it(
    tx: &mut Tx<'_, Database>,
    sql: &'static str,
) -> Result<ErrorKind, Trouble> {
    insert(&mut *tx, 1).await?;
    let error = too_slow(&mut *tx, sql).await.unwrap_err();
    insert(&mut *tx, 3).await?;
    Ok(error.kind())
}

#[tokio::test]
async fn a_nested_call_cut_off_in_a_statement_ends_the_transaction_and_waits_for_nothing() {
    for sql in [
        "SELECT pg_sleep(20)",
        "INSERT INTO notes SELECT 4 FROM pg_sleep(20)",
    ] {
        let db = notes::open_narrow().await;
        let ended = soon("the outer call", goes_on_without_it(&*db, sql)).await;
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Timeout, "{sql}");
        assert_eq!(stored(&db).await, [0_i64; 0], "{sql}");
    }
}

#[tokio::test]
async fn a_serialization_failure_in_a_savepoint_replays_the_whole_transaction() {
    let db = notes::open_narrow().await;
    note(&*db, 1).await.unwrap();
    let (rival, runs) = (Rival::of(&db).await, Runs::default());
    assert!(races_in_a_savepoint(&*db, &rival, &runs).await.unwrap());
    assert_eq!(runs.count(), 2);
    assert_eq!(stored(&db).await, [101]);
}

#[tokio::test]
async fn a_serialization_failure_in_a_nested_call_replays_the_whole_transaction() {
    let db = notes::open_narrow().await;
    note(&*db, 1).await.unwrap();
    let (rival, runs) = (Rival::of(&db).await, Runs::default());
    assert!(races_in_a_nested_call(&*db, &rival, &runs).await.unwrap());
    assert_eq!(runs.count(), 2);
    assert_eq!(stored(&db).await, [101]);
}

#[transactional(isolation = repeatable_read)]
async fn races_in_a_closure_with_sqlx(
    tx: &mut Tx<'_, Database>,
    rival: &Rival,
    runs: &Runs,
) -> Result<bool, Trouble> {
    runs.next();
    let inside = tx
        .with_sqlx(
            async |own: &mut Transaction<'_, Database>| -> Result<(), Trouble> {
                Ok(rival::race_on(own, rival).await?)
            },
        )
        .await;
    Ok(inside.is_ok())
}

#[tokio::test]
async fn a_serialization_failure_in_a_closure_with_sqlx_replays_the_whole_transaction() {
    let db = notes::open_narrow().await;
    note(&*db, 1).await.unwrap();
    let (rival, runs) = (Rival::of(&db).await, Runs::default());
    let call = races_in_a_closure_with_sqlx(&*db, &rival, &runs);
    assert!(call.await.unwrap());
    assert_eq!(runs.count(), 2);
    assert_eq!(stored(&db).await, [101]);
}

/// Stands for existing code that ignores an error.
async fn swallow_a_duplicate(own: &mut Transaction<'_, Database>) -> sqlx::Result<()> {
    insert(&mut **own, 2).await?;
    drop(insert(&mut **own, 2).await);
    Ok(())
}

#[transactional]
async fn swallows_in_a_closure_with_sqlx(tx: &mut Tx<'_, Database>) -> Result<String, Trouble> {
    insert(&mut *tx, 1).await?;
    let inside = tx
        .with_sqlx(
            async |own: &mut Transaction<'_, Database>| -> Result<(), Trouble> {
                Ok(swallow_a_duplicate(&mut *own).await?)
            },
        )
        .await;
    insert(&mut *tx, 3).await?;
    Ok(inside.unwrap_err().to_string())
}

#[tokio::test]
async fn an_error_swallowed_in_a_closure_with_sqlx_undoes_the_closure_alone() {
    let db = notes::open_narrow().await;
    let message = swallows_in_a_closure_with_sqlx(&*db).await.unwrap();
    assert!(message.contains("`with_sqlx` was undone"), "{message}");
    assert_eq!(stored(&db).await, [1, 3]);
}
