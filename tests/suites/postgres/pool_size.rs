//! How many connections a pool keeps open.

use std::time::Duration;

use dbop::{Db, Tx, transactional};
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
    all.wait().await;
    Ok(())
}

/// Makes this many calls that all hold a connection at the same time.
async fn at_once(db: &Db<Database>, calls: usize) {
    let all = Barrier::new(calls);
    let calls = (0..calls).map(|_| together(db, &all));
    for ended in futures_util::future::join_all(calls).await {
        ended.expect("nothing fails");
    }
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
    at_once(&db, 4).await;
    assert_eq!(db.pool().size(), 4);
    shrinks_to(&db, 3).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..20 {
        at_once(&db, 1).await;
    }
    assert_eq!(db.pool().size(), 3, "these are kept");
    at_once(&db, 4).await;
    assert_eq!(
        db.pool().size(),
        4,
        "and others opened when they are needed"
    );
}
