//! The promises of the bank, on each database.

use dbop::AnyDb;
use tokio::task::JoinSet;

use crate::bank::{BankError, balance, gift, open, payday, total, transfer};

/// Account 3 is closed.
const CLOSED: i64 = 3;

#[dbop::test]
async fn a_transfer_without_enough_money_leaves_nothing_behind(db: AnyDb) -> Result<(), BankError> {
    open(&db, CLOSED, 500).await?;
    let refused = transfer(&db, 1, 2, 501).await;
    assert!(matches!(refused, Err(BankError::InsufficientFunds(1))));
    assert_eq!((balance(&db, 1).await?, balance(&db, 2).await?), (500, 500));
    Ok(())
}

#[dbop::test]
async fn a_gift_to_a_closed_account_is_taken_back(db: AnyDb) -> Result<(), BankError> {
    open(&db, CLOSED, 500).await?;
    let refused = gift(&db, 1, CLOSED, 5).await;
    assert!(matches!(refused, Err(BankError::Closed(CLOSED))));
    assert_eq!(balance(&db, 1).await?, 500);
    Ok(())
}

#[dbop::test]
async fn a_payday_pays_everybody_or_nobody(db: AnyDb) -> Result<(), BankError> {
    open(&db, CLOSED, 500).await?;
    let refused = payday(&db, 0, &[1, 2], 300).await;
    assert!(matches!(refused, Err(BankError::InsufficientFunds(0))));
    assert_eq!(balance(&db, 1).await?, 500);
    payday(&db, 0, &[1, 2], 200).await?;
    assert_eq!((balance(&db, 0).await?, balance(&db, 2).await?), (100, 700));
    Ok(())
}

#[dbop::test]
async fn transfers_at_the_same_time_make_and_lose_no_money(db: AnyDb) -> Result<(), BankError> {
    open(&db, CLOSED, 500).await?;
    let mut tasks = JoinSet::new();
    for cents in 1..=50 {
        let db = db.clone();
        // From the lower number to the higher, so that no two wait for each other.
        tasks.spawn(async move { transfer(&db, cents % 2, 2, cents).await });
    }
    let mut refused = 0;
    for ended in tasks.join_all().await {
        match ended {
            Err(BankError::InsufficientFunds(_)) => refused += 1,
            ended => ended?,
        }
    }
    assert!(
        refused > 0,
        "the transfers are of 1275 cents, and 1000 are there"
    );
    assert_eq!(total(&db).await?, 4 * 500);
    Ok(())
}
