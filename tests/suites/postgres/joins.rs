//! A transaction's isolation is fixed at its BEGIN.

use dbop::{Category, ErrorKind, Tx, transactional};

use super::Database;
use super::common::notes::{self, Runs, Trouble, insert, stored};

#[transactional(isolation = serializable)]
async fn strict(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    runs.next();
    Ok(insert(&mut *tx, 2).await?)
}

#[transactional(isolation = repeatable_read)]
async fn repeatable(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<String, Trouble> {
    insert(&mut *tx, 1).await?;
    strict(&mut *tx, runs).await?;
    level(&mut *tx).await
}

#[transactional]
async fn plain_that_goes_on(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    strict(&mut *tx, runs).await.unwrap_err();
    Ok(())
}

#[transactional(isolation = read_committed)]
async fn level(tx: &mut Tx<'_, Database>) -> Result<String, Trouble> {
    let level = sqlx::query_scalar("SHOW transaction_isolation");
    Ok(level.fetch_one(&mut *tx).await?)
}

#[transactional(isolation = serializable)]
async fn serializable_around_weaker(tx: &mut Tx<'_, Database>) -> Result<String, Trouble> {
    let runs = Runs::default();
    strict(&mut *tx, &runs).await?;
    level(&mut *tx).await
}

#[tokio::test]
async fn a_joined_call_that_asks_for_more_isolation_is_refused_before_it_runs() {
    let db = notes::open().await;
    let runs = Runs::default();
    let error = repeatable(&*db, &runs).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Isolation);
    assert_eq!(error.database().category(), Category::Programming);
    let message = error.to_string();
    for part in [
        "`strict`",
        "`repeatable`",
        "SERIALIZABLE",
        "REPEATABLE READ",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(runs.count(), 0);
    assert!(stored(&db).await.is_empty());
}

#[tokio::test]
async fn a_swallowed_refusal_rolls_the_transaction_back() {
    let db = notes::open().await;
    let runs = Runs::default();
    let error = plain_that_goes_on(&*db, &runs).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Isolation);
    assert_eq!(runs.count(), 0);
    assert!(stored(&db).await.is_empty());
}

#[tokio::test]
async fn a_joined_call_may_ask_for_less_isolation() {
    let db = notes::open().await;
    let level = serializable_around_weaker(&*db).await.unwrap();
    assert_eq!(level, "serializable");
    assert_eq!(stored(&db).await, [2]);
}

#[transactional(nested, isolation = serializable)]
async fn strict_nested(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    Ok(insert(&mut *tx, 2).await?)
}

#[transactional]
async fn goes_on_without_it(tx: &mut Tx<'_, Database>) -> Result<ErrorKind, Trouble> {
    let refusal = strict_nested(&mut *tx).await.unwrap_err();
    insert(&mut *tx, 1).await?;
    Ok(refusal.kind())
}

#[tokio::test]
async fn a_nested_call_that_is_refused_leaves_the_transaction_as_it_was() {
    let db = notes::open().await;
    assert_eq!(
        goes_on_without_it(&*db).await.unwrap(),
        ErrorKind::Isolation
    );
    assert_eq!(stored(&db).await, [1]);
}
