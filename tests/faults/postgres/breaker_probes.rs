//! The circuit breaker when its probes tell nothing, tell it late, or do not exist.

use std::time::Duration;

use dbop::{CircuitBreaker, Conn, Db, ErrorKind, db_op};
use dbop_tests::Fresh;
use dbop_tests::proxy::Proxy;
use futures_util::future::join_all;
use sqlx::{Executor, PgConnection, Postgres};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::breaker::{SHORT, back, go_down, kind, ping, through_a_proxy_with};
use super::common::once::Trouble;

const A_WHILE: Duration = Duration::from_secs(8);

async fn through_a_proxy(
    breaker: CircuitBreaker,
    size: u32,
) -> (Fresh<Postgres>, Proxy, Db<Postgres>) {
    let hasty = Duration::from_millis(600);
    through_a_proxy_with(|builder| {
        let builder = builder.max_connections(size).acquire_timeout(hasty);
        builder.circuit_breaker(breaker)
    })
    .await
}

#[tokio::test]
async fn the_applications_own_use_of_the_pool_does_not_open_it() {
    let (_fresh, _proxy, db) = through_a_proxy(CircuitBreaker::DEFAULT, 1).await;
    let own = db.pool().acquire().await.unwrap();
    let mut kinds = Vec::new();
    for _ in 0..6 {
        kinds.push(ping(&db).await.map_err(|e| {
            let e = e.database();
            println!("{e}");
            e.kind()
        }));
    }
    drop(own);
    let after = kind(ping(&db)).await;
    assert_eq!(after, None);
}

#[tokio::test]
async fn probes_0_lets_it_close_again() {
    let breaker = SHORT.probes(0);
    let (_fresh, proxy, db) = through_a_proxy(breaker, 4).await;
    go_down(&proxy, &db).await;
    proxy.close_next(0);
    sleep(Duration::from_millis(600)).await;
    // The only probe ends without a result.
    let inside = Notify::new();
    drop(timeout(Duration::ZERO, stays(&db, &inside)).await);
    assert!(back(&db, A_WHILE).await, "refused for ever");
}

#[tokio::test]
async fn open_for_ever_does_not_panic() {
    let breaker = SHORT.open(Duration::MAX).open_cap(Duration::MAX);
    for _ in 0..6 {
        let (_fresh, proxy, db) = through_a_proxy(breaker, 4).await;
        go_down(&proxy, &db).await;
    }
}

#[db_op(retry = never)]
async fn stays(conn: &mut Conn<'_, Postgres>, inside: &Notify) -> Result<(), Trouble> {
    conn.execute("SELECT 1").await?;
    inside.notify_one();
    std::future::pending().await
}

/// Three long exports are the probes. They read, and the server answers them.
#[tokio::test]
async fn probes_that_take_long_refuse_nobody_for_as_long() {
    let (_fresh, proxy, db) = through_a_proxy(SHORT, 8).await;
    go_down(&proxy, &db).await;
    proxy.close_next(0);
    sleep(Duration::from_millis(600)).await;
    let inside: [Notify; 3] = Default::default();
    let probes = join_all(inside.iter().map(|inside| stays(&db, inside)));
    let others = async {
        for each in &inside {
            each.notified().await;
        }
        back(&db, A_WHILE).await
    };
    tokio::select! {
        _ = probes => panic!(),
        well = others => assert!(well, "the server answers the probes, and every other call is refused while they run"),
    }
}

/// The probes are futures that are held but not polled.
#[tokio::test]
async fn probes_that_nobody_polls_refuse_nobody_for_ever() {
    let (_fresh, proxy, db) = through_a_proxy(SHORT, 8).await;
    go_down(&proxy, &db).await;
    proxy.close_next(0);
    sleep(Duration::from_millis(600)).await;
    let mut held: Vec<_> = (0..3).map(|_| Box::pin(ping(&db))).collect();
    for each in &mut held {
        let first = std::future::poll_fn(|cx| std::task::Poll::Ready(each.as_mut().poll(cx))).await;
        assert!(first.is_pending());
    }
    assert!(back(&db, A_WHILE).await, "refused for ever");
}

#[db_op(retry = never, max_concurrency = 1, timeout = "10s")]
async fn one_at_a_time(conn: &mut Conn<'_, Postgres>, inside: &Notify) -> Result<(), Trouble> {
    conn.execute("SELECT 1").await?;
    inside.notify_one();
    std::future::pending().await
}

#[tokio::test]
async fn a_queue_of_max_concurrency_is_no_probe() {
    let (_fresh, proxy, db) = through_a_proxy(SHORT, 8).await;
    let inside = Notify::new();
    let mut first = Box::pin(one_at_a_time(&db, &inside));
    tokio::select! { _ = &mut first => panic!(), () = inside.notified() => {} }
    go_down(&proxy, &db).await;
    proxy.close_next(0);
    sleep(Duration::from_millis(600)).await;
    let queue = join_all((0..3).map(|_| one_at_a_time(&db, &inside)));
    let others = async {
        sleep(Duration::from_millis(50)).await;
        back(&db, A_WHILE).await
    };
    tokio::select! {
        biased;
        _ = queue => panic!(),
        well = others => assert!(well, "three calls wait for a place and count as probes"),
    }
}

#[db_op(retry = never, callers = scope)]
async fn raw(conn: &mut PgConnection, proxy: &Proxy) -> Result<(), Trouble> {
    conn.execute("SELECT 1").await.map_err(dbop::Error::from)?;
    proxy.cut();
    conn.execute("SELECT 1").await.map_err(dbop::Error::from)?;
    Ok(())
}

/// This is neither a success, which would close a half-open circuit, nor a failure.
#[tokio::test]
async fn a_raw_operation_that_loses_its_connection_says_nothing_about_the_server() {
    let (_fresh, proxy, db) = through_a_proxy(SHORT, 4).await;
    for _ in 0..60 {
        let ended = kind(raw(&db, &proxy)).await;
        assert!(ended.is_some_and(ErrorKind::ends_session), "{ended:?}");
    }
    go_down(&proxy, &db).await;
    proxy.close_next(0);
    sleep(Duration::from_millis(600)).await;
    for _ in 0..3 {
        raw(&db, &proxy).await.unwrap_err();
    }
    proxy.close_next(u32::MAX);
    proxy.cut();
    // The circuit is still half open, so a single refusal opens it at once.
    assert_eq!(kind(ping(&db)).await, Some(ErrorKind::Connection));
    assert_eq!(kind(ping(&db)).await, Some(ErrorKind::CircuitOpen));
}
