//! The circuit breaker of a `Db`, in front of a server that comes and goes.

use std::time::{Duration, Instant};

use dbop::{
    AlertKind, Category, CircuitBreaker, Conn, Db, DbBuilder, ErrorKind, Outcome, Tx, db_op,
    transactional,
};
use dbop_tests::proxy::{Failure, Proxy};
use dbop_tests::{Fresh, eventually};
use futures_util::future::join_all;
use sqlx::{Executor, Postgres};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::common::once::{Trouble, open};

/// A breaker that stays open for a moment only.
pub(super) const SHORT: CircuitBreaker = CircuitBreaker::DEFAULT
    .open(Duration::from_millis(400))
    .open_cap(Duration::from_millis(400));

async fn through_a_proxy(
    breaker: CircuitBreaker,
    size: u32,
) -> (Fresh<Postgres>, Proxy, Db<Postgres>) {
    through_a_proxy_with(|builder| builder.circuit_breaker(breaker).max_connections(size)).await
}

pub(super) async fn through_a_proxy_with(
    configure: impl FnOnce(DbBuilder<Postgres>) -> DbBuilder<Postgres>,
) -> (Fresh<Postgres>, Proxy, Db<Postgres>) {
    let fresh = open().await;
    let proxy = Proxy::before(&fresh.url).await;
    let db = configure(Db::builder().url(&proxy.url)).connect().await;
    (fresh, proxy, db.expect("the proxy's database"))
}

#[db_op(retry = never)]
pub(super) async fn ping(conn: &mut Conn<'_, Postgres>) -> Result<(), Trouble> {
    conn.execute("SELECT 1").await?;
    Ok(())
}

pub(super) async fn kind<T>(call: impl Future<Output = Result<T, Trouble>>) -> Option<ErrorKind> {
    let ended = timeout(Duration::from_secs(20), call)
        .await
        .expect("an end");
    ended.err().map(|error| error.database().kind())
}

#[tokio::test]
async fn a_server_that_is_gone_is_an_alert_until_it_is_back() {
    let (_fresh, proxy, db) = through_a_proxy(SHORT, 2).await;
    let mut alerts = db.alerts();
    go_down(&proxy, &db).await;
    let gone = alerts.recv().await.expect("the handle is there");
    assert_eq!((gone.kind, gone.is_over), (AlertKind::ServerGone, false));
    assert_eq!(gone.operation, "ping");
    proxy.close_next(0);
    eventually("calls succeed again", || async {
        kind(ping(&db)).await.is_none()
    })
    .await;
    let back = timeout(Duration::from_secs(20), alerts.recv()).await;
    let back = back.expect("an end").expect("the handle is there");
    assert_eq!((back.kind, back.is_over), (AlertKind::ServerGone, true));
}

#[tokio::test]
async fn a_server_that_answers_nobody_is_an_alert_although_too_few_call_to_open_the_circuit() {
    let (_fresh, proxy, db) =
        through_a_proxy_with(|builder| builder.acquire_timeout(Duration::from_millis(1200))).await;
    let mut alerts = db.alerts();
    proxy.fail_next(u32::MAX, Failure::Swallow);
    proxy.cut();
    for _ in 0..4 {
        assert_ne!(kind(ping(&db)).await, None);
    }
    let gone = timeout(Duration::from_secs(20), alerts.recv()).await;
    let gone = gone.expect("an alert").expect("the handle is there");
    assert_eq!((gone.kind, gone.is_over), (AlertKind::ServerGone, false));
}

/// Cuts all connections and lets no new one in, until the breaker has opened.
pub(super) async fn go_down(proxy: &Proxy, db: &Db<Postgres>) {
    proxy.close_next(u32::MAX);
    proxy.cut();
    for _ in 0..20 {
        if kind(ping(db)).await == Some(ErrorKind::CircuitOpen) {
            return;
        }
    }
    panic!("twenty calls failed, and the breaker is still closed");
}

/// Returns whether the breaker lets a call through within this time.
pub(super) async fn back(db: &Db<Postgres>, within: Duration) -> bool {
    let back = async {
        while kind(ping(db)).await.is_some() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(within, back).await.is_ok()
}

#[tokio::test]
async fn a_server_that_refuses_opens_it_and_then_no_connection_is_tried() {
    let (_fresh, proxy, db) = through_a_proxy(CircuitBreaker::DEFAULT, 4).await;
    go_down(&proxy, &db).await;
    let before = proxy.accepted();
    let begun = Instant::now();
    for result in join_all((0..100).map(|_| ping(&db))).await {
        let error = result.unwrap_err();
        let error = error.database();
        assert_eq!(
            (error.category(), error.kind()),
            (Category::Resource, ErrorKind::CircuitOpen)
        );
        assert_eq!(
            (error.outcome().unwrap(), error.attempts()),
            (Outcome::RolledBack, 0)
        );
        assert!(
            error.to_string().contains("will be tried again in"),
            "{error}"
        );
    }
    if begun.elapsed() < Duration::from_secs(3) {
        assert_eq!(proxy.accepted(), before);
    }
}

#[tokio::test]
async fn it_closes_again_when_the_server_is_back() {
    let (_fresh, proxy, db) = through_a_proxy(SHORT, 4).await;
    go_down(&proxy, &db).await;
    proxy.close_next(0);
    assert!(
        back(&db, Duration::from_secs(20)).await,
        "the breaker stays open"
    );
    for _ in 0..3 {
        assert_eq!(kind(ping(&db)).await, None);
    }
    for result in join_all((0..50).map(|_| ping(&db))).await {
        result.expect("the breaker is closed, and lets every call through");
    }
}

#[tokio::test]
async fn a_loop_of_refused_calls_lets_other_tasks_run() {
    let (_fresh, proxy, db) = through_a_proxy(CircuitBreaker::DEFAULT, 4).await;
    go_down(&proxy, &db).await;
    let other = tokio::spawn(async {});
    for _ in 0..100 {
        ping(&db).await.unwrap_err();
        if other.is_finished() {
            return;
        }
    }
    panic!("a hundred calls were refused, and the other task has not run");
}

#[db_op(retry = never)]
async fn stays(conn: &mut Conn<'_, Postgres>, inside: &Notify) -> Result<(), Trouble> {
    conn.execute("SELECT 1").await?;
    inside.notify_one();
    std::future::pending().await
}

#[tokio::test]
async fn it_is_not_stuck_half_open_after_its_probes_were_cancelled() {
    let (_fresh, proxy, db) = through_a_proxy(SHORT, 4).await;
    for _ in 0..3 {
        go_down(&proxy, &db).await;
        proxy.close_next(0);
        sleep(Duration::from_millis(500)).await;
        for _ in 0..20 {
            let inside = Notify::new();
            // Some of the calls are not admitted as probes, and end at once.
            let probes = join_all((0..4).map(|_| stays(&db, &inside)));
            tokio::select! {
                _ = probes => {}
                () = inside.notified() => {}
            }
        }
        assert!(
            back(&db, Duration::from_secs(20)).await,
            "nobody is let through"
        );
    }
}

#[db_op(retry = never, timeout = "300ms")]
async fn hasty(conn: &mut Conn<'_, Postgres>) -> Result<(), Trouble> {
    conn.execute("SELECT 1").await?;
    Ok(())
}

#[tokio::test]
async fn a_pool_held_by_our_own_callers_does_not_open_it() {
    let (_fresh, _proxy, db) = through_a_proxy(CircuitBreaker::DEFAULT, 1).await;
    let inside = Notify::new();
    let crowd = async {
        inside.notified().await;
        for result in join_all((0..40).map(|_| hasty(&db))).await {
            assert_eq!(
                result.unwrap_err().database().kind(),
                ErrorKind::PoolExhausted
            );
        }
    };
    tokio::select! {
        _ = stays(&db, &inside) => panic!("the call waits for ever"),
        () = crowd => {}
    }
    assert_eq!(kind(ping(&db)).await, None);
}

#[transactional]
async fn fails_as_told(
    tx: &mut Tx<'_, Postgres>,
    sql: Option<&'static str>,
) -> Result<(), Trouble> {
    match sql {
        Some(sql) => Ok(tx.execute(sql).await.map(drop)?),
        None => Err(Trouble::Refused),
    }
}

#[tokio::test]
async fn what_a_working_server_says_does_not_open_it() {
    let (_fresh, _proxy, db) = through_a_proxy(CircuitBreaker::DEFAULT, 4).await;
    for sql in [
        None,
        Some("INSERT INTO payments VALUES (NULL, 1)"),
        Some("SELECT 1 / 0"),
        Some("SELECT * FROM nowhere"),
    ] {
        for _ in 0..30 {
            fails_as_told(&db, sql).await.unwrap_err();
        }
    }
    assert_eq!(kind(ping(&db)).await, None);
}

#[transactional]
async fn joins_late(
    tx: &mut Tx<'_, Postgres>,
    inside: &Notify,
    go_on: &Notify,
) -> Result<(), Trouble> {
    ping(&mut *tx).await?;
    inside.notify_one();
    #[dbop::allow(
        foreign_await,
        reason = "the breaker opens between the two calls that it joins"
    )]
    go_on.notified().await;
    ping(&mut *tx).await
}

#[tokio::test]
async fn a_joined_call_is_never_refused_by_it() {
    let (_fresh, proxy, db) = through_a_proxy(CircuitBreaker::DEFAULT, 2).await;
    // The transaction is to take the only open connection.
    let idle = async || db.pool().num_idle() == 1;
    eventually("the first connection is given back", idle).await;
    let (inside, go_on) = (Notify::new(), Notify::new());
    let (joined, ()) = tokio::join!(joins_late(&db, &inside, &go_on), async {
        inside.notified().await;
        proxy.close_next(u32::MAX);
        for _ in 0..20 {
            if kind(ping(&db)).await == Some(ErrorKind::CircuitOpen) {
                break;
            }
        }
        assert_eq!(kind(ping(&db)).await, Some(ErrorKind::CircuitOpen));
        go_on.notify_one();
    });
    joined.expect("the joined call has a connection");
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let fresh = open().await;
    let proxy = Proxy::before(&fresh.url).await;
    let db = Db::<Postgres>::builder()
        .url(&proxy.url)
        .circuit_breaker(None);
    let db = db.connect().await.unwrap();
    proxy.close_next(u32::MAX);
    proxy.cut();
    for _ in 0..12 {
        assert_eq!(kind(ping(&db)).await, Some(ErrorKind::Connection));
    }
}
