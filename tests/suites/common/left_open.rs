//! A session that leaves a transaction open never hands it to the next borrower.

use std::time::Duration;

use dbop::{Conn, Db, db_op};
use dbop_tests::Fresh;
use futures_util::FutureExt;
use sqlx::{Connection, Executor, Pool};
use tokio::sync::Notify;

use super::notes::{self, Trouble, note_op, soon};
use super::{Database, outside};

type Raw = <Database as sqlx::Database>::Connection;

/// The way in which a body that has left a transaction open ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Ok,
    Err,
    /// The caller goes away.
    Dropped,
    /// The deadline passes.
    Late,
}

const ENDS: [End; 4] = [End::Ok, End::Err, End::Dropped, End::Late];

async fn end_as(end: End, begun: &Notify) -> Result<(), Trouble> {
    begun.notify_one();
    match end {
        End::Ok => Ok(()),
        End::Err => Err(Trouble::Refused),
        End::Dropped | End::Late => std::future::pending().await,
    }
}

/// Begins a transaction and drops the future, as existing code does when its caller gives up. How
/// far the driver has got by then is up to the driver.
async fn begin_and_give_up(conn: &mut Raw) {
    let unit = async {
        let tx = conn.begin().await?;
        tx.commit().await
    };
    drop(unit.now_or_never());
}

#[db_op(timeout = "400ms")]
#[dbop::allow(manual_transaction, reason = "dbop has to find what was begun past it")]
async fn by_text(conn: &mut Conn<'_, Database>, end: End, begun: &Notify) -> Result<(), Trouble> {
    conn.execute("BEGIN").await?;
    end_as(end, begun).await
}

#[db_op(timeout = "400ms")]
#[dbop::allow(manual_transaction, reason = "dbop has to find what was begun past it")]
async fn by_text_past_dbop(
    conn: &mut Conn<'_, Database>,
    end: End,
    begun: &Notify,
) -> Result<(), Trouble> {
    conn.conn().execute("BEGIN").await?;
    end_as(end, begun).await
}

#[db_op(timeout = "400ms")]
#[dbop::allow(manual_transaction, reason = "dbop has to find what was begun past it")]
async fn by_text_on_the_drivers_connection(
    #[session] conn: &mut Raw,
    end: End,
    begun: &Notify,
) -> Result<(), Trouble> {
    conn.execute("BEGIN").await?;
    end_as(end, begun).await
}

#[db_op(timeout = "400ms")]
async fn by_a_helper(
    conn: &mut Conn<'_, Database>,
    end: End,
    begun: &Notify,
) -> Result<(), Trouble> {
    let () = begin_and_give_up(conn.conn()).await;
    end_as(end, begun).await
}

#[db_op(timeout = "400ms")]
async fn by_a_helper_on_the_drivers_connection(
    #[session] conn: &mut Raw,
    end: End,
    begun: &Notify,
) -> Result<(), Trouble> {
    let () = begin_and_give_up(conn).await;
    end_as(end, begun).await
}

/// Runs the call to the end that `end` names.
async fn ended(call: impl Future<Output = Result<(), Trouble>>, end: End, begun: &Notify) {
    if end == End::Dropped {
        tokio::select! {
            result = call => panic!("the call was to wait for ever: {result:?}"),
            () = begun.notified() => {}
        }
        return;
    }
    let result = soon("a body that waits for nothing", call).await;
    assert_eq!(result.is_ok(), end == End::Ok, "{end:?}: {result:?}");
}

/// Returns the number of notes that another session sees.
async fn seen_outside(fresh: &Fresh<Database>) -> i64 {
    let mut other = outside(fresh).await;
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM notes");
    count.fetch_one(&mut other).await.expect("the number")
}

async fn one_narrow() -> (Fresh<Database>, Db<Database>, Pool<Database>) {
    let fresh = notes::open_narrow().await;
    let (db, pool) = (fresh.db.clone(), fresh.db.pool().clone());
    (fresh, db, pool)
}

/// Checks that the next write returns `Ok` and that every session then sees it.
macro_rules! next_write_stands {
    ($test:ident, $op:ident) => {
        #[tokio::test]
        async fn $test() {
            let (fresh, db, pool) = one_narrow().await;
            let mut written = 0;
            for end in ENDS {
                let begun = Notify::new();
                ended($op(&db, end, &begun), end, &begun).await;
                written += 1;
                let next = soon("the next call", note_op(&db, written)).await;
                next.unwrap();
                assert_eq!(seen_outside(&fresh).await, written, "{end:?}");

                // On a pool of the caller's own, dbop knows less about the connection.
                let begun = Notify::new();
                ended($op(&pool, end, &begun), end, &begun).await;
                written += 1;
                let next = soon("the next call", note_op(&pool, written)).await;
                next.unwrap();
                assert_eq!(seen_outside(&fresh).await, written, "{end:?}, on a pool");
            }
        }
    };
}

next_write_stands!(
    after_a_session_that_ran_begin_the_next_write_is_seen_at_once,
    by_text
);
next_write_stands!(
    after_begin_through_the_raw_connection_the_next_write_is_seen_at_once,
    by_text_past_dbop
);
next_write_stands!(
    after_begin_on_the_drivers_connection_the_next_write_is_seen_at_once,
    by_text_on_the_drivers_connection
);
next_write_stands!(
    after_a_helper_that_was_dropped_in_begin_the_next_write_is_seen_at_once,
    by_a_helper
);
next_write_stands!(
    after_a_dropped_begin_on_the_drivers_connection_the_next_write_is_seen_at_once,
    by_a_helper_on_the_drivers_connection
);

#[db_op]
#[dbop::allow(manual_transaction, reason = "dbop has to find what was begun past it")]
async fn begins_and_writes(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    conn.execute("BEGIN").await?;
    notes::insert(&mut *conn, 1).await?;
    Err(Trouble::Refused)
}

#[tokio::test]
async fn what_a_session_wrote_in_a_transaction_it_left_open_goes_with_it() {
    let (fresh, db, _) = one_narrow().await;
    begins_and_writes(&db).await.unwrap_err();
    soon("the next call", note_op(&db, 1)).await.unwrap();
    assert_eq!(seen_outside(&fresh).await, 1);
}

#[db_op(timeout = "400ms")]
#[dbop::allow(manual_transaction, reason = "dbop has to find what was begun past it")]
async fn begins_twice_on_the_drivers_connection(#[session] conn: &mut Raw) -> Result<(), Trouble> {
    let mut outer = conn.begin().await?;
    let inner = outer.begin().await?;
    std::mem::forget(inner);
    std::mem::forget(outer);
    Ok(())
}

#[tokio::test]
async fn leaked_transactions_of_any_depth_are_closed_before_the_next_borrower() {
    let (fresh, db, _) = one_narrow().await;
    soon("the call", begins_twice_on_the_drivers_connection(&db))
        .await
        .unwrap();
    let next = tokio::time::timeout(Duration::from_secs(20), note_op(&db, 1)).await;
    next.expect("a connection").unwrap();
    assert_eq!(seen_outside(&fresh).await, 1);
}
