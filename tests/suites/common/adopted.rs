//! Handles of pools that the application has made.

use std::time::{Duration, Instant};

use dbop::{Category, Conn, Db, ErrorKind, RetryPolicy, Tx, db_op, transactional};
use dbop_tests::{Fresh, eventually};
use sqlx::pool::PoolOptions;
use sqlx::{Executor, Pool};
use tokio::sync::Notify;

use super::super::ENDLESS;
use super::Database;
use super::notes::{self, Runs, Trouble, insert, note, note_op, soon};

/// A pool as an application makes it. No connection is opened before one is needed.
pub(crate) fn lazily(fresh: &Fresh<Database>, most: u32) -> Pool<Database> {
    let options = PoolOptions::new().max_connections(most);
    options.connect_lazy(&fresh.url).expect("a URL")
}

#[transactional]
async fn note_at_last(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    match runs.next() {
        1 | 2 => Err(Trouble::NotNow),
        _ => Ok(()),
    }
}

#[tokio::test]
async fn a_call_is_retried_on_a_handle_of_an_applications_pool() {
    let fresh = notes::open().await;
    let db = Db::from_pool(lazily(&fresh, 2));
    let runs = Runs::default();
    note_at_last(&db, &runs).await.unwrap();
    assert_eq!((runs.count(), notes::stored(&fresh).await), (3, vec![1]));
}

#[tokio::test]
async fn settings_of_calls_hold_on_an_applications_pool() {
    let fresh = notes::open().await;
    let builder = Db::builder()
        .pool(lazily(&fresh, 2))
        .retry(RetryPolicy::DEFAULT.attempts(2).outage_attempts(2));
    let db = builder.connect().await.unwrap();
    let runs = Runs::default();
    note_at_last(&db, &runs).await.unwrap_err();
    assert_eq!((runs.count(), notes::stored(&fresh).await), (2, vec![]));
}

#[db_op(retry = never)]
async fn never_ends(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    conn.execute(ENDLESS).await?;
    Ok(())
}

#[transactional(retry = never)]
async fn never_ends_in_a_transaction(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    insert(&mut *tx, 7).await?;
    tx.execute(ENDLESS).await?;
    Ok(())
}

#[tokio::test]
async fn a_call_ends_at_the_deadline_of_a_handle_of_an_applications_pool() {
    let fresh = notes::open().await;
    let builder = Db::builder()
        .pool(lazily(&fresh, 1))
        .timeout(Duration::from_millis(500));
    let db = builder.connect().await.unwrap();
    let error = soon("the operation", never_ends(&db)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    let ended = soon("the transaction", never_ends_in_a_transaction(&db)).await;
    let error = ended.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    let again = db.clone();
    eventually("the next call gets the connection", || {
        let db = again.clone();
        async move { note(&db, 8).await.is_ok() }
    })
    .await;
    assert_eq!(notes::stored(&fresh).await, [8]);
}

#[tokio::test]
async fn operations_that_only_read_use_the_pool_for_reading() {
    let fresh = notes::open().await;
    let (write, read) = (lazily(&fresh, 2), lazily(&fresh, 2));
    let db = Db::from_pools(write.clone(), read.clone());
    assert!(notes::notes(&db).await.unwrap().is_empty());
    assert_eq!((write.size(), read.size()), (0, 1));
    note(&db, 1).await.unwrap();
    assert_eq!((write.size(), read.size()), (1, 1));
    assert_eq!(notes::notes(&db).await.unwrap(), [1]);
}

#[db_op(read_only, retry = never)]
#[dbop::allow(
    write_in_read_only,
    reason = "what the database says is what is tested"
)]
async fn writes_where_it_may_not(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    Ok(insert(&mut *conn, 666).await?)
}

#[tokio::test]
async fn an_operation_that_only_reads_cannot_write_on_an_applications_pool_and_the_next_can() {
    let fresh = notes::open().await;
    let pool = lazily(&fresh, 1);
    let db = Db::from_pools(pool.clone(), pool.clone());
    for id in 1..=3 {
        let error = writes_where_it_may_not(&db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
        insert(&pool, id).await.expect("the pool is as it was");
        note_op(&db, id + 10)
            .await
            .expect("the handle is as it was");
    }
    assert_eq!(notes::stored(&fresh).await, [1, 2, 3, 11, 12, 13]);
}

#[tokio::test]
async fn closing_the_handle_closes_the_applications_pools() {
    let fresh = notes::open().await;
    let (write, read) = (lazily(&fresh, 2), lazily(&fresh, 2));
    let db = Db::from_pools(write.clone(), read.clone());
    note(&db, 1).await.unwrap();
    soon("close", db.close()).await;
    assert!(write.is_closed() && read.is_closed());
    assert_eq!((write.size(), read.size()), (0, 0));
    let error = note(&db, 2).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ShuttingDown, "{error}");
}

#[tokio::test]
async fn a_closed_pool_says_so_at_once() {
    let fresh = notes::open().await;
    let (open, closed) = (lazily(&fresh, 2), lazily(&fresh, 2));
    closed.close().await;
    let begun = Instant::now();
    let error = note(&Db::from_pool(closed.clone()), 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PoolClosed, "{error}");
    for builder in [
        Db::builder().pool(closed.clone()),
        Db::builder().pools(open.clone(), closed.clone()),
    ] {
        let error = builder.connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PoolClosed, "{error}");
        assert!(error.to_string().contains("close a handle or pool only"));
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn settings_of_the_pool_itself_are_refused_by_name() {
    let fresh = notes::open().await;
    let builder = Db::builder()
        .url(&fresh.url)
        .max_connections(3)
        .min_connections(1)
        .idle_timeout(Duration::from_secs(1))
        .max_lifetime(Duration::from_secs(1))
        .log_statements(true)
        .after_connect(|_| Box::pin(async { Ok(()) }))
        .max_connections(4)
        .pool(lazily(&fresh, 2));
    let error = builder.connect().await.unwrap_err();
    assert_eq!(error.category(), Category::Programming);
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let text = error.to_string();
    let names = "`url`, `max_connections`, `min_connections`, `idle_timeout`, `max_lifetime`, \
                 `log_statements`, `after_connect`";
    assert!(
        text.contains(names) && text.contains("PoolOptions"),
        "{text}"
    );
    let builder = Db::builder()
        .acquire_timeout(Duration::from_secs(1))
        .validation_timeout(Duration::from_secs(1))
        .close_timeout(Duration::from_secs(1))
        .statement_timeout(Duration::from_secs(1))
        .idle_in_transaction_timeout(Duration::from_secs(1))
        .retry_budget(1.0, 1.0)
        .circuit_breaker(None)
        .idle_transaction_warning(Duration::from_secs(1))
        .blocking_poll_warning(Duration::from_secs(1))
        .pool(lazily(&fresh, 2));
    let db = builder.connect().await.expect("settings of calls");
    note(&db, 1).await.unwrap();
}

#[transactional]
#[dbop::allow(
    foreign_await,
    reason = "holds the connection until the test lets it go"
)]
async fn holds(tx: &mut Tx<'_, Database>, inside: &Notify, end: &Notify) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    inside.notify_one();
    end.notified().await;
    Ok(())
}

#[tokio::test]
async fn an_exhausted_pool_of_an_application_names_what_holds_its_connections() {
    let fresh = notes::open().await;
    let builder = Db::builder()
        .pool(lazily(&fresh, 1))
        .acquire_timeout(Duration::from_millis(700));
    let db = builder.connect().await.unwrap();
    let (inside, end) = (Notify::new(), Notify::new());
    let (held, ()) = tokio::join!(holds(&db, &inside, &end), async {
        inside.notified().await;
        let error = soon("the call", note(&db, 2)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PoolExhausted, "{error}");
        let text = error.to_string();
        assert!(
            text.contains("(1 of 1)") && text.contains("held by `holds` ("),
            "{text}"
        );
        end.notify_one();
    });
    held.unwrap();
}

#[tokio::test]
async fn a_call_waits_no_longer_than_the_applications_pool_lets_it() {
    let fresh = notes::open().await;
    let options = PoolOptions::<Database>::new().max_connections(1);
    let pool = options.acquire_timeout(Duration::from_millis(600));
    let pool = pool.connect(&fresh.url).await.unwrap();
    let db = Db::from_pool(pool.clone());
    let taken = pool.acquire().await.unwrap();
    let begun = Instant::now();
    let error = notes::notes(&db).await.unwrap_err();
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "one attempt after the other"
    );
    assert_eq!(error.kind(), ErrorKind::PoolExhausted, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("the application has borrowed some itself"),
        "{text}"
    );
    drop(taken);
    note(&db, 1).await.unwrap();
}

/// `#[sqlx::test]` hands out a pool that takes its connections from another one, and closes it after
/// the test.
#[tokio::test]
async fn a_handle_of_the_pool_of_a_test_works_and_is_closed_with_the_pool() {
    let fresh = notes::open().await;
    let parent = lazily(&fresh, 3);
    let options = PoolOptions::<Database>::new().max_connections(2);
    let pool = options.parent(parent).connect_lazy(&fresh.url).unwrap();
    let db = Db::from_pool(pool.clone());
    let calls = (1..=6).map(|id| {
        let db = db.clone();
        tokio::spawn(async move { note(&db, id).await })
    });
    for call in calls.collect::<Vec<_>>() {
        soon("the call", call).await.unwrap().unwrap();
    }
    soon("the end of the test", pool.close()).await;
    let error = note(&db, 7).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PoolClosed, "{error}");
    assert_eq!(notes::stored(&fresh).await, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn the_hooks_of_an_applications_pool_run_for_each_call_of_the_handle() {
    let fresh = notes::open().await;
    let asked = std::sync::Arc::new(Runs::default());
    let counts = std::sync::Arc::clone(&asked);
    let options = PoolOptions::<Database>::new().max_connections(1);
    let options = options.before_acquire(move |_, _| {
        counts.next();
        Box::pin(async { Ok(true) })
    });
    let db = Db::from_pool(options.connect_lazy(&fresh.url).unwrap());
    note(&db, 1).await.unwrap();
    for call in 1..=3 {
        notes::notes(&db).await.unwrap();
        assert_eq!(asked.count(), call);
    }
}
