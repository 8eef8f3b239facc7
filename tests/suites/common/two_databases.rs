//! A call on another database inside a transaction ends independently of it.

use dbop::{Conn, Db, Outcome, Tx, db_op, transactional};

use super::Database;
use super::notes::{self, Trouble, insert, stored};

/// Writes two notes without a transaction: the first one stands when the second is refused.
#[db_op]
async fn twice(conn: &mut Conn<'_, Database>, id: i64) -> Result<(), Trouble> {
    insert(&mut *conn, id).await?;
    Ok(insert(&mut *conn, id).await?)
}

#[transactional]
async fn around_another_database(
    tx: &mut Tx<'_, Database>,
    other: &Db<Database>,
) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    #[dbop::allow(
        foreign_await,
        reason = "a call on another database is a transaction of its own"
    )]
    twice(other, 2).await
}

#[transactional]
async fn around_the_same_transaction(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    twice(&mut *tx, 2).await
}

#[tokio::test]
async fn what_is_unknown_on_another_database_stays_so_when_ours_is_rolled_back() {
    let (ours, other) = (notes::open_narrow().await, notes::open_narrow().await);
    let error = around_another_database(&*ours, &other).await.unwrap_err();
    assert!(stored(&ours).await.is_empty());
    assert_eq!(
        stored(&other).await,
        [2],
        "the call on the other database was not rolled back"
    );
    assert_eq!(error.database().outcome().unwrap(), Outcome::Unknown);
}

#[tokio::test]
async fn what_was_done_in_our_own_transaction_is_rolled_back_with_it() {
    let db = notes::open_narrow().await;
    let error = around_the_same_transaction(&*db).await.unwrap_err();
    assert_eq!(error.database().outcome().unwrap(), Outcome::RolledBack);
    assert!(stored(&db).await.is_empty());
}
