//! `once = key`: what makes two calls the same call, and what does not.

use dbop::{Db, ErrorKind, Outcome, Tx, transactional};
use sqlx::Executor;

use super::Database;
use super::once::{Runs, Trouble, open, rows};

async fn insert(tx: &mut Tx<'_, Database>, id: i64) -> sqlx::Result<()> {
    let insert = sqlx::query("INSERT INTO payments VALUES ($1, 1)");
    insert.bind(id).execute(&mut *tx).await.map(drop)
}

/// Checks that the second call reports itself as another call, and is not answered with the result
/// of the first one.
async fn are_two(
    db: &Db<Database>,
    first: impl Future<Output = Result<(), Trouble>>,
    second: impl Future<Output = Result<(), Trouble>>,
) {
    first.await.unwrap();
    let error = second.await.expect_err("the second call has done nothing");
    assert_eq!(error.kind(), ErrorKind::KeyReused);
    assert_eq!(rows(db, "payments").await, 1);
}

struct Shop;
struct Bank;

macro_rules! named_alike {
    ($($type:ident: $base:literal;)*) => {$(
        impl $type {
            #[transactional(once = id)]
            async fn book(tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
                Ok(insert(&mut *tx, $base + id).await?)
            }
        }

        impl Table for $type {
            const BASE: i64 = $base;
        }
    )*};
}

trait Table {
    const BASE: i64;
}

named_alike! {
    Shop: 100;
    Bank: 200;
}

#[tokio::test]
async fn associated_functions_of_one_name_are_never_taken_for_each_other() {
    let db = open().await;
    are_two(&db, Shop::book(&*db, 1), Bank::book(&*db, 1)).await;
}

#[transactional(once = id)]
async fn archive<T: Table>(tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
    Ok(insert(&mut *tx, T::BASE + id).await?)
}

#[tokio::test]
async fn two_instances_of_a_generic_function_are_never_taken_for_each_other() {
    let db = open().await;
    are_two(&db, archive::<Shop>(&*db, 1), archive::<Bank>(&*db, 1)).await;
}

trait Sell {
    async fn close(&self, id: i64) -> Result<(), Trouble>;
}
trait Rent {
    async fn close(&self, id: i64) -> Result<(), Trouble>;
}

macro_rules! closed_alike {
    ($($trait:ident: $base:literal;)*) => {$(
        impl $trait for Db<Database> {
            #[transactional(once = id, db = self)]
            async fn close(&self, tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
                Ok(insert(&mut *tx, $base + id).await?)
            }
        }
    )*};
}

closed_alike! {
    Sell: 100;
    Rent: 200;
}

#[tokio::test]
async fn methods_of_one_name_of_two_traits_are_never_taken_for_each_other() {
    let db = open().await;
    are_two(&db, Sell::close(&*db, 1), Rent::close(&*db, 1)).await;
}

#[transactional(once = id)]
async fn pay(tx: &mut Tx<'_, Database>, id: i64) -> Result<i64, Trouble> {
    insert(&mut *tx, id).await?;
    Ok(id)
}

#[transactional]
async fn pays(tx: &mut Tx<'_, Database>, id: i64) -> Result<i64, Trouble> {
    pay(&mut *tx, id).await
}

#[tokio::test]
async fn where_its_session_comes_from_makes_a_call_no_other() {
    let db = open().await;
    let shared = std::sync::Arc::new(db.db.clone());
    pay(&*db, 1).await.unwrap();
    pay(db.pool(), 1).await.unwrap();
    pay(&shared, 1).await.unwrap();
    pays(&*db, 1).await.unwrap();
    assert_eq!(rows(&db, "payments").await, 1);
}

#[transactional(once = key)]
async fn text(tx: &mut Tx<'_, Database>, key: String) -> Result<usize, Trouble> {
    insert(&mut *tx, 1).await?;
    Ok(key.len())
}

#[tokio::test]
async fn a_key_is_any_text() {
    let db = open().await;
    let keys = [
        "",
        "'; DROP TABLE payments; --",
        "ключ 🔑",
        "a\nb",
        "\"",
        "%s",
    ];
    for key in keys {
        for _ in 0..2 {
            assert_eq!(
                text(&*db, key.to_owned()).await.unwrap(),
                key.len(),
                "{key:?}"
            );
        }
    }
    assert_eq!(rows(&db, "payments").await, 6);
}

#[transactional(once = id)]
async fn find(tx: &mut Tx<'_, Database>, id: i64) -> Result<Option<()>, Trouble> {
    insert(&mut *tx, id).await?;
    Ok(Some(()))
}

#[transactional(once = id)]
async fn find_number(tx: &mut Tx<'_, Database>, id: i64) -> Result<Option<f64>, Trouble> {
    insert(&mut *tx, id).await?;
    Ok(Some(f64::NAN))
}

/// JSON has a single `null` for both values, so later callers would get another answer.
#[tokio::test]
async fn a_result_that_json_would_change_is_refused_before_it_commits() {
    let db = open().await;
    let errors = [
        find(&*db, 1).await.unwrap_err(),
        find_number(&*db, 1).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Encode);
        assert_eq!(error.database().outcome().unwrap(), Outcome::RolledBack);
    }
    assert_eq!(rows(&db, "payments").await, 0);
}

/// Ends the transaction past dbop, and its marker with it, and writes a row that commits by itself.
#[transactional(once = 1)]
async fn escapes(tx: &mut Tx<'_, Database>, #[once(skip)] runs: &Runs) -> Result<(), Trouble> {
    escapes_without_a_key(&mut *tx, runs).await
}

#[transactional]
#[dbop::allow(
    manual_transaction,
    reason = "it is there to end the transaction past dbop"
)]
async fn escapes_without_a_key(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    runs.next();
    let raw = tx.conn();
    raw.execute("ROLLBACK").await?;
    raw.execute("INSERT INTO payments VALUES (1, 1)").await?;
    Err(Trouble::NotNow)
}

#[tokio::test]
async fn what_escaped_from_a_transaction_is_not_done_again() {
    let (db, runs) = (open().await, Runs::default());
    escapes_without_a_key(&*db, &runs).await.unwrap_err();
    assert_eq!((runs.count(), rows(&db, "payments").await), (1, 1));
    escapes(&*db, &runs).await.unwrap_err();
    assert_eq!((runs.count(), rows(&db, "payments").await), (2, 2));
}

#[transactional(retry = never)]
async fn drops_a_call(tx: &mut Tx<'_, Database>, polls: u32) -> Result<bool, Trouble> {
    insert(&mut *tx, -1).await?;
    let ended = dbop_tests::poll_at_most(polls, pay(&mut *tx, 1)).await;
    #[dbop::allow(
        swallowed_error,
        reason = "refused, perhaps, after a call that was dropped"
    )]
    drop(insert(&mut *tx, -1).await);
    Ok(ended.is_some())
}

#[tokio::test]
async fn a_joined_call_dropped_at_any_poll_leaves_all_or_nothing() {
    for with_table in [false, true] {
        for polls in 1..12 {
            let db = open().await;
            if with_table {
                db.pool()
                    .execute(Db::<Database>::ONCE_SCHEMA)
                    .await
                    .unwrap();
            }
            let ended = drops_a_call(&*db, polls).await;
            let own = rows(&db, "payments WHERE id = -1").await;
            let joined = rows(&db, "payments WHERE id = 1").await;
            let expected = match &ended {
                Ok(true) => (2, 1),
                Ok(false) => (2, 0),
                Err(error) => {
                    assert_eq!(error.database().outcome().unwrap(), Outcome::RolledBack);
                    (0, 0)
                }
            };
            assert_eq!((own, joined), expected, "{polls} polls: {ended:?}");
            pay(&*db, 1).await.unwrap();
            pay(&*db, 1).await.unwrap();
            assert_eq!(rows(&db, "payments WHERE id = 1").await, 1);
        }
    }
}
