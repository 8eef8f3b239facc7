//! `once = key` where the answer to COMMIT is lost.

use std::sync::{Arc, Mutex};

use std::time::Duration;

use dbop::{Db, ErrorKind, Outcome, Tx, transactional};
use dbop_tests::Fresh;
use dbop_tests::proxy::Proxy;
use sqlx::{Executor, Postgres};
use tokio::time::{sleep, timeout};

use super::common::once::{Receipt, Runs, Trouble, open, pay, rows};

type Diary = Arc<Mutex<Vec<&'static str>>>;

async fn through_a_proxy() -> (Fresh<Postgres>, Proxy, Db<Postgres>) {
    let fresh = open().await;
    let proxy = Proxy::before(&fresh.url).await;
    let db = Db::builder().url(&proxy.url).max_connections(1);
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
    assert_eq!(error.database().outcome().unwrap(), Outcome::Unknown);
    let receipt = pay_without_retry(&db, 2, &runs).await.unwrap();
    assert_eq!(receipt, Receipt { run: 2, cents: 1.0 });
    assert_eq!((runs.count(), rows(&fresh, "payments").await), (2, 2));
}

/// The body's own COMMIT is never sent, so the marker is not there and the body runs again.
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
    // Another run of the tests on the same cluster may have created the role.
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

#[tokio::test]
async fn a_settled_commit_runs_its_commit_hooks_whatever_time_zone_its_session_had() {
    let (fresh, proxy, db) = through_a_proxy().await;
    let diary = Diary::default();
    // This statement goes past dbop, which would not let the next call get such a session.
    let choose_zone = db.pool().execute("SET TIME ZONE 'Asia/Tokyo'");
    choose_zone.await.unwrap();
    proxy.lose_answer_to("COMMIT");
    pay_with_hooks(&db, 1, &diary).await.unwrap();
    assert_eq!(rows(&fresh, "payments").await, 1);
    assert_eq!(*diary.lock().unwrap(), ["committed"]);
}

#[transactional(once = id, timeout = "20s")]
async fn pay_slowly(
    tx: &mut Tx<'_, Postgres>,
    id: i64,
    #[once(skip)] runs: &Runs,
) -> Result<u32, Trouble> {
    let run = runs.next();
    tx.execute("INSERT INTO payments VALUES (1, 1)").await?;
    #[dbop::allow(
        foreign_await,
        query_in_loop,
        reason = "statements that are short, and a body that is long"
    )]
    for _ in 0..30 {
        sleep(Duration::from_millis(100)).await;
        tx.execute("SELECT 1").await?;
    }
    Ok(run)
}

#[tokio::test]
async fn callers_wait_for_the_one_that_has_the_key_however_short_a_statement_may_be() {
    let fresh = open().await;
    fresh
        .pool()
        .execute(Db::<Postgres>::ONCE_SCHEMA)
        .await
        .unwrap();
    let db = Db::<Postgres>::builder().url(&fresh.url);
    let db = db
        .statement_timeout(Duration::from_millis(400))
        .connect()
        .await
        .unwrap();
    let runs = Runs::default();
    let (first, second) = tokio::join!(pay_slowly(&db, 1, &runs), async {
        sleep(Duration::from_millis(200)).await;
        pay_slowly(&db, 1, &runs).await
    });
    assert_eq!(first.unwrap(), 1);
    assert_eq!(second.map_err(|e| e.to_string()), Ok(1));
}

#[transactional(once = id)]
async fn pay_and_wait_after(tx: &mut Tx<'_, Postgres>, id: i64) -> Result<i64, Trouble> {
    tx.execute("INSERT INTO payments VALUES (1, 1)").await?;
    tx.after_commit(sleep(Duration::from_millis(500)));
    Ok(id)
}

#[tokio::test]
async fn a_settled_call_dropped_in_its_hooks_counts_as_committed() {
    let (fresh, proxy, db) = through_a_proxy().await;
    proxy.lose_answer_to("COMMIT");
    let cut = timeout(Duration::from_millis(400), pay_and_wait_after(&db, 1)).await;
    assert!(cut.is_err());
    assert_eq!(rows(&fresh, "payments").await, 1);
    let counted = dbop::metrics();
    let counted = counted
        .iter()
        .find(|op| op.name == "pay_and_wait_after")
        .unwrap();
    assert_eq!(
        (counted.committed, counted.rolled_back),
        (1, 0),
        "{counted:?}"
    );
}

#[transactional(once = id, timeout = "1s")]
async fn pay_at_once(tx: &mut Tx<'_, Postgres>, id: i64) -> Result<i64, Trouble> {
    tx.execute("INSERT INTO payments VALUES (1, 1)").await?;
    Ok(id)
}

#[transactional]
async fn goes_on(tx: &mut Tx<'_, Postgres>) -> Result<(), Trouble> {
    tx.execute("INSERT INTO payments VALUES (2, 2)").await?;
    let failed = pay_at_once(&mut *tx, 1).await;
    drop(failed);
    Ok(())
}

#[tokio::test]
async fn a_joined_call_that_is_late_for_its_marker_rolls_all_back_as_a_timeout() {
    let fresh = open().await;
    fresh
        .pool()
        .execute(Db::<Postgres>::ONCE_SCHEMA)
        .await
        .unwrap();
    let mut other = fresh.pool().begin().await.unwrap();
    other
        .execute("INSERT INTO dbop_once (op, key, fp) VALUES ('pay_at_once', '1', '')")
        .await
        .unwrap();
    let outer = goes_on(&*fresh).await;
    other.rollback().await.unwrap();
    assert_eq!(rows(&fresh, "payments").await, 0);
    assert_eq!(outer.unwrap_err().database().kind(), ErrorKind::Timeout);
}
