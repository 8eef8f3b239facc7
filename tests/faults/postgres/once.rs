//! `once = key` where the answer to COMMIT is lost.

use std::sync::{Arc, Mutex};

use dbop::{Db, Outcome, Tx, transactional};
use dbop_tests::Fresh;
use dbop_tests::proxy::Proxy;
use sqlx::{Executor, Postgres};

use super::common::once::{Receipt, Runs, Trouble, open, pay, rows};

type Diary = Arc<Mutex<Vec<&'static str>>>;

async fn through_a_proxy() -> (Fresh<Postgres>, Proxy, Db<Postgres>) {
    let fresh = open().await;
    let proxy = Proxy::before(&fresh.url).await;
    let db = Db::builder().url(&proxy.url).pool_size(1);
    let db = db.connect().await.expect("the proxy's database");
    (fresh, proxy, db)
}

#[tokio::test]
async fn a_lost_answer_to_commit_is_settled_by_the_marker() {
    let (fresh, proxy, db) = through_a_proxy().await;
    let runs = Runs::default();
    pay(&db, 1, 5.0, &runs).await.unwrap();
    proxy.lose_answer_to("COMMIT");
    let receipt = pay(&db, 2, 5.0, &runs).await.unwrap();
    assert_eq!(receipt, Receipt { run: 2, cents: 5.0 });
    assert_eq!(
        runs.count(),
        2,
        "the body of the lost answer does not run again"
    );
    assert_eq!(rows(&fresh, "payments").await, 2);
}

#[transactional(once = id)]
async fn pay_with_hooks(
    tx: &mut Tx<'_, Postgres>,
    id: i64,
    #[once(skip)] diary: &Diary,
) -> Result<i64, Trouble> {
    tx.execute("INSERT INTO payments VALUES (1, 1)").await?;
    let note = |line| {
        let diary = Arc::clone(diary);
        async move { diary.lock().unwrap().push(line) }
    };
    tx.after_commit(note("committed"));
    tx.after_rollback(note("rolled back"));
    tx.on_unknown(note("unknown"));
    Ok(id)
}

#[tokio::test]
async fn a_settled_commit_runs_its_commit_hooks_once_and_no_others() {
    let (_fresh, proxy, db) = through_a_proxy().await;
    let diary = Diary::default();
    proxy.lose_answer_to("COMMIT");
    pay_with_hooks(&db, 1, &diary).await.unwrap();
    assert_eq!(*diary.lock().unwrap(), ["committed"]);
    pay_with_hooks(&db, 1, &diary).await.unwrap();
    assert_eq!(
        *diary.lock().unwrap(),
        ["committed"],
        "this one did nothing"
    );
}

#[transactional(once = id, retry = never)]
async fn pay_without_retry(
    tx: &mut Tx<'_, Postgres>,
    id: i64,
    #[once(skip)] runs: &Runs,
) -> Result<Receipt, Trouble> {
    pay(&mut *tx, id, 1.0, runs).await
}

#[tokio::test]
async fn without_retries_the_next_call_with_the_key_settles_it() {
    let (fresh, proxy, db) = through_a_proxy().await;
    let runs = Runs::default();
    pay_without_retry(&db, 1, &runs).await.unwrap();
    proxy.lose_answer_to("COMMIT");
    let error = pay_without_retry(&db, 2, &runs).await.unwrap_err();
    assert_eq!(error.database().outcome(), Outcome::Unknown);
    let receipt = pay_without_retry(&db, 2, &runs).await.unwrap();
    assert_eq!(receipt, Receipt { run: 2, cents: 1.0 });
    assert_eq!((runs.count(), rows(&fresh, "payments").await), (2, 2));
}

/// The body's own COMMIT message is never sent: the marker is not there, and the body runs again.
#[transactional(once = id)]
async fn pay_before_the_cut(
    tx: &mut Tx<'_, Postgres>,
    id: i64,
    #[once(skip)] runs: &Runs,
    #[once(skip)] proxy: &Proxy,
) -> Result<Receipt, Trouble> {
    let receipt = pay(&mut *tx, id, 1.0, runs).await?;
    if receipt.run == 1 {
        proxy.cut();
    }
    Ok(receipt)
}

#[tokio::test]
async fn an_attempt_that_was_cut_before_commit_has_left_no_marker_and_is_replayed() {
    let (fresh, proxy, db) = through_a_proxy().await;
    let runs = Runs::default();
    let receipt = pay_before_the_cut(&db, 1, &runs, &proxy).await.unwrap();
    assert_eq!(receipt.run, 2);
    assert_eq!(rows(&fresh, "payments").await, 1);
}

#[tokio::test]
async fn a_role_that_may_create_no_table_is_told_what_to_do() {
    let fresh = open().await;
    let own = "CREATE SCHEMA closed; CREATE ROLE once_reader LOGIN PASSWORD 'reader';
        GRANT ALL ON payments TO once_reader; REVOKE CREATE ON SCHEMA public FROM PUBLIC";
    // Another run of the tests on the same cluster may have made the role.
    if fresh.pool().execute(own).await.is_err() {
        let grant = "GRANT ALL ON payments TO once_reader;
            REVOKE CREATE ON SCHEMA public FROM PUBLIC";
        fresh.pool().execute(grant).await.unwrap();
    }
    let (_, place) = fresh.url.rsplit_once('@').unwrap();
    let url = format!("postgres://once_reader:reader@{place}");
    let db = Db::<Postgres>::connect(&url).await.unwrap();
    let error = pay(&db, 1, 1.0, &Runs::default()).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("ONCE_SCHEMA") && text.contains("42501"),
        "{text}"
    );
    fresh
        .pool()
        .execute(Db::<Postgres>::ONCE_SCHEMA)
        .await
        .unwrap();
    fresh
        .pool()
        .execute("GRANT ALL ON dbop_once TO once_reader")
        .await
        .unwrap();
    pay(&db, 1, 1.0, &Runs::default()).await.unwrap();
}
