//! Both halves, and both ways to store analyses, lead to the same rows.

use audit::client::Recorded;
use audit::model::Audit;
use audit::processor::Approach;
use dbop::Db;
use sqlx::Sqlite;

use crate::common::{Bench, Event, Script, Which, process, promises_of_both_halves};

#[dbop::test]
async fn both_halves_store_the_same_rows(db: Db<Sqlite>) {
    let bench = Bench::new(db, Which::Native).await;
    let client = Recorded::load().unwrap();
    let mut audits: Vec<Audit> = Vec::new();
    for half in bench.database.halves() {
        let audit = bench.audit().await;
        process(&half, &client, Approach::Batch, audit)
            .await
            .unwrap();
        audits.push(audit);
    }
    let (sync, native) = (
        bench.snapshot(audits[0]).await,
        bench.snapshot(audits[1]).await,
    );
    assert_eq!(sync.difference(&native), None);
    assert_eq!(sync, native);
    assert_eq!(sync.count("final_responses"), 360);
}

#[dbop::test]
async fn one_half_goes_on_where_the_other_was(db: Db<Sqlite>) {
    let bench = Bench::new(db, Which::Native).await;
    let audit = bench.audit().await;
    let client = Script::new(&bench, audit).at(20, Event::Cancel);
    let [sync, native] = bench.database.halves();
    process(&sync, &client, Approach::Batch, audit)
        .await
        .unwrap();
    process(&native, &client, Approach::Batch, audit)
        .await
        .unwrap();
    assert_eq!(client.asked(), 45);
    assert_eq!(bench.counts(audit).await, [45, 360, 13, 6, 360]);
}

promises_of_both_halves! {
    async fn analyses_stored_one_by_one_and_in_a_batch_are_the_same(bench: Bench) {
        let client = Recorded::load().unwrap();
        let (one_by_one, batch) = (bench.audit().await, bench.audit().await);
        process(&bench.half, &client, Approach::OneByOne, one_by_one).await.unwrap();
        process(&bench.half, &client, Approach::Batch, batch).await.unwrap();
        let (a, b) = (bench.snapshot(one_by_one).await, bench.snapshot(batch).await);
        assert_eq!(a.difference(&b), None);
        assert_eq!(a, b);
        assert_eq!(a.count("audit_responses"), 360);
    }
}
