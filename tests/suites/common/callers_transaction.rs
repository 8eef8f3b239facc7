//! `#[transactional]` on a connection or a transaction of the caller's.

use std::future::pending;
use std::time::Duration;

use dbop::{ErrorKind, Outcome, Tx, transactional};
use dbop_tests::{Fresh, poll_at_most};
use sqlx::{Connection, Executor, Pool};

use super::super::{ABORTS, BRIEF, ENDLESS, HURRY};
use super::notes::{Trouble, insert, open};
use super::{Database, outside};

#[transactional]
async fn two(tx: &mut Tx<'_, Database>, first: i64, second: i64) -> Result<(), Trouble> {
    insert(&mut *tx, first).await?;
    Ok(insert(&mut *tx, second).await?)
}

#[transactional]
async fn refused(tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
    insert(&mut *tx, id).await?;
    Err(Trouble::Refused)
}

/// Returns which of the ten numbers from `first` on are noted, counted from `first`.
async fn noted_from(fresh: &Fresh<Database>, first: i64) -> Vec<i64> {
    let noted = noted(fresh).await.into_iter();
    noted
        .filter(|id| (first..first + 10).contains(id))
        .map(|id| id - first)
        .collect()
}

async fn noted(fresh: &Fresh<Database>) -> Vec<i64> {
    let ids = sqlx::query_scalar("SELECT id FROM notes ORDER BY id");
    ids.fetch_all(fresh.pool()).await.expect("the table")
}

/// Opens a pool that dbop knows nothing about.
async fn pool_of(fresh: &Fresh<Database>) -> Pool<Database> {
    Pool::connect(&fresh.url)
        .await
        .expect("the application's pool")
}

#[tokio::test]
async fn a_connection_without_a_transaction_gets_one_that_is_committed_or_undone() {
    let fresh = open().await;
    let mut conn = outside(&fresh).await;
    two(&mut conn, 1, 2).await.unwrap();
    let error = two(&mut conn, 3, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unique);
    assert_eq!(error.database().outcome(), Some(Outcome::RolledBack));
    assert_eq!(error.database().attempts(), 1);
    refused(&mut conn, 4).await.unwrap_err();
    // The connection commits each statement by itself again.
    insert(&mut conn, 5).await.unwrap();
    assert_eq!(noted(&fresh).await, [1, 2, 5]);
}

#[tokio::test]
async fn a_transaction_of_the_callers_is_joined_at_every_depth() {
    let fresh = open().await;
    let mut conn = outside(&fresh).await;
    let mut outer = conn.begin().await.unwrap();
    two(&mut *outer, 1, 2).await.unwrap();
    refused(&mut *outer, 3).await.unwrap_err();
    let mut inner = outer.begin().await.unwrap();
    two(&mut inner, 4, 5).await.unwrap();
    two(&mut inner, 6, 1).await.unwrap_err();
    inner.commit().await.unwrap();
    let mut inner = outer.begin().await.unwrap();
    two(&mut *inner, 7, 8).await.unwrap();
    inner.rollback().await.unwrap();
    outer.commit().await.unwrap();
    assert_eq!(noted(&fresh).await, [1, 2, 4, 5]);
    let mut outer = conn.begin().await.unwrap();
    two(&mut *outer, 9, 10).await.unwrap();
    outer.rollback().await.unwrap();
    assert_eq!(noted(&fresh).await, [1, 2, 4, 5]);
}

/// Runs rounds with more and more polls, until a round has ended, and begins anew. An answer that is
/// there already saves a poll, so each sweep meets other polls. Each round has ten numbers of its own,
/// because the `COMMIT` of a round that was dropped may land later.
async fn sweep(mut round: impl AsyncFnMut(u32, i64) -> bool) {
    let (mut dropped, mut first) = (0, 0);
    for _ in 0..25 {
        for polls in 1.. {
            first += 10;
            if round(polls, first).await {
                break;
            }
            dropped += 1;
        }
    }
    println!("{dropped} rounds were dropped");
}

/// Checks what is stored after a call of [`two`] on a connection, and an `insert`. Returns whether the call
/// has ended.
fn is_all_or_nothing(polls: u32, done: Option<Result<(), Trouble>>, noted: &[i64]) -> bool {
    match &done {
        Some(result) => {
            assert!(result.is_ok(), "{polls}: {result:?}");
            assert_eq!(noted, [2, 3, 4], "after {polls} polls");
        }
        None => assert!(
            noted == [4] || noted == [2, 3, 4],
            "{noted:?} after {polls} polls"
        ),
    }
    done.is_some()
}

#[tokio::test]
async fn a_call_that_is_dropped_at_any_poll_leaves_the_callers_transaction_whole() {
    let fresh = open().await;
    let pool = pool_of(&fresh).await;
    sweep(async |polls, first| {
        let mut tx = pool.begin().await.unwrap();
        insert(&mut *tx, first + 1).await.unwrap();
        let done = poll_at_most(polls, two(&mut *tx, first + 2, first + 3)).await;
        let goes_on = async {
            insert(&mut *tx, first + 4).await?;
            tx.commit().await
        };
        let committed = goes_on.await;
        let noted = noted_from(&fresh, first).await;
        match (&done, committed) {
            (Some(result), committed) => {
                assert!(
                    result.is_ok() && committed.is_ok(),
                    "{polls}: {result:?} {committed:?}"
                );
                assert_eq!(noted, [1, 2, 3, 4], "after {polls} polls");
            }
            (None, Ok(())) => {
                assert!(
                    noted == [1, 4] || noted == [1, 2, 3, 4],
                    "{noted:?} after {polls} polls"
                );
            }
            // The caller was told that its transaction is lost.
            (None, Err(_)) => assert_eq!(noted, [0; 0], "after {polls} polls"),
        }
        done.is_some()
    })
    .await;
}

/// sqlx does not release a savepoint to which it has rolled back, and all of its savepoints at one
/// depth have one name.
#[tokio::test]
async fn a_call_that_is_dropped_at_any_poll_undoes_nothing_that_followed_an_earlier_rollback() {
    let fresh = open().await;
    let pool = pool_of(&fresh).await;
    sweep(async |polls, first| {
        let mut tx = pool.begin().await.unwrap();
        match polls % 2 {
            0 => drop(refused(&mut *tx, first).await),
            _ => tx.begin().await.unwrap().rollback().await.unwrap(),
        }
        insert(&mut *tx, first + 1).await.unwrap();
        let done = poll_at_most(polls, two(&mut *tx, first + 2, first + 3)).await;
        let goes_on = async {
            insert(&mut *tx, first + 4).await?;
            tx.commit().await
        };
        let committed = goes_on.await;
        let noted = noted_from(&fresh, first).await;
        match committed {
            Ok(()) => assert!(
                noted == [1, 2, 3, 4] || (done.is_none() && noted == [1, 4]),
                "{noted:?} after {polls} polls"
            ),
            Err(error) => assert!(
                done.is_none() && noted.is_empty(),
                "{noted:?} after {polls} polls: {error}"
            ),
        }
        done.is_some()
    })
    .await;
}

#[tokio::test]
async fn a_call_that_is_dropped_at_any_poll_leaves_a_pooled_connection_without_a_transaction() {
    let fresh = open().await;
    let pool = pool_of(&fresh).await;
    sweep(async |polls, first| {
        let mut conn = pool.acquire().await.unwrap();
        let done = poll_at_most(polls, two(&mut conn, first + 2, first + 3)).await;
        // On this connection, statements commit by themselves again.
        insert(&mut *conn, first + 4).await.unwrap();
        drop(conn);
        let noted = noted_from(&fresh, first).await;
        is_all_or_nothing(polls, done, &noted)
    })
    .await;
}

#[tokio::test]
async fn a_call_that_is_dropped_at_any_poll_is_all_there_or_not_at_all() {
    let fresh = open().await;
    sweep(async |polls, first| {
        let mut conn = outside(&fresh).await;
        let done = poll_at_most(polls, two(&mut conn, first + 2, first + 3)).await;
        insert(&mut conn, first + 4).await.unwrap();
        let noted = noted_from(&fresh, first).await;
        is_all_or_nothing(polls, done, &noted)
    })
    .await;
}

#[transactional(timeout = "200ms")]
async fn endless(tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
    insert(&mut *tx, id).await?;
    tx.execute(ENDLESS).await.map_err(dbop::Error::from)?;
    Ok(())
}

#[tokio::test]
async fn a_deadline_undoes_the_call_and_gives_the_connection_back() {
    let fresh = open().await;
    let mut conn = outside(&fresh).await;
    let error = endless(&mut conn, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.database().outcome(), Some(Outcome::RolledBack));
    let mut tx = conn.begin().await.unwrap();
    insert(&mut *tx, 2).await.unwrap();
    assert_eq!(
        endless(&mut *tx, 3).await.unwrap_err().kind(),
        ErrorKind::Timeout
    );
    insert(&mut *tx, 4).await.unwrap();
    // The limit for statements is lifted.
    tokio::time::sleep(Duration::from_millis(250)).await;
    insert(&mut *tx, 5).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(noted(&fresh).await, [2, 4, 5]);
}

#[transactional(timeout = "100ms")]
#[dbop::allow(foreign_await, reason = "nothing but its deadline ends it")]
async fn waits_elsewhere(_tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    pending().await
}

/// Writes a note after deadlines that have passed while no statement ran. An order to stop that
/// outlives its call would stop a statement here.
async fn goes_on(conn: &mut <Database as sqlx::Database>::Connection, id: i64) {
    let error = waits_elsewhere(&mut *conn).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    conn.execute(BRIEF).await.unwrap();
    let mut tx = conn.begin().await.unwrap();
    let error = waits_elsewhere(&mut *tx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    tx.execute(BRIEF).await.unwrap();
    insert(&mut *tx, id).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_deadline_that_no_statement_meets_stops_none_of_the_callers() {
    let fresh = open().await;
    goes_on(&mut outside(&fresh).await, 1).await;
    goes_on(&mut fresh.pool().acquire().await.unwrap(), 2).await;
    assert_eq!(noted(&fresh).await, [1, 2]);
}

#[transactional]
async fn hooked(
    tx: &mut Tx<'_, Database>,
    id: i64,
    told: &tokio::sync::mpsc::UnboundedSender<i64>,
) -> Result<(), Trouble> {
    insert(&mut *tx, id).await?;
    let told = told.clone();
    tx.after_commit(async move { told.send(id).expect("a test that listens") });
    Ok(())
}

#[tokio::test]
async fn hooks_run_after_a_commit_of_dbops_and_are_refused_where_the_caller_commits() {
    let fresh = open().await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut conn = outside(&fresh).await;
    hooked(&mut conn, 1, &tell).await.unwrap();
    assert_eq!(told.try_recv(), Ok(1));
    let mut tx = conn.begin().await.unwrap();
    let error = hooked(&mut *tx, 2, &tell).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionState);
    assert!(error.to_string().contains("hooks"), "{error}");
    tx.commit().await.unwrap();
    assert!(told.try_recv().is_err());
    assert_eq!(noted(&fresh).await, [1]);
}

/// Fails at its `COMMIT`. A hook then writes through another connection, and tells what became of it.
#[transactional]
async fn fails_at_its_end(
    tx: &mut Tx<'_, Database>,
    url: &str,
    told: &tokio::sync::mpsc::UnboundedSender<sqlx::Result<()>>,
) -> Result<(), Trouble> {
    let (url, told) = (url.to_owned(), told.clone());
    tx.after_rollback(async move {
        let written = async {
            let mut other = <Database as sqlx::Database>::Connection::connect(&url).await?;
            other.execute(HURRY).await?;
            insert(&mut other, 1).await
        };
        told.send(written.await).expect("a test that listens");
    });
    tx.execute("INSERT INTO replies VALUES (99)").await?;
    Ok(())
}

#[tokio::test]
async fn hooks_after_a_commit_that_failed_on_a_callers_connection_find_the_transaction_over() {
    let fresh = open().await;
    let replies = "CREATE TABLE replies
        (note BIGINT NOT NULL REFERENCES notes DEFERRABLE INITIALLY DEFERRED)";
    fresh.pool().execute(replies).await.unwrap();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut conn = outside(&fresh).await;
    let error = fails_at_its_end(&mut conn, &fresh.url, &tell).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ForeignKey);
    assert_eq!(error.database().outcome(), Some(Outcome::RolledBack));
    told.try_recv().expect("a hook that ran").unwrap();
    insert(&mut conn, 2).await.unwrap();
    assert_eq!(noted(&fresh).await, [1, 2]);
}

#[transactional(once = id)]
async fn once(tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
    Ok(insert(&mut *tx, id).await?)
}

#[tokio::test]
async fn a_once_operation_says_that_it_cannot_run_on_a_connection_of_the_callers() {
    let fresh = open().await;
    let mut conn = outside(&fresh).await;
    let error = once(&mut conn, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(error.database().outcome(), Some(Outcome::RolledBack));
    assert_eq!(noted(&fresh).await, [0; 0]);
}

#[transactional(allow(manual_transaction, reason = "the mistake"))]
async fn ends_itself(tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
    insert(&mut *tx, id).await?;
    tx.conn()
        .execute("COMMIT")
        .await
        .map_err(dbop::Error::from)?;
    Ok(())
}

#[tokio::test]
async fn a_body_that_ends_the_transaction_by_itself_is_not_believed() {
    let fresh = open().await;
    let mut conn = outside(&fresh).await;
    let error = ends_itself(&mut conn, 1).await.unwrap_err();
    assert_eq!(
        error.database().outcome(),
        Some(Outcome::Unknown),
        "{error}"
    );
    let mut conn = outside(&fresh).await;
    let mut tx = conn.begin().await.unwrap();
    let error = ends_itself(&mut *tx, 2).await.unwrap_err();
    assert_eq!(
        error.database().outcome(),
        Some(Outcome::Unknown),
        "{error}"
    );
}

#[transactional]
async fn nested_calls(tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
    two(&mut *tx, id, id + 1).await?;
    let savepoint = async |sp: &mut Tx<'_, Database>| two(sp, id + 2, id).await;
    assert!(tx.savepoint(savepoint).await.is_err());
    let lent = async |lent: &mut sqlx::Transaction<'_, Database>| -> Result<(), Trouble> {
        two(lent, id + 3, id + 4).await
    };
    tx.with_sqlx(lent).await
}

#[tokio::test]
async fn calls_savepoints_and_loans_nest_in_the_callers_transaction() {
    let fresh = open().await;
    let mut conn = outside(&fresh).await;
    nested_calls(&mut conn, 10).await.unwrap();
    let mut tx = conn.begin().await.unwrap();
    nested_calls(&mut *tx, 20).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(noted(&fresh).await, [10, 11, 13, 14, 20, 21, 23, 24]);
}

#[transactional(allow(swallowed_error, reason = "the mistake"))]
async fn swallows(tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
    insert(&mut *tx, id).await?;
    let _ = refused(&mut *tx, id + 1).await;
    Ok(())
}

#[tokio::test]
async fn a_joined_call_that_fails_undoes_the_call_on_the_callers_connection() {
    let fresh = open().await;
    let mut conn = outside(&fresh).await;
    swallows(&mut conn, 1).await.unwrap_err();
    let mut tx = conn.begin().await.unwrap();
    insert(&mut *tx, 3).await.unwrap();
    swallows(&mut *tx, 4).await.unwrap_err();
    tx.commit().await.unwrap();
    assert_eq!(noted(&fresh).await, [3]);
}

#[transactional(allow(swallowed_error, reason = "the mistake"))]
async fn goes_on_after_a_dropped_begin(tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
    insert(&mut *tx, id).await?;
    drop(poll_at_most(1, tx.conn().begin()).await);
    let _ = tx.conn().execute("SELECT 1").await;
    let insert = format!("INSERT INTO notes VALUES ({})", id + 1);
    let _ = tx.conn().execute(sqlx::AssertSqlSafe(insert)).await;
    Ok(())
}

/// sqlx then rolls back more than the body's own part.
#[tokio::test]
async fn a_body_that_drops_a_begin_of_its_own_leaves_no_half_in_the_callers_transaction() {
    let fresh = open().await;
    let mut conn = outside(&fresh).await;
    let mut tx = conn.begin().await.unwrap();
    insert(&mut *tx, 1).await.unwrap();
    let called = goes_on_after_a_dropped_begin(&mut *tx, 2).await;
    let goes_on = async {
        insert(&mut *tx, 5).await?;
        tx.commit().await
    };
    let committed = goes_on.await;
    let noted = noted(&fresh).await;
    match (called, committed) {
        (Ok(()), Ok(())) => assert_eq!(noted, [1, 2, 3, 5]),
        (Err(_), Ok(())) => assert_eq!(noted, [1, 5]),
        // sqlx has rolled back the caller's transaction, and committed what the body did afterwards.
        (Err(error), Err(_)) if ABORTS => {
            assert_eq!(error.database().outcome(), Some(Outcome::Unknown));
            assert!(noted == [3] || noted == [0; 0], "{noted:?}");
        }
        (_, Err(_)) => assert_eq!(noted, [0; 0]),
    }
}

#[tokio::test]
async fn a_transaction_that_was_begun_by_text_is_not_committed_by_a_call() {
    let fresh = open().await;
    let mut conn = outside(&fresh).await;
    conn.execute("BEGIN").await.unwrap();
    insert(&mut conn, 1).await.unwrap();
    two(&mut conn, 2, 3).await.unwrap_err();
    conn.execute("ROLLBACK").await.unwrap();
    assert_eq!(noted(&fresh).await, [0; 0]);
    two(&mut conn, 2, 3).await.unwrap();
    assert_eq!(noted(&fresh).await, [2, 3]);
}

#[transactional]
async fn tells_at_each_end(
    tx: &mut Tx<'_, Database>,
    id: i64,
    told: &tokio::sync::mpsc::UnboundedSender<&'static str>,
) -> Result<(), Trouble> {
    insert(&mut *tx, id).await?;
    let [committed, rolled_back, unknown] = [told.clone(), told.clone(), told.clone()];
    tx.after_commit(async move { committed.send("committed").expect("a listener") });
    tx.after_rollback(async move { rolled_back.send("rolled back").expect("a listener") });
    tx.on_unknown(async move { unknown.send("unknown").expect("a listener") });
    Ok(())
}

#[tokio::test]
async fn hooks_of_a_call_that_is_dropped_on_a_callers_connection_say_nothing_untrue() {
    let fresh = open().await;
    sweep(async |polls, first| {
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let mut conn = outside(&fresh).await;
        let done = poll_at_most(polls, tells_at_each_end(&mut conn, first, &tell)).await;
        drop(tell);
        conn.close().await.unwrap();
        let said = told.recv().await;
        let stored = noted_from(&fresh, first).await == [0];
        match said {
            Some("committed") => assert!(stored, "after {polls} polls"),
            Some("rolled back") => assert!(!stored, "after {polls} polls"),
            // No body has run.
            None => assert!(!stored && done.is_none(), "after {polls} polls"),
            _ => assert!(done.is_none(), "after {polls} polls"),
        }
        done.is_some()
    })
    .await;
}
