//! The page about a database whose server is stopped and started again, in a browser.

use std::time::Duration;

use dbop::Db;
use dbop::http::Routes;
use dbop_tests::browser::Browser;
use dbop_tests::cluster::Cluster;
use dbop_tests::http::Service;
use sqlx::{Connection, Executor, PgConnection, Postgres};

use super::common::browser::{open, picture, until_shown};

/// Holds a lock, and waits for it in another session.
async fn wait_for_a_lock(url: &str) -> (PgConnection, tokio::task::JoinHandle<()>) {
    let mut holder = PgConnection::connect(url).await.expect("the server");
    let stock = "CREATE TABLE stock (id INT PRIMARY KEY, secret TEXT);
        INSERT INTO stock VALUES (1, 'h0rse'); CREATE INDEX never_used ON stock (secret)";
    holder.execute(stock).await.expect("the table");
    let lock = "BEGIN; UPDATE stock SET secret = 'h0rse' WHERE id = 1";
    holder.execute(lock).await.expect("the lock");
    let mut waiter = PgConnection::connect(url).await.expect("the server");
    let waiting = tokio::spawn(async move {
        // Ends with the server.
        let _ = waiter
            .execute("DELETE FROM stock WHERE secret = 'h0rse'")
            .await;
    });
    (holder, waiting)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium, which `tests/run --browser` installs"]
async fn the_page_shows_the_server_and_that_it_is_gone_and_back() {
    let mut cluster = Cluster::start(&[]).await;
    let db = Db::<Postgres>::connect(&cluster.url)
        .await
        .expect("the server");
    let routes = Routes::new(db)
        .token("s3cret")
        .check_timeout(Duration::from_secs(2));
    let service = Service::start(routes.into_router()).await;
    let mut browser = Browser::start().await;
    browser.appear((1400, 900), false).await;
    open(&mut browser, &service).await;
    let (holder, waiting) = wait_for_a_lock(&cluster.url).await;
    until_shown(&mut browser, "locks", "delete from stock").await;
    until_shown(&mut browser, "indexes", "never_used").await;
    browser.picture(&picture("server-wide-light")).await;
    let text = browser.value_of("document.documentElement.innerHTML").await;
    assert!(!text.to_string().contains("h0rse"), "a value is shown");

    cluster.stop_at_once().await;
    until_shown(&mut browser, "status", "unhealthy").await;
    until_shown(&mut browser, "problems", "cannot be reached").await;
    until_shown(&mut browser, "s-server", "was not asked").await;
    let server = browser
        .value_of("document.getElementById('s-server').innerText")
        .await;
    assert!(
        !server.to_string().contains("Nobody waits"),
        "nothing is known of a server that was not asked: {server}"
    );
    browser.picture(&picture("stopped-server")).await;
    drop(holder);
    waiting.await.expect("the session ends with its server");
    cluster.restart().await;
    until_shown(&mut browser, "status", "healthy").await;
}
