//! Advisory locks whose connection is lost.

use std::time::Duration;

use dbop::{AdvisoryLock, Db, ErrorKind, Outcome};
use dbop_tests::proxy::Proxy;
use dbop_tests::{Fresh, eventually};
use sqlx::PgPool;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use super::Database;
use super::fresh_with;

/// Longer than it takes to notice that a connection is silent.
const SOON: Duration = Duration::from_secs(30);

const TERMINATE: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks
    WHERE locktype = 'advisory'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

async fn open() -> Fresh<Database> {
    fresh_with(|builder| builder).await
}

/// Checks that the loss of the lock is reported in every way.
async fn is_lost(lock: AdvisoryLock) {
    let lost = timeout(SOON, lock.lost());
    lost.await.expect("the loss is told");
    assert!(!lock.is_held());
    timeout(SOON, lock.lost()).await.expect("and again");
    let error = timeout(SOON, lock.release()).await.expect("an answer");
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!(error.outcome().unwrap(), Outcome::Unknown);
    let text = error.to_string();
    assert!(text.contains("`it`") && text.contains("was lost"), "{text}");
}

#[tokio::test]
async fn a_lock_whose_session_is_terminated_is_lost_and_another_can_have_it() {
    let db = open().await;
    let lock = db.advisory_lock("it").await.unwrap();
    let ended: i64 = sqlx::query_scalar(TERMINATE)
        .fetch_one(db.pool())
        .await
        .unwrap();
    assert_eq!(ended, 1);
    is_lost(lock).await;
    let lock = timeout(SOON, db.advisory_lock("it"))
        .await
        .unwrap()
        .unwrap();
    assert!(lock.is_held());
}

#[tokio::test]
async fn a_lock_whose_connection_is_cut_is_lost() {
    let fresh = open().await;
    let proxy = Proxy::before(&fresh.url).await;
    let db = Db::<Database>::connect(&proxy.url).await.unwrap();
    let lock = db.advisory_lock("it").await.unwrap();
    proxy.cut();
    is_lost(lock).await;
    // The next lock gets a new connection.
    let lock = timeout(SOON, db.advisory_lock("it"))
        .await
        .unwrap()
        .unwrap();
    lock.release().await.unwrap();
}

#[tokio::test]
async fn a_wait_whose_connection_is_cut_is_an_error() {
    let fresh = open().await;
    let proxy = Proxy::before(&fresh.url).await;
    let db = Db::<Database>::connect(&proxy.url).await.unwrap();
    let holder = fresh.advisory_lock("it").await.unwrap();
    let call = tokio::spawn(async move { db.advisory_lock("it").await });
    let pool = PgPool::connect(&fresh.url).await.unwrap();
    let waits = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))";
    let waits = || async {
        let waits = sqlx::query_scalar::<_, bool>(waits).fetch_one(&pool);
        waits.await.unwrap()
    };
    eventually("somebody waits", waits).await;
    proxy.cut();
    let error = timeout(SOON, call).await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
    eventually("nobody waits", || async { !waits().await }).await;
    holder.release().await.unwrap();
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_named() {
    let fresh = open().await;
    let proxy = Proxy::before(&fresh.url).await;
    let db = Db::<Database>::builder()
        .url(&proxy.url)
        .acquire_timeout(Duration::from_secs(2));
    let db = db.connect().await.unwrap();
    let (_, address) = proxy.url.rsplit_once('@').unwrap();
    let (address, _) = address.split_once('/').unwrap();
    let address = address.to_owned();
    proxy.close_next(u32::MAX);
    proxy.cut();
    let call = timeout(SOON, db.advisory_lock("it")).await.unwrap();
    let error = call.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(error.to_string().contains(&address), "{error}");
    assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
}

/// Opens a way to the server on which nothing passes any more from a certain moment on. Neither
/// side is told.
async fn road(url: &str) -> (String, watch::Sender<bool>) {
    let (front, rest) = url.rsplit_once('@').expect("a user in the URL");
    let (server, database) = rest.split_once('/').expect("a database in the URL");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    let (blocked, seen) = watch::channel(false);
    let server = server.to_owned();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (server, mut seen) = (server.clone(), seen.clone());
            tokio::spawn(async move {
                let mut server = TcpStream::connect(server).await.expect("the server");
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut server) => return,
                    _ = seen.wait_for(|blocked| *blocked) => {}
                }
                // Both connections stay open until the test is over.
                std::future::pending::<()>().await;
            });
        }
    });
    (format!("{front}@{address}/{database}"), blocked)
}

#[tokio::test]
async fn a_lock_whose_server_falls_silent_is_lost() {
    let fresh = open().await;
    let (url, blocked) = road(&fresh.url).await;
    let db = Db::<Database>::connect(&url).await.unwrap();
    let lock = db.advisory_lock("it").await.unwrap();
    blocked.send_replace(true);
    is_lost(lock).await;
}

#[tokio::test]
async fn a_lock_outlives_the_questions_whether_its_server_is_there() {
    let db = open().await;
    let lock = db.advisory_lock("it").await.unwrap();
    let pool = db.pool();
    // The keeper's question is the last statement of its session.
    let asked = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity JOIN pg_locks USING (pid)
        WHERE locktype = 'advisory' AND datname = current_database() AND query = 'SELECT 1')";
    eventually("the server is asked", || async {
        let asked = sqlx::query_scalar::<_, bool>(asked).fetch_one(pool);
        asked.await.unwrap()
    })
    .await;
    assert!(lock.is_held());
    lock.release().await.unwrap();
}
