//! COMMIT is sent, and its answer never arrives.

use dbop::{Db, ErrorKind, Outcome, Tx, transactional};
use dbop_tests::Fresh;
use dbop_tests::proxy::Proxy;
use sqlx::Executor;

use super::Database;
use super::common::hooks::Diary;
use super::common::notes::{self, Runs, Trouble, insert, note, soon, stored};

/// Opens a database, a proxy in front of it, and a handle that connects through the proxy.
async fn open() -> (Fresh<Database>, Proxy, Db<Database>) {
    let fresh = notes::open_narrow().await;
    let proxy = Proxy::before(&fresh.url).await;
    let builder = Db::builder().url(&proxy.url).max_connections(1);
    let db = builder.connect().await.expect("the proxy's database");
    (fresh, proxy, db)
}

#[transactional]
async fn writes(tx: &mut Tx<'_, Database>, runs: &Runs, diary: &Diary) -> Result<(), Trouble> {
    diary.on_both_ends(&mut *tx);
    runs.next();
    Ok(insert(&mut *tx, 1).await?)
}

#[tokio::test]
async fn a_lost_answer_to_commit_is_unknown_and_only_its_hooks_run() {
    let (fresh, proxy, db) = open().await;
    let (runs, diary) = (Runs::default(), Diary::default());
    proxy.lose_answer_to("COMMIT");
    let error = soon("the call", writes(&db, &runs, &diary))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CompletionUnknown);
    assert_eq!(error.database().outcome().unwrap(), Outcome::Unknown);
    assert_eq!(diary.lines(), ["unknown"]);
    assert_eq!(
        runs.count(),
        1,
        "the note is there, so a replay would write a second one"
    );
    assert_eq!(stored(&fresh).await, [1]);
    soon("the next call", note(&db, 2)).await.unwrap();
}

#[transactional(idempotent)]
async fn writes_if_new(
    tx: &mut Tx<'_, Database>,
    runs: &Runs,
    diary: &Diary,
) -> Result<(), Trouble> {
    diary.on_both_ends(&mut *tx);
    runs.next();
    let insert = "INSERT INTO notes VALUES (1) ON CONFLICT DO NOTHING";
    tx.execute(insert).await?;
    Ok(())
}

#[tokio::test]
async fn an_idempotent_transaction_is_replayed_and_the_hooks_of_the_lost_answer_do_not_run() {
    let (fresh, proxy, db) = open().await;
    let (runs, diary) = (Runs::default(), Diary::default());
    proxy.lose_answer_to("COMMIT");
    soon("the call", writes_if_new(&db, &runs, &diary))
        .await
        .unwrap();
    assert_eq!(runs.count(), 2);
    assert_eq!(diary.lines(), ["committed"]);
    assert_eq!(stored(&fresh).await, [1]);
}

/// Makes the answer to COMMIT get lost, and every later connection fail.
#[transactional(idempotent)]
async fn loses_its_server(
    tx: &mut Tx<'_, Database>,
    proxy: &Proxy,
    runs: &Runs,
    diary: &Diary,
) -> Result<(), Trouble> {
    diary.on_both_ends(&mut *tx);
    runs.next();
    insert(&mut *tx, 1).await?;
    proxy.lose_answer_to("COMMIT");
    proxy.close_next(u32::MAX);
    Ok(())
}

#[tokio::test]
async fn a_lost_answer_stays_unknown_when_no_other_attempt_can_begin() {
    let (fresh, proxy, db) = open().await;
    let (runs, diary) = (Runs::default(), Diary::default());
    let call = loses_its_server(&db, &proxy, &runs, &diary);
    let error = soon("the call", call).await.unwrap_err();
    assert_eq!(error.database().outcome().unwrap(), Outcome::Unknown);
    assert_eq!(runs.count(), 1);
    assert_eq!(diary.lines(), ["unknown"]);
    assert_eq!(stored(&fresh).await, [1]);
}

/// Makes the connection fail before COMMIT, and every later connection as well.
#[transactional]
async fn loses_its_server_early(
    tx: &mut Tx<'_, Database>,
    proxy: &Proxy,
    diary: &Diary,
) -> Result<(), Trouble> {
    diary.on_both_ends(&mut *tx);
    insert(&mut *tx, 1).await?;
    proxy.close_next(u32::MAX);
    proxy.cut();
    insert(&mut *tx, 2).await?;
    Ok(())
}

#[tokio::test]
async fn rollback_hooks_run_once_when_the_server_stays_away() {
    let (fresh, proxy, db) = open().await;
    let diary = Diary::default();
    let call = loses_its_server_early(&db, &proxy, &diary);
    let error = soon("the call", call).await.unwrap_err();
    assert_eq!(error.database().outcome().unwrap(), Outcome::RolledBack);
    assert_eq!(diary.lines(), ["rolled back"]);
    assert!(stored(&fresh).await.is_empty());
}
