//! A transaction is all there or not at all.

use super::bank::{self, BankError, balance, payday, total, transfer};

#[tokio::test]
async fn ok_commits() {
    let db = bank::open().await;
    transfer(&*db, 1, 2, 30).await.unwrap();
    assert_eq!(balance(&*db, 1).await.unwrap(), 70);
    assert_eq!(balance(&*db, 2).await.unwrap(), 130);
}

#[tokio::test]
async fn err_rolls_back() {
    let db = bank::open().await;
    let error = transfer(&*db, 1, 2, 300).await.unwrap_err();
    assert!(matches!(error, BankError::InsufficientFunds(1)));
    assert_eq!(balance(&*db, 1).await.unwrap(), 100);
    assert_eq!(total(&*db).await.unwrap(), 400);
}

#[tokio::test]
async fn joined_calls_share_one_transaction() {
    let db = bank::open().await;
    payday(&*db, &[2, 3]).await.unwrap();
    assert_eq!(balance(&*db, 1).await.unwrap(), 80);
    payday(&*db, &[2, 99, 3]).await.unwrap();
    assert_eq!(total(&*db).await.unwrap(), 390);
}
