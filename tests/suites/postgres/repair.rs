//! Going back to an aborted savepoint repairs the transaction, whatever was tried inside the
//! savepoint.

use dbop::{Tx, transactional};

use super::Database;
use super::common::notes::{self, Trouble, insert, soon, stored};

#[transactional]
async fn savepoint_in_an_aborted_one(
    tx: &mut Tx<'_, Database>,
    give_up: bool,
) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    let outer = tx
        .savepoint(async |a: &mut Tx<'_, Database>| -> Result<(), Trouble> {
            insert(&mut *a, 1).await.unwrap_err();
            let inner = a
                .savepoint(async |b: &mut Tx<'_, Database>| -> Result<(), Trouble> {
                    Ok(insert(&mut *b, 2).await?)
                })
                .await;
            inner.unwrap_err();
            if give_up {
                return Err(Trouble::Refused);
            }
            Ok(())
        })
        .await;
    outer.unwrap_err();
    insert(&mut *tx, 3).await?;
    Ok(())
}

#[tokio::test]
async fn a_savepoint_refused_in_an_aborted_one_leaves_the_transaction_whole() {
    for give_up in [true, false] {
        let db = notes::open_narrow().await;
        let call = soon("the call", savepoint_in_an_aborted_one(&*db, give_up)).await;
        call.unwrap();
        assert_eq!(stored(&db).await, [1, 3], "give up: {give_up}");
    }
}

#[transactional(nested)]
async fn nested_two(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    Ok(insert(&mut *tx, 2).await?)
}

#[transactional(nested)]
async fn nested_call_in_an_aborted_one(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await.unwrap_err();
    nested_two(&mut *tx).await.unwrap_err();
    Err(Trouble::Refused)
}

#[transactional]
async fn around_nested_calls(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    nested_call_in_an_aborted_one(&mut *tx).await.unwrap_err();
    nested_two(&mut *tx).await
}

#[tokio::test]
async fn a_nested_call_refused_in_an_aborted_one_leaves_the_transaction_whole() {
    let db = notes::open_narrow().await;
    soon("the call", around_nested_calls(&*db)).await.unwrap();
    assert_eq!(stored(&db).await, [1, 2]);
}
