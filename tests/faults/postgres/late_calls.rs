//! A call inside another one gives up at its own deadline, with its statement still running.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use dbop::{Conn, Db, Tx, db_op, transactional};
use sqlx::{Executor, Postgres};
use tokio::time::sleep;

use super::common::once::{Trouble, open};

#[db_op(idempotent, timeout = "120ms")]
async fn set_slowly(conn: &mut Conn<'_, Postgres>, run: u32) -> Result<(), Trouble> {
    if run == 1 {
        conn.execute("UPDATE payments SET cents = 1 FROM (SELECT pg_sleep(0.18)) s")
            .await?;
    } else {
        conn.execute("UPDATE payments SET cents = 2").await?;
    }
    Ok(())
}

#[db_op(idempotent)]
async fn sets(conn: &mut Conn<'_, Postgres>, runs: &AtomicU32) -> Result<u32, Trouble> {
    let run = runs.fetch_add(1, SeqCst) + 1;
    set_slowly(&mut *conn, run).await?;
    Ok(run)
}

#[tokio::test]
async fn an_attempt_whose_joined_call_was_late_does_not_land_after_the_next() {
    let fresh = open().await;
    let mut wrong = 0;
    for _ in 0..10 {
        fresh.pool().execute("DELETE FROM payments").await.unwrap();
        fresh
            .pool()
            .execute("INSERT INTO payments VALUES (1, 0)")
            .await
            .unwrap();
        let runs = Default::default();
        let acknowledged = sets(&*fresh, &runs).await.unwrap();
        sleep(Duration::from_millis(500)).await;
        let cents: f64 = sqlx::query_scalar("SELECT cents FROM payments")
            .fetch_one(fresh.pool())
            .await
            .unwrap();
        wrong += u32::from(cents != f64::from(acknowledged));
    }
    assert_eq!(
        wrong, 0,
        "an acknowledged write was overwritten by the attempt before it"
    );
}

#[transactional(timeout = "120ms")]
async fn set_slowly_in_a_transaction(tx: &mut Tx<'_, Postgres>, run: u32) -> Result<(), Trouble> {
    if run == 1 {
        tx.execute("UPDATE payments SET cents = 1 FROM (SELECT pg_sleep(0.18)) s")
            .await?;
    } else {
        tx.execute("UPDATE payments SET cents = 2").await?;
    }
    Ok(())
}

#[db_op(idempotent)]
async fn sets_without_a_session(
    db: &Db<Postgres>,
    runs: &AtomicU32,
    in_transaction: bool,
) -> Result<u32, Trouble> {
    let run = runs.fetch_add(1, SeqCst) + 1;
    if in_transaction {
        set_slowly_in_a_transaction(db, run).await?;
    } else {
        set_slowly(db, run).await?;
    }
    Ok(run)
}

#[tokio::test]
async fn an_unscoped_attempt_whose_call_was_late_does_not_land_after_the_next() {
    let fresh = open().await;
    let mut wrong = [0; 2];
    for n in 0..20_usize {
        fresh.pool().execute("DELETE FROM payments").await.unwrap();
        fresh
            .pool()
            .execute("INSERT INTO payments VALUES (1, 0)")
            .await
            .unwrap();
        let runs = Default::default();
        let acknowledged = sets_without_a_session(&fresh.db, &runs, n % 2 == 1)
            .await
            .unwrap();
        sleep(Duration::from_millis(500)).await;
        let cents: f64 = sqlx::query_scalar("SELECT cents FROM payments")
            .fetch_one(fresh.pool())
            .await
            .unwrap();
        wrong[n % 2] += u32::from(cents != f64::from(acknowledged));
    }
    assert_eq!(
        wrong,
        [0, 0],
        "an acknowledged write was overwritten by the attempt before it"
    );
}
