//! A call inside another call gives up at its own deadline while its statement is still running.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use dbop::{Conn, Db, Tx, db_op, transactional};
use dbop_tests::Fresh;
use sqlx::{Executor, Postgres};
use tokio::time::sleep;

use super::common::once::{Trouble, open};

#[db_op(idempotent, timeout = "120ms")]
async fn set_slowly(conn: &mut Conn<'_, Postgres>, run: u32) -> Result<(), Trouble> {
    if run == 1 {
        conn.execute("UPDATE payments SET cents = 1 FROM (SELECT pg_sleep(0.18)) s WHERE true")
            .await?;
    } else {
        conn.execute("UPDATE payments SET cents = 2 WHERE true")
            .await?;
    }
    Ok(())
}

/// Returns whether what is stored in the end differs from what the call has reported.
async fn is_overwritten(
    fresh: &Fresh<Postgres>,
    call: impl Future<Output = Result<u32, Trouble>>,
) -> bool {
    let empty = "DELETE FROM payments; INSERT INTO payments VALUES (1, 0)";
    fresh.pool().execute(empty).await.unwrap();
    let acknowledged = call.await.unwrap();
    sleep(Duration::from_millis(500)).await;
    let cents = sqlx::query_scalar("SELECT cents FROM payments");
    let cents: f64 = cents.fetch_one(fresh.pool()).await.unwrap();
    cents != f64::from(acknowledged)
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
        let runs = AtomicU32::default();
        wrong += u32::from(is_overwritten(&fresh, sets(&*fresh, &runs)).await);
    }
    assert_eq!(
        wrong, 0,
        "an acknowledged write was overwritten by an earlier attempt"
    );
}

#[transactional(timeout = "120ms")]
async fn set_slowly_in_a_transaction(tx: &mut Tx<'_, Postgres>, run: u32) -> Result<(), Trouble> {
    if run == 1 {
        tx.execute("UPDATE payments SET cents = 1 FROM (SELECT pg_sleep(0.18)) s WHERE true")
            .await?;
    } else {
        tx.execute("UPDATE payments SET cents = 2 WHERE true")
            .await?;
    }
    Ok(())
}

#[db_op(idempotent, allow(no_session))]
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
        let runs = AtomicU32::default();
        let call = sets_without_a_session(&fresh, &runs, n % 2 == 1);
        wrong[n % 2] += u32::from(is_overwritten(&fresh, call).await);
    }
    assert_eq!(
        wrong,
        [0, 0],
        "an acknowledged write was overwritten by an earlier attempt"
    );
}
