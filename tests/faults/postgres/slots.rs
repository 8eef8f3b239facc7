//! Checks that every slot of a handle's pools can be used.

use std::time::Duration;

use dbop::{Conn, Db, db_op};
use dbop_tests::{GIVEN_UP, Trouble};
use futures_util::future::try_join_all;
use sqlx::{Executor, Postgres};
use tokio::sync::Barrier;
use tokio::time::timeout;

/// Ends only when as many calls as are to meet have a connection each.
#[db_op(idempotent, timeout = "60s")]
async fn meet(conn: &mut Conn<'_, Postgres>, all: &Barrier) -> Result<(), Trouble> {
    // This statement comes first, so that a dead session is replaced before the calls meet.
    conn.execute("SELECT 1").await?;
    all.wait().await;
    Ok(())
}

/// Like [`meet`], on the connections that only read.
#[db_op(read_only, timeout = "60s")]
async fn meet_reading(conn: &mut Conn<'_, Postgres>, all: &Barrier) -> Result<(), Trouble> {
    conn.execute("SELECT 1").await?;
    all.wait().await;
    Ok(())
}

/// Uses all connections of each pool at the same time. This must be possible within [`GIVEN_UP`].
pub(crate) async fn all_can_be_used(db: &Db<Postgres>, size: usize) {
    let begun = std::time::Instant::now();
    let all = Barrier::new(size);
    let writing = try_join_all((0..size).map(|_| meet(db, &all)));
    let writing = timeout(GIVEN_UP, writing).await;
    let all = Barrier::new(size);
    let reading = try_join_all((0..size).map(|_| meet_reading(db, &all)));
    let reading = timeout(GIVEN_UP, reading).await;
    for (which, used) in [("writing", writing), ("reading", reading)] {
        let took = begun.elapsed();
        match used {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => panic!("after {took:?}, of {size} connections for {which}: {error}"),
            Err(_) => panic!("{size} connections for {which} cannot be used at once: {took:?}"),
        }
    }
}

/// Opens all connections of each pool, and waits until they are idle.
pub(crate) async fn warm_up(db: &Db<Postgres>, size: usize) {
    all_can_be_used(db, size).await;
    // A connection is tried when it is given back, and only then does the pool count it as idle.
    // The connections that only read are in another pool, which cannot be seen from here.
    dbop_tests::eventually("all connections are idle", async || {
        db.pool().num_idle() == size
    })
    .await;
}

/// Longer than a connection may be idle and be used without being tried.
pub(crate) const LONG_IDLE: Duration = Duration::from_millis(1_200);
