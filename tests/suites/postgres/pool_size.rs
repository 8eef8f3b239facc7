//! How many connections a pool keeps open.

use std::time::{Duration, Instant};

use dbop::{Db, ErrorKind, Tx, transactional};
use dbop_tests::cluster::Cluster;
use sqlx::Postgres;
use tokio::sync::Barrier;

use super::Database;
use super::common::notes::{self, Trouble, soon};

#[transactional]
async fn together(tx: &mut Tx<'_, Database>, all: &Barrier) -> Result<(), Trouble> {
    sqlx::query("SELECT 1").execute(&mut *tx).await?;
    #[dbop::allow(
        foreign_await,
        reason = "each call has to hold a connection at the same time"
    )]
    for _ in 0..2 {
        all.wait().await;
    }
    Ok(())
}

/// Makes this many calls that all hold a connection at the same time. Returns how many connections
/// the pool then has.
async fn at_once(db: &Db<Database>, calls: usize) -> u32 {
    let all = Barrier::new(calls + 1);
    let calls = futures_util::future::join_all((0..calls).map(|_| together(db, &all)));
    let look = async {
        all.wait().await;
        let open = db.pool().size();
        all.wait().await;
        open
    };
    let (ended, open) = tokio::join!(calls, look);
    for ended in ended {
        ended.expect("nothing fails");
    }
    open
}

/// Makes single calls until the pool has this many connections.
async fn shrinks_to(db: &Db<Database>, connections: u32) {
    let shrinking = async {
        while db.pool().size() != connections {
            at_once(db, 1).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon("the pool is as small as it may be", shrinking).await;
}

#[tokio::test]
async fn connections_that_calls_do_not_need_go_down_to_the_number_that_is_kept() {
    let db = notes::open_with(|builder| {
        builder
            .max_connections(4)
            .min_connections(3)
            .idle_timeout(Duration::from_millis(100))
    })
    .await;
    assert!(db.pool().size() < 3, "none is opened ahead of need");
    assert_eq!(at_once(&db, 4).await, 4);
    shrinks_to(&db, 3).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..20 {
        at_once(&db, 1).await;
    }
    assert_eq!(db.pool().size(), 3, "these are kept");
    assert_eq!(
        at_once(&db, 4).await,
        4,
        "and others opened when they are needed"
    );
}

#[tokio::test]
async fn connections_that_calls_do_not_need_are_closed_while_nobody_calls() {
    let db = notes::open_with(|builder| {
        builder
            .max_connections(4)
            .min_connections(1)
            .idle_timeout(Duration::from_millis(200))
    })
    .await;
    assert_eq!(at_once(&db, 4).await, 4);
    let quiet = async {
        while db.pool().size() > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon("the pool is as small as it may be", quiet).await;
}

#[transactional(retry = never)]
async fn read_three_times(tx: &mut Tx<'_, Postgres>) -> Result<(), Trouble> {
    for _ in 0..3 {
        sqlx::query("SELECT 1").execute(&mut *tx).await?;
    }
    Ok(())
}

/// Calls until this moment. Returns the errors.
async fn call_until(end: Instant, db: Db<Postgres>) -> Vec<Trouble> {
    let mut errors = Vec::new();
    while Instant::now() < end {
        errors.extend(read_three_times(&db).await.err());
    }
    errors
}

/// Between two calls nobody holds a connection. The server would refuse whoever asks for one more.
#[tokio::test(flavor = "multi_thread")]
async fn where_calls_take_turns_at_all_connections_one_that_gets_none_is_told_that_and_not_of_the_server()
 {
    let cluster = Cluster::start(&[
        "max_connections=3",
        "superuser_reserved_connections=0",
        "max_wal_senders=0",
    ])
    .await;
    let builder = Db::<Postgres>::builder()
        .url(&cluster.url)
        .max_connections(3);
    let builder = builder.acquire_timeout(Duration::from_millis(600));
    let db = builder.connect().await.unwrap();
    let end = Instant::now() + Duration::from_secs(3);
    let callers: Vec<_> = (0..1500)
        .map(|_| tokio::spawn(call_until(end, db.clone())))
        .collect();
    for caller in callers {
        for error in caller.await.unwrap() {
            assert_eq!(error.kind(), ErrorKind::PoolExhausted, "{error}");
        }
    }
}
