//! A handle that is shut down: what runs finishes, nothing else begins, and what is left at the deadline
//! is cut off and says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dbop::{Category, Conn, Db, ErrorKind, Outcome, Shutdown, Tx, db_op, transactional};
use dbop_tests::{Fresh, eventually, poll_at_most};
use futures_util::stream::{BoxStream, StreamExt};
use sqlx::Connection;
use tokio::sync::Semaphore;

use super::notes::{self, Runs, Trouble, insert, note, note_op, soon};
use super::returned_streams::up_to;
use super::{Database, outside};

/// More than any of these tests takes.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

/// A place where bodies wait until the test lets them go on.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    arrived: Arc<Semaphore>,
    let_on: Arc<Semaphore>,
}

impl Stop {
    pub(crate) fn new() -> Self {
        let closed = || Arc::new(Semaphore::new(0));
        Self {
            arrived: closed(),
            let_on: closed(),
        }
    }

    pub(crate) async fn pass(&self) {
        self.arrived.add_permits(1);
        self.let_on.acquire().await.expect("never closed").forget();
    }

    /// Waits until another body waits here.
    pub(crate) async fn has_one(&self) {
        let arrived = soon("a body waits", self.arrived.acquire()).await;
        arrived.expect("never closed").forget();
    }

    pub(crate) fn let_one_on(&self) {
        self.let_on.add_permits(1);
    }
}

/// Writes, waits, and writes again by a joined call.
#[transactional(retry = never)]
#[dbop::allow(foreign_await, reason = "the test holds the transaction open")]
pub(crate) async fn note_twice(
    tx: &mut Tx<'_, Database>,
    id: i64,
    stop: &Stop,
) -> Result<(), Trouble> {
    insert(&mut *tx, id).await?;
    stop.pass().await;
    note(&mut *tx, id + 1).await
}

#[db_op(retry = never)]
#[dbop::allow(foreign_await, reason = "the test holds the session")]
async fn note_op_and_wait(
    conn: &mut Conn<'_, Database>,
    id: i64,
    stop: &Stop,
) -> Result<(), Trouble> {
    insert(&mut *conn, id).await?;
    stop.pass().await;
    Ok(())
}

/// What is stored, seen by a session that does not belong to the handle, which is closed.
pub(crate) async fn stored_outside(fresh: &Fresh<Database>) -> Vec<i64> {
    let mut conn = outside(fresh).await;
    let ids = sqlx::query_scalar("SELECT id FROM notes ORDER BY id");
    let ids = ids.fetch_all(&mut conn).await.expect("the notes");
    conn.close().await.expect("the end of the session");
    ids
}

pub(crate) fn is_refused(error: &dbop::Error) {
    assert_eq!(error.kind(), ErrorKind::ShuttingDown, "{error}");
    assert_eq!(error.category(), Category::Resource, "{error}");
    assert_eq!(error.http_status(), 503, "{error}");
    let known = (error.attempts(), error.outcome());
    assert_eq!(known, (0, Some(Outcome::RolledBack)), "{error}");
}

/// Shuts a clone of the handle down in a task, and waits until that has begun.
pub(crate) async fn begin_shutdown(
    db: &Db<Database>,
    time: Duration,
) -> tokio::task::JoinHandle<Shutdown> {
    let of = db.clone();
    let mut shutdown = Box::pin(async move { of.shutdown(time).await });
    assert!(poll_at_most(1, &mut shutdown).await.is_none());
    tokio::spawn(shutdown)
}

#[tokio::test]
async fn a_shutdown_lets_a_call_finish_with_its_joined_calls_and_refuses_new_ones() {
    let fresh = notes::open().await;
    let stop = Stop::new();
    let (db, at) = (fresh.db.clone(), stop.clone());
    let running = tokio::spawn(async move { note_twice(&db, 1, &at).await });
    stop.has_one().await;
    let shutdown = begin_shutdown(&fresh, LONG).await;
    for refused in [note(&*fresh, 7).await, note_op(&*fresh, 8).await] {
        is_refused(refused.unwrap_err().database());
    }
    assert!(!shutdown.is_finished());
    stop.let_one_on();
    soon("the call", running).await.unwrap().unwrap();
    let shutdown = soon("the shutdown", shutdown).await.unwrap();
    assert!(shutdown.is_complete(), "{shutdown:?}");
    assert_eq!(shutdown.finished, 1);
    assert!(fresh.pool().is_closed());
    assert_eq!(stored_outside(&fresh).await, [1, 2]);
    is_refused(note(&*fresh, 9).await.unwrap_err().database());
}

#[tokio::test]
async fn a_call_that_waits_for_a_connection_when_the_shutdown_begins_finishes() {
    let fresh = notes::open_narrow().await;
    let stop = Stop::new();
    let (db, at) = (fresh.db.clone(), stop.clone());
    let holds = tokio::spawn(async move { note_twice(&db, 1, &at).await });
    stop.has_one().await;
    let mut waits = Box::pin(note(&*fresh, 3));
    assert!(poll_at_most(1, &mut waits).await.is_none());
    let db = fresh.db.clone();
    let mut shutdown = Box::pin(db.shutdown(LONG));
    assert!(poll_at_most(1, &mut shutdown).await.is_none());
    stop.let_one_on();
    let (waited, shutdown) = soon("both", async { tokio::join!(waits, shutdown) }).await;
    waited.unwrap();
    holds.await.unwrap().unwrap();
    assert!(shutdown.is_complete(), "{shutdown:?}");
    assert_eq!(shutdown.finished, 2);
    assert_eq!(stored_outside(&fresh).await, [1, 2, 3]);
}

/// Notes a second number by another call on the handle, from a hook.
#[transactional]
#[dbop::allow(foreign_await, reason = "the test holds the transaction open")]
async fn note_and_note_later(
    tx: &mut Tx<'_, Database>,
    db: Db<Database>,
    stop: &Stop,
) -> Result<(), Trouble> {
    stop.pass().await;
    tx.after_commit(async move { note(&db, 2).await });
    Ok(insert(&mut *tx, 1).await?)
}

#[tokio::test]
async fn a_hook_may_call_the_handle_while_the_handle_shuts_down() {
    let fresh = notes::open_narrow().await;
    let stop = Stop::new();
    let call = note_and_note_later(&*fresh, fresh.db.clone(), &stop);
    let shutdown = async {
        stop.has_one().await;
        let shutdown = begin_shutdown(&fresh, LONG).await;
        stop.let_one_on();
        soon("the shutdown", shutdown).await.unwrap()
    };
    let (called, shutdown) = tokio::join!(call, shutdown);
    called.unwrap();
    assert!(shutdown.is_complete(), "{shutdown:?}");
    assert_eq!(stored_outside(&fresh).await, [1, 2]);
}

#[transactional(retry = never)]
#[dbop::allow(
    foreign_await,
    reason = "the test is about a call on the handle from inside a body"
)]
async fn reads_beside_itself(
    tx: &mut Tx<'_, Database>,
    db: &Db<Database>,
    stop: &Stop,
) -> Result<Vec<i64>, Trouble> {
    stop.pass().await;
    let before = notes::notes(db).await?;
    insert(&mut *tx, 2).await?;
    Ok(before)
}

#[tokio::test]
async fn a_body_may_call_the_handle_while_the_handle_shuts_down() {
    let fresh = notes::open().await;
    note(&*fresh, 1).await.unwrap();
    let stop = Stop::new();
    let call = reads_beside_itself(&*fresh, &fresh, &stop);
    let shutdown = async {
        stop.has_one().await;
        let shutdown = begin_shutdown(&fresh, LONG).await;
        stop.let_one_on();
        soon("the shutdown", shutdown).await.unwrap()
    };
    let (called, shutdown) = tokio::join!(call, shutdown);
    assert_eq!(called.unwrap(), [1]);
    assert!(shutdown.is_complete(), "{shutdown:?}");
    assert_eq!(stored_outside(&fresh).await, [1, 2]);
}

#[tokio::test]
async fn at_the_deadline_a_transaction_is_rolled_back_and_says_so() {
    let fresh = notes::open().await;
    let stop = Stop::new();
    let call = note_twice(&*fresh, 1, &stop);
    let shutdown = async {
        stop.has_one().await;
        soon("the shutdown", fresh.shutdown(Duration::from_millis(50))).await
    };
    let (called, shutdown) = tokio::join!(call, shutdown);
    let error = called.unwrap_err();
    let error = error.database();
    assert_eq!(error.kind(), ErrorKind::ShuttingDown, "{error}");
    assert_eq!(error.http_status(), 503);
    assert_eq!(error.outcome(), Some(Outcome::RolledBack));
    assert_eq!(error.operation(), Some("note_twice"));
    assert_eq!(shutdown.rolled_back, ["note_twice"]);
    assert_eq!(shutdown.finished, 0);
    assert!(shutdown.unknown.is_empty() && shutdown.unfinished == 0);
    assert!(shutdown.closed && !shutdown.is_complete());
    assert!(stored_outside(&fresh).await.is_empty());
}

#[tokio::test]
async fn at_the_deadline_an_operation_that_may_have_written_is_unknown_and_one_that_reads_is_not() {
    let fresh = notes::open().await;
    let (writes, reads) = (Stop::new(), Stop::new());
    let write = note_op_and_wait(&*fresh, 1, &writes);
    let read = reads_and_waits(&*fresh, &reads);
    let shutdown = async {
        writes.has_one().await;
        reads.has_one().await;
        soon("the shutdown", fresh.shutdown(Duration::ZERO)).await
    };
    let (write, read, shutdown) = tokio::join!(write, read, shutdown);
    let outcome = |result: Result<(), Trouble>| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ShuttingDown, "{error}");
        error.database().outcome().unwrap()
    };
    assert_eq!(outcome(write), Outcome::Unknown);
    assert_eq!(outcome(read), Outcome::RolledBack);
    assert_eq!(shutdown.unknown, ["note_op_and_wait"]);
    assert_eq!(shutdown.rolled_back, ["reads_and_waits"]);
    assert_eq!(stored_outside(&fresh).await, [1]);
}

#[db_op(read_only, retry = never)]
#[dbop::allow(foreign_await, reason = "the test holds the session")]
async fn reads_and_waits(conn: &mut Conn<'_, Database>, stop: &Stop) -> Result<(), Trouble> {
    sqlx::query("SELECT id FROM notes")
        .fetch_all(&mut *conn)
        .await?;
    stop.pass().await;
    Ok(())
}

#[transactional(max_concurrency = 1)]
#[dbop::allow(foreign_await, reason = "the test holds the transaction open")]
async fn one_at_a_time(tx: &mut Tx<'_, Database>, id: i64, stop: &Stop) -> Result<(), Trouble> {
    stop.pass().await;
    Ok(insert(&mut *tx, id).await?)
}

#[tokio::test]
async fn at_the_deadline_calls_that_wait_for_a_connection_or_for_their_turn_end() {
    let fresh = notes::open_narrow().await;
    let stop = Stop::new();
    let holds = one_at_a_time(&*fresh, 1, &stop);
    let calls = async {
        stop.has_one().await;
        let turn = one_at_a_time(&*fresh, 2, &stop);
        tokio::join!(turn, note(&*fresh, 3), async {
            fresh.shutdown(Duration::from_millis(50)).await
        })
    };
    let (_, (turn, connection, shutdown)) =
        soon("all of them", async { tokio::join!(holds, calls) }).await;
    for result in [turn, connection] {
        let error = result.unwrap_err();
        let error = error.database();
        assert_eq!(error.kind(), ErrorKind::ShuttingDown, "{error}");
        assert_eq!(error.outcome(), Some(Outcome::RolledBack));
    }
    let mut cut_off = shutdown.rolled_back.clone();
    cut_off.sort_unstable();
    assert_eq!(cut_off, ["note", "one_at_a_time", "one_at_a_time"]);
    assert!(stored_outside(&fresh).await.is_empty());
}

#[transactional(timeout = "1h", retry(attempts = 2, base = "1h", cap = "1h"))]
async fn tries_again_in_an_hour(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    runs.next();
    Err(Trouble::NotNow)
}

#[tokio::test]
async fn at_the_deadline_a_call_that_waits_to_try_again_ends_with_the_error_of_its_attempt() {
    let fresh = notes::open().await;
    let runs = Runs::default();
    let call = tries_again_in_an_hour(&*fresh, &runs);
    let shutdown = async {
        eventually("the first attempt", async || runs.count() == 1).await;
        fresh.shutdown(Duration::from_millis(50)).await
    };
    let (called, shutdown) = soon("both", async { tokio::join!(call, shutdown) }).await;
    assert!(matches!(called.unwrap_err(), Trouble::NotNow));
    assert_eq!(runs.count(), 1);
    assert!(shutdown.closed && shutdown.unfinished == 0, "{shutdown:?}");
    assert!(stored_outside(&fresh).await.is_empty());
}

#[transactional]
async fn note_with_a_long_hook(
    tx: &mut Tx<'_, Database>,
    stop: Stop,
    has_run: Arc<AtomicBool>,
) -> Result<(), Trouble> {
    tx.after_commit(async move {
        stop.pass().await;
        has_run.store(true, Ordering::SeqCst);
    });
    Ok(insert(&mut *tx, 1).await?)
}

#[tokio::test]
async fn a_shutdown_waits_for_hooks_also_for_those_whose_caller_went_away() {
    let fresh = notes::open().await;
    let (stop, has_run) = (Stop::new(), Arc::new(AtomicBool::new(false)));
    let call = note_with_a_long_hook(&*fresh, stop.clone(), Arc::clone(&has_run));
    tokio::select! {
        result = call => panic!("the hook waits: {result:?}"),
        () = stop.has_one() => {}
    }
    let shutdown = begin_shutdown(&fresh, LONG).await;
    assert!(!shutdown.is_finished());
    stop.let_one_on();
    let shutdown = soon("the shutdown", shutdown).await.unwrap();
    assert!(shutdown.is_complete(), "{shutdown:?}");
    assert!(has_run.load(Ordering::SeqCst));
}

#[tokio::test]
async fn hooks_that_have_not_ended_at_the_deadline_are_named_and_go_on() {
    let fresh = notes::open().await;
    let (stop, has_run) = (Stop::new(), Arc::new(AtomicBool::new(false)));
    let (db, at, flag) = (fresh.db.clone(), stop.clone(), Arc::clone(&has_run));
    let call = tokio::spawn(async move { note_with_a_long_hook(&db, at, flag).await });
    stop.has_one().await;
    let shutdown = fresh.shutdown(Duration::from_millis(50));
    let shutdown = soon("the shutdown", shutdown).await;
    assert_eq!(shutdown.unfinished_hooks, ["note_with_a_long_hook"]);
    assert_eq!(shutdown.finished, 0, "the call itself was over before");
    assert!(!shutdown.is_complete());
    stop.let_one_on();
    soon("the call", call).await.unwrap().unwrap();
    assert!(has_run.load(Ordering::SeqCst));
    assert_eq!(stored_outside(&fresh).await, [1]);
}

#[tokio::test]
async fn a_second_shutdown_waits_for_the_first_and_returns_the_same() {
    let fresh = notes::open().await;
    let stop = Stop::new();
    let (db, at) = (fresh.db.clone(), stop.clone());
    let running = tokio::spawn(async move { note_twice(&db, 1, &at).await });
    stop.has_one().await;
    let first = begin_shutdown(&fresh, LONG).await;
    // Its own time would be up at once.
    let mut second = Box::pin(fresh.shutdown(Duration::ZERO));
    assert!(poll_at_most(1, &mut second).await.is_none());
    stop.let_one_on();
    running.await.unwrap().unwrap();
    let second = soon("the second", second).await;
    assert_eq!(second, soon("the first", first).await.unwrap());
    assert!(second.is_complete(), "{second:?}");
    assert_eq!(second, fresh.shutdown(LONG).await, "and any later one");
    soon("close", fresh.close()).await;
}

#[tokio::test]
async fn a_shutdown_that_is_dropped_refuses_calls_and_leaves_those_that_run_to_themselves() {
    let fresh = notes::open().await;
    let stop = Stop::new();
    let (db, at) = (fresh.db.clone(), stop.clone());
    let running = tokio::spawn(async move { note_twice(&db, 1, &at).await });
    stop.has_one().await;
    let mut dropped = Box::pin(fresh.shutdown(Duration::from_millis(50)));
    assert!(poll_at_most(1, &mut dropped).await.is_none());
    drop(dropped);
    is_refused(note(&*fresh, 7).await.unwrap_err().database());
    assert!(!fresh.pool().is_closed());
    stop.let_one_on();
    soon("the call", running).await.unwrap().unwrap();
    let next = soon("the next shutdown", fresh.shutdown(LONG)).await;
    assert!(next.is_complete(), "{next:?}");
    assert_eq!(stored_outside(&fresh).await, [1, 2]);
}

#[tokio::test]
async fn a_shutdown_that_is_dropped_at_any_poll_is_carried_out_by_the_next() {
    for polls in 1.. {
        let fresh = notes::open().await;
        note(&*fresh, 1).await.unwrap();
        let stop = Stop::new();
        let (db, at) = (fresh.db.clone(), stop.clone());
        let running = tokio::spawn(async move { note_twice(&db, 2, &at).await });
        stop.has_one().await;
        let first = poll_at_most(polls, fresh.shutdown(Duration::ZERO)).await;
        let shutdown = soon("the next shutdown", fresh.shutdown(LONG)).await;
        assert_eq!(shutdown.rolled_back, ["note_twice"], "after {polls} polls");
        assert!(shutdown.closed && fresh.pool().is_closed());
        let error = soon("the call", running).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ShuttingDown, "{error}");
        assert_eq!(stored_outside(&fresh).await, [1]);
        if first.is_some() {
            break;
        }
    }
}

#[db_op(read_only)]
fn numbers(conn: &mut Conn<'_, Database>, last: i64) -> BoxStream<'_, Result<i64, Trouble>> {
    up_to(conn, last)
}

#[tokio::test]
async fn a_stream_that_is_read_at_the_deadline_ends_with_an_error_and_an_unread_one_is_counted() {
    let fresh = notes::open().await;
    let mut read = numbers(&*fresh, 1_000_000_000);
    assert_eq!(read.next().await.unwrap().unwrap(), 1);
    let reader = async {
        let mut last = Ok(1);
        while let Some(item) = read.next().await {
            last = item;
            tokio::task::yield_now().await;
        }
        last.unwrap_err()
    };
    let shutdown = soon("the shutdown", fresh.shutdown(Duration::from_millis(50)));
    let (error, shutdown) = tokio::join!(soon("the stream", reader), shutdown);
    assert_eq!(error.kind(), ErrorKind::ShuttingDown, "{error}");
    assert!(shutdown.closed && shutdown.unfinished == 0, "{shutdown:?}");

    let fresh = notes::open().await;
    let mut unread = numbers(&*fresh, 1_000_000_000);
    assert_eq!(unread.next().await.unwrap().unwrap(), 1);
    let begun = Instant::now();
    let shutdown = soon("the shutdown", fresh.shutdown(Duration::ZERO)).await;
    assert_eq!(
        (shutdown.unfinished, shutdown.closed),
        (1, false),
        "{shutdown:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(15), "{begun:?}");
    let last = soon("the rest", unread.next()).await.unwrap();
    assert_eq!(last.unwrap_err().kind(), ErrorKind::ShuttingDown);
    assert!(unread.next().await.is_none());
}

#[tokio::test]
async fn closing_a_handle_is_a_shutdown_within_its_close_timeout() {
    let fresh = notes::open_with(|builder| builder.close_timeout(Duration::from_millis(50))).await;
    let stop = Stop::new();
    let call = note_twice(&*fresh, 1, &stop);
    let close = async {
        stop.has_one().await;
        soon("close", fresh.close()).await;
    };
    let (called, ()) = tokio::join!(call, close);
    assert_eq!(called.unwrap_err().kind(), ErrorKind::ShuttingDown);
    assert_eq!(fresh.shutdown(LONG).await.rolled_back, ["note_twice"]);
    assert!(stored_outside(&fresh).await.is_empty());
}

/// Calls note numbers one after the other until the handle refuses them. Returns those that were
/// acknowledged, and those of which nothing is known.
async fn note_until_refused(db: Db<Database>, first: i64) -> (Vec<i64>, Vec<i64>) {
    let (mut acknowledged, mut unknown) = (Vec::new(), Vec::new());
    for id in first.. {
        match note(&db, id).await {
            Ok(()) => acknowledged.push(id),
            Err(error) => {
                let error = error.database();
                if error.outcome() == Some(Outcome::Unknown) {
                    unknown.push(id);
                }
                if error.kind() == ErrorKind::ShuttingDown {
                    break;
                }
            }
        }
    }
    (acknowledged, unknown)
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_a_shutdown_loses_nothing_that_was_acknowledged_and_stores_nothing_else() {
    for time in [LONG, Duration::from_millis(20), Duration::ZERO] {
        let fresh = notes::open_with(|builder| builder.max_connections(4)).await;
        let callers = (0..16).map(|n| note_until_refused(fresh.db.clone(), n * 1_000_000));
        let callers: Vec<_> = callers.map(tokio::spawn).collect();
        eventually("some calls", async || {
            notes::stored(&fresh).await.len() > 20
        })
        .await;
        let shutdown = soon("the shutdown", fresh.shutdown(time)).await;
        assert!(shutdown.closed && shutdown.unfinished == 0, "{shutdown:?}");
        assert!(time < LONG || shutdown.is_complete(), "{shutdown:?}");
        let (mut acknowledged, mut unknown) = (Vec::new(), Vec::new());
        for caller in callers {
            let (more, and_these) = soon("a caller", caller).await.unwrap();
            acknowledged.extend(more);
            unknown.extend(and_these);
        }
        let stored = stored_outside(&fresh).await;
        for id in &acknowledged {
            assert!(stored.binary_search(id).is_ok(), "{id} is lost");
        }
        for id in &stored {
            let told = acknowledged.contains(id) || unknown.contains(id);
            assert!(told, "{id} is stored, and its caller was told otherwise");
        }
    }
}
