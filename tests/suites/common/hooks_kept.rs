//! The rollback hooks of a failed attempt wait for the next attempt to begin, and run when there is
//! none.

use dbop::{ErrorKind, Tx, transactional};
use dbop_tests::eventually;
use dbop_tests::trace::Trace;

use super::Database;
use super::hooks::Diary;
use super::notes::{self, Runs, Trouble, insert, note, soon, stored};

/// The second attempt is most likely not due before the test is over.
#[transactional(timeout = "1h", retry(attempts = 2, base = "1h", cap = "1h"))]
async fn waits_long(tx: &mut Tx<'_, Database>, runs: &Runs, diary: &Diary) -> Result<(), Trouble> {
    diary.on_both_ends(&mut *tx);
    insert(&mut *tx, 1).await?;
    runs.next();
    Err(Trouble::NotNow)
}

#[tokio::test]
async fn rollback_hooks_run_when_the_caller_goes_away_before_the_next_attempt() {
    let db = notes::open_narrow().await;
    let trace = Trace::start();
    let (runs, diary) = (Runs::default(), Diary::default());
    let waiting = eventually("the wait", async || !trace.events("waits_long").is_empty());
    tokio::select! {
        result = waits_long(&*db, &runs, &diary) => panic!("the call was to wait: {result:?}"),
        () = waiting => {}
    }
    eventually("the rollback hook", async || {
        diary.lines() == ["rolled back"]
    })
    .await;
    assert_eq!(runs.count(), 1);
    assert!(stored(&db).await.is_empty());
    soon("the next call", note(&*db, 1)).await.unwrap();
    assert_eq!(diary.lines(), ["rolled back"], "once");
}

#[transactional(retry(attempts = 3, base = "1ms", cap = "1ms"))]
async fn closes_the_handle(
    tx: &mut Tx<'_, Database>,
    db: &dbop::Db<Database>,
    runs: &Runs,
    diary: &Diary,
) -> Result<(), Trouble> {
    diary.on_both_ends(&mut *tx);
    insert(&mut *tx, 1).await?;
    runs.next();
    // From here on the pool gives out no connection; those it has given out stay usable.
    drop(db.pool().close());
    Err(Trouble::NotNow)
}

#[tokio::test]
async fn rollback_hooks_run_once_when_the_next_attempt_cannot_begin() {
    let db = notes::open_narrow().await;
    let (runs, diary) = (Runs::default(), Diary::default());
    let call = closes_the_handle(&*db, &db, &runs, &diary);
    let error = soon("the call", call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PoolClosed);
    assert_eq!(runs.count(), 1);
    assert_eq!(diary.lines(), ["rolled back"]);
}

#[transactional(timeout = "500ms", retry(attempts = 2, base = "1h", cap = "1h"))]
async fn has_no_time_to_wait(tx: &mut Tx<'_, Database>, diary: &Diary) -> Result<(), Trouble> {
    diary.on_both_ends(&mut *tx);
    insert(&mut *tx, 1).await?;
    Err(Trouble::NotNow)
}

#[tokio::test]
async fn rollback_hooks_run_at_once_when_there_is_no_time_for_another_attempt() {
    let db = notes::open_narrow().await;
    let diary = Diary::default();
    let call = soon("the call", has_no_time_to_wait(&*db, &diary)).await;
    assert!(matches!(call.unwrap_err(), Trouble::NotNow));
    assert_eq!(diary.lines(), ["rolled back"]);
}
