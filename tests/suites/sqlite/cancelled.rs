//! Callers that go away while the writer is busy.

use std::time::Duration;

use dbop::{Conn, Db, Tx, db_op, transactional};
use dbop_tests::{poll_at_most, seed};
use futures_util::TryStreamExt;
use sqlx::{Executor, SqliteConnection, Transaction};
use tokio::sync::Notify;

use super::common::notes::{self, Runs, Trouble, insert, note_op, soon};
use super::{Database, outside};

#[transactional]
async fn ends(tx: &mut Tx<'_, Database>, well: bool) -> Result<(), Trouble> {
    sqlx::query("SELECT 1").execute(&mut *tx).await?;
    if well { Ok(()) } else { Err(Trouble::Refused) }
}

/// Begins a transaction through sqlx and drops it without ending it.
async fn begin_and_drop(db: &Db<Database>) {
    let mut tx: Transaction<'_, Database> = db.pool().begin().await.expect("a connection");
    insert(&mut *tx, 1).await.expect("an open transaction");
}

async fn count(db: &Db<Database>) -> i64 {
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM notes");
    count.fetch_one(db.pool()).await.expect("the number")
}

/// sqlx notes that a ROLLBACK or COMMIT is under way and then skips the next one. If such a note
/// stayed behind when a caller has gone away, somebody else's transaction would be left open.
#[tokio::test]
async fn after_an_end_that_was_dropped_a_transaction_of_the_pools_is_still_rolled_back() {
    let fresh = notes::open_narrow().await;
    let memory = Db::connect("sqlite::memory:").await.expect("memory");
    let notes = notes::SCHEMA;
    memory.pool().execute(notes).await.expect("the schema");
    let mut other = outside(&fresh).await;
    for db in [&fresh.db, &memory] {
        for round in 0..360 {
            let (polls, well) = (round % 12 + 1, round % 24 < 12);
            drop(poll_at_most(polls, ends(db, well)).await);
            soon("a transaction", begin_and_drop(db)).await;
            assert_eq!(
                count(db).await,
                0,
                "round {round}: the transaction was not rolled back"
            );
        }
    }
    // A transaction that was left open would hold the lock.
    other.execute("BEGIN IMMEDIATE; ROLLBACK").await.unwrap();
}

/// A statement that would count for hours.
const ENDLESS: &str = "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n
    LIMIT 10000000000) INSERT INTO notes SELECT COUNT(*) FROM n";

const ENDLESS_READ: &str = "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n
    LIMIT 10000000000) SELECT COUNT(*) FROM n";

/// A statement that is long enough for SQLite to check many times whether it has been interrupted.
const SOME_WORK: &str = "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n
    LIMIT 5000) INSERT INTO notes SELECT COUNT(*) + $1 FROM n";

#[db_op]
async fn never_done(conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    runs.next();
    conn.execute(ENDLESS).await?;
    Ok(())
}

#[db_op(retry = never)]
async fn some_work(conn: &mut Conn<'_, Database>, id: i64) -> Result<(), Trouble> {
    sqlx::query(SOME_WORK).bind(id).execute(&mut *conn).await?;
    Ok(())
}

#[tokio::test]
async fn a_statement_whose_caller_went_away_stops_and_the_next_one_runs_to_its_end() {
    let mut random = fastrand::Rng::with_seed(seed());
    let fresh = notes::open_narrow().await;
    for round in 0..60 {
        let runs = Runs::default();
        let wait = Duration::from_micros(random.u64(0..4000));
        let cut = tokio::time::timeout(wait, never_done(&*fresh, &runs)).await;
        cut.expect_err("the statement never ends by itself");
        let next = soon("the next writer", some_work(&*fresh, round)).await;
        next.unwrap_or_else(|error| panic!("round {round}: {error}"));
    }
    assert_eq!(count(&fresh).await, 60);
}

/// The signals of a connection are its pool's own, whatever the pool is told about later connections.
#[tokio::test]
async fn a_statement_stops_also_after_the_options_of_its_pool_were_replaced() {
    let fresh = notes::open_narrow().await;
    let pool = fresh.db.pool();
    let runs = Runs::default();
    for round in 0..3 {
        pool.set_connect_options(sqlx::sqlite::SqliteConnectOptions::clone(
            &pool.connect_options(),
        ));
        let next = soon("a call on the pool", some_work(pool, round)).await;
        next.expect("the writer is free");
        let cut = tokio::time::timeout(Duration::from_millis(5), never_done(&*fresh, &runs)).await;
        cut.expect_err("the statement never ends by itself");
        let cut = tokio::time::timeout(Duration::from_millis(5), never_done(pool, &runs)).await;
        cut.expect_err("the statement never ends by itself");
    }
    let next = soon("the next writer", some_work(&*fresh, 3)).await;
    next.expect("nothing runs any more");
    assert_eq!(count(&fresh).await, 4);
}

#[db_op(read_only)]
async fn never_read(conn: &mut Conn<'_, Database>, begun: &Notify) -> Result<(), Trouble> {
    let mut rows = sqlx::query(ENDLESS_READ).fetch(&mut *conn);
    begun.notify_one();
    rows.try_next().await?;
    Ok(())
}

#[tokio::test]
async fn readers_whose_callers_went_away_stop_and_leave_room_for_others() {
    let db = notes::open_with(|builder| builder.max_connections(2)).await;
    for _ in 0..20 {
        let begun = Notify::new();
        tokio::select! {
            _ = never_read(&*db, &begun) => panic!("the statement never ends by itself"),
            () = async { begun.notified().await; tokio::task::yield_now().await } => {}
        }
        let reading = notes::notes(&*db);
        soon("the next reader", reading).await.unwrap();
    }
    // All connections that read work at the same time.
    let both = futures_util::future::join_all((0..2).map(|_| notes::notes(&*db)));
    for read in soon("two readers", both).await {
        read.unwrap();
    }
}

/// Often the statement of the dropped call is done already, or has not begun, when the interrupt
/// arrives.
#[tokio::test]
async fn nobody_is_stopped_in_the_place_of_a_call_that_went_away() {
    let fresh = notes::open_narrow().await;
    let memory = Db::connect("sqlite::memory:").await.expect("memory");
    let notes = notes::SCHEMA;
    memory.pool().execute(notes).await.expect("the schema");
    for db in [&fresh.db, &memory] {
        for round in 0..240_i64 {
            let polls = u32::try_from(round % 8 + 1).expect("small");
            drop(poll_at_most(polls, some_work(db, -1_000_000 - round)).await);
            drop(poll_at_most(polls, ends(db, true)).await);
            let next = soon("the next writer", some_work(db, round)).await;
            next.unwrap_or_else(|error| panic!("round {round}: {error}"));
        }
    }
}

#[db_op(callers = scope)]
async fn never_done_raw(conn: &mut SqliteConnection) -> Result<(), Trouble> {
    conn.execute(ENDLESS).await?;
    Ok(())
}

#[tokio::test]
async fn a_statement_through_the_drivers_connection_is_stopped_too() {
    let fresh = notes::open_narrow().await;
    let cut = tokio::time::timeout(Duration::from_millis(50), never_done_raw(&*fresh)).await;
    cut.expect_err("the statement never ends by itself");
    soon("the next writer", note_op(&*fresh, 1)).await.unwrap();
    assert_eq!(count(&fresh).await, 1);
}

/// A connection that was idle for a while is tried before it is used, and a caller may go away
/// during that. Here the connection is the database itself, so it must not be closed.
#[tokio::test]
async fn a_database_in_memory_outlives_a_caller_that_goes_away_after_a_pause() {
    let memory = Db::connect("sqlite::memory:").await.expect("memory");
    let notes = notes::SCHEMA;
    memory.pool().execute(notes).await.expect("the schema");
    for round in 0..3 {
        tokio::time::sleep(Duration::from_millis(1100)).await;
        drop(poll_at_most(round + 1, ends(&memory, true)).await);
        let next = soon("the next writer", note_op(&memory, i64::from(round))).await;
        next.unwrap_or_else(|error| panic!("round {round}: {error}"));
    }
    assert_eq!(count(&memory).await, 3);
}
