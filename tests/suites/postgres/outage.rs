//! A server that is absent, or that is not itself.

use std::time::{Duration, Instant};

use dbop::{Conn, Db, ErrorKind, Outcome, db_op};
use dbop_tests::proxy::{self, Proxy};
use sqlx::{PgPool, Postgres};
use tokio::time::timeout;

use super::common::bank::{self, balance};
use super::common::replay::Failure;

const NEVER: Duration = Duration::from_secs(30);

#[db_op(read_only)]
async fn read(conn: &mut Conn<'_, Postgres>) -> Result<i64, Failure> {
    let cents = sqlx::query_scalar("SELECT cents FROM accounts WHERE id = 1");
    Ok(cents.fetch_one(&mut *conn).await?)
}

#[db_op(read_only, timeout = "1500ms")]
async fn read_soon(conn: &mut Conn<'_, Postgres>) -> Result<i64, Failure> {
    let cents = sqlx::query_scalar("SELECT cents FROM accounts WHERE id = 1");
    Ok(cents.fetch_one(&mut *conn).await?)
}

/// Each call alone would make three attempts, which would be 192 together.
#[tokio::test]
async fn retries_of_an_outage_add_no_more_than_the_budget_to_the_load() {
    let fresh = bank::open().await;
    let proxy = Proxy::before(&fresh.url).await;
    let builder = Db::<Postgres>::builder()
        .url(&proxy.url)
        .retry_budget(0.25, 0.0)
        .circuit_breaker(None);
    let db = builder.connect().await.unwrap();
    let before = proxy.accepted();
    proxy.close_next(u32::MAX);
    let begun = Instant::now();
    let calls = (0..64).map(|_| read(&db));
    let ended = timeout(NEVER, futures_util::future::join_all(calls)).await;
    for result in ended.expect("nothing to wait for") {
        let error = result.unwrap_err().database();
        assert_eq!(
            (error.kind(), error.outcome().unwrap()),
            (ErrorKind::Connection, Outcome::RolledBack)
        );
    }
    let connections = u64::from(proxy.accepted() - before);
    // During the outage the server is also asked why it cannot be reached: once a second, and not
    // by every call.
    let asked = begun.elapsed().as_secs() + 1;
    let most = 64 + 64 / 4 + asked;
    assert!(
        (64..=most).contains(&connections),
        "{connections} connections, {most} allowed"
    );
    proxy.close_next(0);
    assert_eq!(balance(&db, 1).await.unwrap(), 100);
}

#[tokio::test]
async fn with_a_full_budget_each_call_of_an_outage_makes_three_attempts() {
    let fresh = bank::open().await;
    let proxy = Proxy::before(&fresh.url).await;
    let builder = Db::<Postgres>::builder()
        .url(&proxy.url)
        .retry_budget(0.0, 100.0)
        .circuit_breaker(None);
    let db = builder.connect().await.unwrap();
    proxy.close_next(u32::MAX);
    for _ in 0..8 {
        let error = read(&db).await.unwrap_err().database();
        assert_eq!((error.attempts(), error.kind()), (3, ErrorKind::Connection));
    }
}

/// Returns a port of loopback on which nobody listens.
async fn closed_port() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

fn says_that_it_was_refused(error: &dbop::Error, port: u16) {
    assert_eq!(
        (error.kind(), error.outcome().unwrap()),
        (ErrorKind::Connection, Outcome::RolledBack)
    );
    let text = error.to_string();
    for part in ["refused", "127.0.0.1", &port.to_string()] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn connecting_to_a_server_that_refuses_ends_soon_and_says_so() {
    let port = closed_port().await;
    let url = format!("postgres://me@127.0.0.1:{port}/db");
    let connecting = Db::<Postgres>::connect(&url);
    let refused = timeout(NEVER, connecting)
        .await
        .expect("well before the acquire timeout");
    says_that_it_was_refused(&refused.unwrap_err(), port);
}

#[tokio::test]
async fn calls_on_a_server_that_has_gone_end_and_say_that_it_refuses() {
    let fresh = bank::open().await;
    let proxy = Proxy::before(&fresh.url).await;
    let builder = Db::<Postgres>::builder()
        .url(&proxy.url)
        .circuit_breaker(None);
    let db = builder.connect().await.unwrap();
    let port = proxy
        .url
        .rsplit_once(':')
        .unwrap()
        .1
        .split_once('/')
        .unwrap()
        .0
        .parse()
        .unwrap();
    drop(proxy);
    let calls = (0..32).map(|_| read(&db));
    let ended = timeout(NEVER, futures_util::future::join_all(calls)).await;
    for result in ended.expect("their deadlines") {
        says_that_it_was_refused(&result.unwrap_err().database(), port);
    }
    let begun = Instant::now();
    let error = timeout(NEVER, read_soon(&db))
        .await
        .unwrap()
        .unwrap_err()
        .database();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(
        begun.elapsed() < Duration::from_secs(6),
        "the deadline of the call was 1.5 s"
    );
}

#[tokio::test]
async fn a_callers_own_pool_of_a_server_that_refuses_says_so_by_the_deadline() {
    let port = closed_port().await;
    let pool = PgPool::connect_lazy(&format!("postgres://me@127.0.0.1:{port}/db")).unwrap();
    let refused = timeout(NEVER, read_soon(&pool))
        .await
        .expect("the call ends at its deadline");
    says_that_it_was_refused(&refused.unwrap_err().database(), port);
}

#[tokio::test]
async fn a_server_that_accepts_and_never_answers_is_given_up_at_the_deadline() {
    let fresh = bank::open().await;
    let proxy = Proxy::before(&fresh.url).await;
    let db = Db::<Postgres>::connect(&proxy.url).await.unwrap();
    proxy.fail_next(u32::MAX, proxy::Failure::Freeze);
    let pool = PgPool::connect_lazy(&proxy.url).unwrap();
    for (what, call) in [
        ("of the handle", timeout(NEVER, read_soon(&db)).await),
        ("of a caller's pool", timeout(NEVER, read_soon(&pool)).await),
    ] {
        let error = call.expect(what).unwrap_err().database();
        let named = matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout);
        assert!(named, "{what}: {error}");
        assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
    }
    proxy.restore();
    proxy.cut();
    assert_eq!(
        timeout(NEVER, read(&db))
            .await
            .expect("a new connection")
            .unwrap(),
        100
    );
}
