//! Calls in chunks that are cut off, and go on.

use dbop::{BulkInsert, Db, Tx, transactional};
use dbop_tests::{Fresh, poll_at_most, seed};
use sqlx::Executor;

use super::super::between;
use super::{Database, fresh_with};

pub(crate) async fn open() -> Fresh<Database> {
    let fresh = fresh_with(|builder| builder.max_connections(4)).await;
    let schema = "CREATE TABLE numbers (n BIGINT NOT NULL)";
    fresh.pool().execute(schema).await.expect("the schema");
    fresh
}

/// The table has room for the same number twice, so that a chunk that was committed twice shows.
pub(crate) async fn store(tx: &mut Tx<'_, Database>, numbers: &[i64]) -> dbop::Result<()> {
    let insert = BulkInsert::into("numbers").column("n", numbers);
    insert.execute(&mut *tx).await.map(drop)
}

#[transactional(chunk = 3, name = "numbers.store", resume = key)]
pub(crate) async fn store_resumed(
    tx: &mut Tx<'_, Database>,
    key: i64,
    items: &[i64],
) -> dbop::Result<()> {
    assert!(key >= 0);
    store(&mut *tx, items).await
}

pub(crate) async fn numbers(db: &Db<Database>) -> Vec<i64> {
    let read = sqlx::query_scalar("SELECT n FROM numbers ORDER BY n");
    read.fetch_all(db.pool()).await.expect("the numbers")
}

#[tokio::test]
async fn a_call_that_is_dropped_at_any_poll_goes_on_and_commits_each_item_once() {
    let fresh = open().await;
    let mut random = fastrand::Rng::with_seed(seed());
    // A call whose answer is there at once cannot be dropped while it waits.
    let (url, _between) = between(&fresh.url).await;
    let db = Db::builder().url(&url).max_connections(1);
    let db = db.connect().await.unwrap();
    let (mut dropped, mut all) = (0, Vec::new());
    for key in 0..15_i64 {
        let items: Vec<i64> = (0..11).map(|n| key * 100 + n).collect();
        let (mut skipped, mut most) = (0, 4);
        let committed = loop {
            let polls = random.u32(1..=most);
            // A call that is always dropped before its first chunk would never end.
            most += 1;
            match poll_at_most(polls, store_resumed(&db, key, &items)).await {
                None => dropped += 1,
                Some(result) => break result.expect("nothing fails"),
            }
            // What is committed is never taken back, and is whole chunks.
            let stored = sqlx::query_scalar("SELECT count(*) FROM numbers WHERE n / 100 = $1");
            let stored: i64 = stored.bind(key).fetch_one(fresh.pool()).await.unwrap();
            assert!(
                stored >= skipped && (stored % 3 == 0 || stored == 11),
                "{stored}"
            );
            skipped = stored;
        };
        assert_eq!((committed.items, committed.chunks), (11, 4));
        all.extend(items);
        assert_eq!(numbers(&fresh).await, all);
    }
    assert!(dropped > 10, "{dropped} calls were dropped");
}
