//! `once = key`: one effect for each key, whatever says the database.

use dbop::{ErrorKind, Tx, transactional};

use super::super::Database;
use super::super::notes::{self as table, Runs, Trouble, stored};
use super::any;

#[transactional(on = [Sqlite, Postgres], once = id, name = "on_both.pay")]
async fn pay(
    tx: &mut Tx<'_, DB>,
    id: i64,
    cents: i64,
    #[once(skip)] runs: &Runs,
) -> Result<u32, Trouble> {
    let insert = sqlx::query("INSERT INTO notes VALUES ($1)");
    insert.bind(id * 100 + cents).execute(&mut *tx).await?;
    Ok(runs.next())
}

#[transactional]
async fn pays(tx: &mut Tx<'_, Database>, id: i64, runs: &Runs) -> Result<u32, Trouble> {
    pay(&mut *tx, id, 1, runs).await
}

#[tokio::test]
async fn a_key_is_the_same_call_through_every_scope() {
    let db = table::open().await;
    let runs = Runs::default();
    assert_eq!(pay(&any(&db), 7, 1, &runs).await.unwrap(), 1);
    assert_eq!(pay(&*db, 7, 1, &runs).await.unwrap(), 1);
    assert_eq!(pay(db.pool(), 7, 1, &runs).await.unwrap(), 1);
    assert_eq!(pays(&*db, 7, &runs).await.unwrap(), 1);
    assert_eq!(pay(&*db, 8, 1, &runs).await.unwrap(), 2);
    assert_eq!(pay(&any(&db), 8, 1, &runs).await.unwrap(), 2);
    assert_eq!(runs.count(), 2);
    assert_eq!(stored(&db).await, [701, 801]);
}

/// The same operation as an older version of the application had it, for one database.
mod before {
    use super::{Database, Runs, Trouble, Tx, transactional};

    #[transactional(once = id, name = "on_both.pay")]
    pub(super) async fn pay(
        tx: &mut Tx<'_, Database>,
        id: i64,
        cents: i64,
        #[once(skip)] runs: &Runs,
    ) -> Result<u32, Trouble> {
        let insert = sqlx::query("INSERT INTO notes VALUES ($1)");
        insert.bind(id * 100 + cents).execute(&mut *tx).await?;
        Ok(runs.next())
    }
}

#[tokio::test]
async fn a_function_for_one_database_of_the_same_name_is_the_same_operation() {
    let db = table::open().await;
    let runs = Runs::default();
    assert_eq!(before::pay(&*db, 7, 1, &runs).await.unwrap(), 1);
    assert_eq!(pay(&any(&db), 7, 1, &runs).await.unwrap(), 1);
    assert_eq!(stored(&db).await, [701]);
}

#[tokio::test]
async fn a_key_with_other_arguments_is_refused() {
    let db = table::open().await;
    let runs = Runs::default();
    pay(&any(&db), 7, 1, &runs).await.unwrap();
    let error = pay(&*db, 7, 2, &runs).await.unwrap_err();
    assert_ne!(error.kind(), ErrorKind::Unique);
    let message = error.to_string();
    assert!(message.contains("on_both.pay"), "{message}");
    assert_eq!(stored(&db).await, [701]);
}
