//! How connections are opened: by options of the driver, and with the application's own hook.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use dbop::{Category, Db, ErrorKind};
use sqlx::{Connection, Executor};

use super::Database;
use super::notes::{self, Runs, note, soon};

type Options = <<Database as sqlx::Database>::Connection as Connection>::Options;

#[tokio::test]
async fn a_handle_is_opened_by_options_of_the_driver() {
    let fresh = notes::open().await;
    let options = Options::from_str(&fresh.url).unwrap();
    let builder = Db::<Database>::builder()
        .url("nowhere:")
        .connect_options(options);
    let db = builder.connect().await.expect("the last one counts");
    note(&db, 1).await.unwrap();
    assert_eq!(notes::notes(&db).await.unwrap(), [1]);
}

#[tokio::test]
async fn the_hook_prepares_each_connection_before_a_call_gets_it() {
    let fresh = notes::open().await;
    let prepared = Arc::new(Runs::default());
    let counts = Arc::clone(&prepared);
    let builder = Db::<Database>::builder()
        .url(&fresh.url)
        .max_connections(1)
        .after_connect(move |conn| {
            counts.next();
            Box::pin(async move { conn.execute("SELECT 1").await.map(drop) })
        });
    let db = builder.connect().await.unwrap();
    assert_eq!(prepared.count(), 1, "the connection that `connect` opens");
    note(&db, 1).await.unwrap();
    notes::notes(&db).await.unwrap();
    note(&db, 2).await.unwrap();
    assert_eq!(prepared.count(), 2, "one that writes, and one that reads");
}

#[tokio::test]
async fn an_error_of_the_hook_refuses_the_connection_and_names_the_hook() {
    let fresh = notes::open().await;
    let builder = Db::<Database>::builder()
        .url(&fresh.url)
        .after_connect(|conn| {
            Box::pin(async move { conn.execute("SELECT nothing_like_that").await.map(drop) })
        });
    let begun = Instant::now();
    let error = builder.connect().await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5), "not after 10 s");
    assert_eq!(error.category(), Category::Programming, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("the hook `after_connect` has refused"),
        "{text}"
    );
    assert!(text.contains("nothing_like_that"), "{text}");
}

#[tokio::test]
async fn calls_work_again_when_the_hook_does() {
    let fresh = notes::open().await;
    let works = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&works);
    let builder = Db::<Database>::builder()
        .url(&fresh.url)
        .after_connect(move |_| {
            let works = asked.load(Relaxed);
            Box::pin(async move {
                match works {
                    true => Ok(()),
                    false => Err(sqlx::Error::Protocol("not today".to_owned())),
                }
            })
        });
    let db = builder.connect().await.unwrap();
    works.store(false, Relaxed);
    let error = notes::notes(&db).await.unwrap_err();
    assert!(error.to_string().contains("not today"), "{error}");
    works.store(true, Relaxed);
    soon("the next call", notes::notes(&db)).await.unwrap();
}

#[tokio::test]
async fn a_hook_that_does_not_end_costs_no_more_than_the_acquire_timeout() {
    let fresh = notes::open().await;
    let builder = Db::<Database>::builder()
        .url(&fresh.url)
        .acquire_timeout(Duration::from_millis(600))
        .after_connect(|_| Box::pin(std::future::pending()));
    let error = soon("connect", builder.connect()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("the hook `after_connect` was still"),
        "{text}"
    );
}

#[tokio::test]
async fn a_transaction_that_the_hook_leaves_open_does_not_meet_a_call() {
    let fresh = notes::open().await;
    let builder = Db::<Database>::builder()
        .url(&fresh.url)
        .max_connections(1)
        .after_connect(|conn| Box::pin(async move { conn.execute("BEGIN").await.map(drop) }));
    let db = builder.connect().await.unwrap();
    note(&db, 1).await.unwrap();
    notes::note_op(&db, 2).await.unwrap();
    assert_eq!(notes::stored(&fresh).await, [1, 2]);
}
