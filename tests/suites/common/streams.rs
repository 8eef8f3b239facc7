//! Rows of a writing statement that are not read to their end.

use dbop::{Conn, Outcome, Tx, db_op, transactional};
use futures_util::TryStreamExt;
use sqlx::Executor;

use super::Database;
use super::notes::{self, Trouble, insert, note_op, soon, stored};

/// A statement that writes three rows, and may run twice.
pub(crate) const THREE: &str =
    "INSERT INTO notes VALUES (1), (2), (3) ON CONFLICT DO NOTHING RETURNING id";

pub(crate) async fn read_one<'e>(
    executor: impl Executor<'e, Database = Database>,
) -> sqlx::Result<i64> {
    let mut ids = sqlx::query_scalar(THREE).fetch(executor);
    Ok(ids.try_next().await?.expect("three rows"))
}

#[transactional]
async fn half_read_in_a_transaction(tx: &mut Tx<'_, Database>, go_on: bool) -> Result<(), Trouble> {
    insert(&mut *tx, 9).await?;
    read_one(&mut *tx).await?;
    if go_on {
        insert(&mut *tx, 7).await.unwrap_err();
    }
    Ok(())
}

#[tokio::test]
async fn a_transaction_that_lets_go_of_a_write_half_way_is_rolled_back() {
    let db = notes::open_narrow().await;
    for go_on in [false, true] {
        let call = soon("the call", half_read_in_a_transaction(&*db, go_on)).await;
        let error = call.unwrap_err();
        assert_eq!(error.database().outcome().unwrap(), Outcome::RolledBack);
        assert!(stored(&db).await.is_empty());
    }
    soon("the next call", note_op(&*db, 9)).await.unwrap();
}

#[db_op]
async fn reads_half(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    let mut rows = sqlx::query("SELECT id FROM notes").fetch(&mut *conn);
    rows.try_next().await?;
    drop(rows);
    Ok(insert(&mut *conn, 7).await?)
}

#[tokio::test]
async fn rows_that_were_only_read_may_be_let_go() {
    let db = notes::open_narrow().await;
    for id in 1..=3 {
        note_op(&*db, id).await.unwrap();
    }
    soon("the call", reads_half(&*db)).await.unwrap();
    assert_eq!(stored(&db).await, [1, 2, 3, 7]);
}
