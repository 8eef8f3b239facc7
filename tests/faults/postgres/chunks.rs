//! Calls in chunks whose connection fails.

use dbop::{ChunkError, Db, Outcome};
use dbop_tests::Fresh;
use dbop_tests::proxy::Proxy;
use sqlx::Postgres;

use super::common::chunks::{numbers, open, store_plainly, store_resumed};

async fn through_a_proxy() -> (Fresh<Postgres>, Proxy, Db<Postgres>) {
    let fresh = open().await;
    let proxy = Proxy::before(&fresh.url).await;
    let db = Db::builder().url(&proxy.url).max_connections(1);
    let db = db.connect().await.expect("the proxy's database");
    (fresh, proxy, db)
}

#[tokio::test]
async fn a_lost_answer_to_the_commit_of_a_chunk_is_settled_by_its_position() {
    let (fresh, proxy, db) = through_a_proxy().await;
    store_resumed(&db, 1, &[1, 2, 3, 4]).await.unwrap();
    proxy.lose_answer_to("COMMIT");
    let committed = store_resumed(&db, 1, &[1, 2, 3, 4, 5, 6, 7, 8]).await;
    let committed = committed.unwrap();
    assert_eq!((committed.items, committed.skipped), (8, 4));
    assert_eq!(numbers(&fresh).await, [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[tokio::test]
async fn without_a_key_a_lost_answer_ends_the_call_and_is_not_counted_as_committed() {
    let (fresh, proxy, db) = through_a_proxy().await;
    proxy.lose_answer_to("COMMIT");
    let failed = store_plainly(&db, &[1, 2, 3, 4, 5, 6]).await.unwrap_err();
    let ChunkError {
        committed, error, ..
    } = failed;
    assert_eq!(error.outcome(), Some(Outcome::Unknown));
    assert_eq!((committed.items, committed.chunks), (0, 0));
    assert_eq!(numbers(&fresh).await, [1, 2, 3], "the server had committed");
}

#[tokio::test]
async fn a_chunk_whose_connection_is_cut_runs_again_and_the_others_do_not() {
    let (fresh, proxy, db) = through_a_proxy().await;
    let cut = async |items: Vec<i64>| {
        let stream = futures_util::stream::iter(items.into_iter().inspect(|item| {
            if *item == 5 {
                proxy.cut();
            }
        }));
        store_plainly(&db, stream).await
    };
    let committed = cut((1..=8).collect()).await.unwrap();
    assert_eq!((committed.items, committed.chunks), (8, 3));
    assert_eq!(numbers(&fresh).await, [1, 2, 3, 4, 5, 6, 7, 8]);
}
