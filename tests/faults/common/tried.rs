//! What sqlx does by itself, and what a dbop call does instead.

use std::cell::Cell;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::time::Duration;

use dbop::{Db, Outcome, Tx, transactional};
pub(crate) use dbop_tests::Trouble;
use dbop_tests::{Fresh, eventually, poll_at_most};
use sqlx::{Connection, Executor};
use tokio::time::timeout;

use super::super::{Between, between};
use super::{Database, fresh_with, outside};

const NEVER: Duration = Duration::from_secs(20);

/// A database that is reached in such a way that an answer is never there at once.
pub(crate) struct Notes {
    fresh: Fresh<Database>,
    _between: Between,
}

impl Deref for Notes {
    type Target = Fresh<Database>;

    fn deref(&self) -> &Fresh<Database> {
        &self.fresh
    }
}

/// Opens a database with a table of numbers, and one connection that writes.
pub(crate) async fn open() -> Notes {
    let mut fresh = fresh_with(|builder| builder.max_connections(1)).await;
    let schema = "CREATE TABLE notes (id BIGINT PRIMARY KEY)";
    fresh.pool().execute(schema).await.expect("the schema");
    let (url, between) = between(&fresh.url).await;
    let db = Db::builder().url(&url).max_connections(1).connect().await;
    fresh.db.close().await;
    fresh.db = db.expect("the same database");
    fresh.url = url;
    Notes {
        fresh,
        _between: between,
    }
}

pub(crate) async fn insert<'e>(
    executor: impl Executor<'e, Database = Database>,
    id: i64,
) -> sqlx::Result<()> {
    let insert = sqlx::query("INSERT INTO notes VALUES ($1)").bind(id);
    insert.execute(executor).await.map(drop)
}

/// Returns what another session sees.
pub(crate) async fn stored(fresh: &Fresh<Database>) -> Vec<i64> {
    let mut other = outside(fresh).await;
    let ids = sqlx::query_scalar("SELECT id FROM notes ORDER BY id");
    let ids = ids.fetch_all(&mut other).await.expect("the notes");
    other.close().await.expect("a clean end");
    ids
}

#[transactional]
pub(crate) async fn note(tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
    Ok(insert(&mut *tx, id).await?)
}

// --- a transaction inside a transaction -----------------------------------------------------------

#[tokio::test]
async fn sqlx_alone_loses_the_outer_transaction_when_an_inner_begin_fails() {
    let db = open().await;
    let mut conn = outside(&db).await;
    let mut outer = conn.begin().await.unwrap();
    insert(&mut *outer, 1).await.unwrap();
    // A statement of one's own is refused here with an error that says so.
    let inner = Connection::begin_with(&mut *outer, "BEGIN").await;
    assert!(matches!(inner, Err(sqlx::Error::InvalidSavePointStatement)));
    drop(inner);
    insert(&mut *outer, 2).await.unwrap();
    outer.commit().await.unwrap();
    assert_eq!(stored(&db).await, [2], "what was written before is gone");
}

#[tokio::test]
async fn sqlx_alone_loses_the_outer_transaction_when_an_inner_begin_is_dropped() {
    let db = open().await;
    // Often the answer is there before the future can be dropped.
    for id in (1..=200).step_by(2) {
        let mut conn = outside(&db).await;
        let mut outer = conn.begin().await.unwrap();
        insert(&mut *outer, id).await.unwrap();
        drop(poll_at_most(1, sqlx::Acquire::begin(&mut outer)).await);
        let second = insert(&mut *outer, id + 1).await;
        let end = outer.commit().await;
        let lost = !stored(&db).await.contains(&id);
        if second.is_ok() && end.is_ok() && lost {
            return;
        }
    }
    panic!("the reason for our own savepoints is gone");
}

#[transactional]
async fn drops_a_savepoint(
    tx: &mut Tx<'_, Database>,
    ids: [i64; 3],
    polls: u32,
    dropped: &Cell<u32>,
) -> Result<(), Trouble> {
    insert(&mut *tx, ids[0]).await?;
    let inside = async |sp: &mut Tx<'_, Database>| -> Result<(), Trouble> {
        Ok(insert(&mut *sp, ids[1]).await?)
    };
    if poll_at_most(polls, tx.savepoint(inside)).await.is_none() {
        dropped.set(dropped.get() + 1);
    }
    #[dbop::allow(
        swallowed_error,
        reason = "accepted only where the transaction is whole"
    )]
    drop(insert(&mut *tx, ids[2]).await);
    Ok(())
}

#[tokio::test]
async fn a_savepoint_dropped_at_any_poll_loses_nothing_in_silence() {
    let db = open().await;
    let dropped = Cell::new(0);
    // How far the body gets in a fixed number of polls differs from round to round. On a busy machine, the
    // driver's thread may have answered each time before the test looks.
    let rounds = (0..3_000).take_while(|round| *round < 30 || dropped.get() == 0);
    for round in rounds {
        let (first, polls) = (round * 10, u32::try_from(round % 10 + 1).unwrap());
        let ids = [first, first + 1, first + 2];
        let call = drops_a_savepoint(&db.db, ids, polls, &dropped);
        let result = timeout(NEVER, call).await.expect("the call ends");
        let mut stored = stored(&db).await;
        stored.retain(|id| ids.contains(id));
        match result {
            Ok(()) => assert_eq!(stored, ids, "{polls} polls"),
            Err(error) => {
                assert_eq!(error.database().outcome().unwrap(), Outcome::RolledBack);
                assert!(stored.is_empty(), "{polls} polls: {stored:?}");
            }
        }
    }
    assert!(dropped.get() > 0, "the future was never dropped");
}

// --- callers that go away -------------------------------------------------------------------------

/// Drops a `begin` at this poll. Returns whether other sessions then see a write on the pool;
/// `None` if the `begin` had already ended.
pub(crate) async fn next_write_is_seen(
    polls: u32,
    begin: impl AsyncFn(&Fresh<Database>, u32) -> bool,
) -> Option<bool> {
    let db = open().await;
    let over = begin(&db, polls).await;
    let next = timeout(NEVER, insert(db.pool(), 7)).await;
    let seen = next.expect("a connection").is_ok() && stored(&db).await.contains(&7);
    (!over).then_some(seen)
}

#[tokio::test]
async fn a_transaction_dropped_while_it_begins_is_not_handed_to_the_next_borrower() {
    let call =
        async |db: &Fresh<Database>, polls| poll_at_most(polls, note(db.pool(), 1)).await.is_some();
    let mut dropped = 0;
    for round in 0..16 {
        let polls = round % 8 + 1;
        if let Some(seen) = next_write_is_seen(polls, call).await {
            assert!(
                seen,
                "{polls} polls: the write is in somebody else's transaction"
            );
            dropped += 1;
        }
    }
    assert!(dropped > 0, "the future was never dropped");
}

/// After the body nothing is left but `COMMIT`, so that is what is dropped.
#[transactional]
async fn note_and_tell(
    tx: &mut Tx<'_, Database>,
    id: i64,
    done: &Cell<bool>,
    hooks: &Arc<AtomicI64>,
) -> Result<(), Trouble> {
    insert(&mut *tx, id).await?;
    let hooks = Arc::clone(hooks);
    tx.after_commit(async move {
        hooks.fetch_add(1, SeqCst);
    });
    done.set(true);
    Ok(())
}

/// Polls a call until its body is done, which is the first poll of its `COMMIT`.
async fn poll_into_commit<F: Future>(mut call: Pin<&mut F>, body_is_done: impl Fn() -> bool) {
    let first_poll_of_commit = std::future::poll_fn(|cx| {
        let over = call.as_mut().poll(cx).is_ready();
        match over || body_is_done() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    });
    timeout(NEVER, first_poll_of_commit)
        .await
        .expect("the poll returns");
}

#[transactional]
async fn note_and_tell_all(
    tx: &mut Tx<'_, Database>,
    id: i64,
    done: &AtomicBool,
    hooks: &Arc<AtomicI64>,
) -> Result<(), Trouble> {
    insert(&mut *tx, id).await?;
    let hooks = Arc::clone(hooks);
    tx.after_commit(async move {
        // Hooks may have to wait, too.
        tokio::time::sleep(Duration::from_millis(1)).await;
        hooks.fetch_add(1, SeqCst);
    });
    done.store(true, SeqCst);
    Ok(())
}

#[tokio::test]
async fn a_commit_dropped_on_a_thread_without_a_runtime_commits_and_its_hook_runs() {
    const ROUNDS: i64 = 50;
    let db = open().await;
    let hooks = Arc::<AtomicI64>::default();
    for id in 1..=ROUNDS {
        let done = Arc::new(AtomicBool::new(false));
        let (handle, told, hooks) = (db.db.clone(), Arc::clone(&done), Arc::clone(&hooks));
        let mut call = Box::pin(async move { note_and_tell_all(&handle, id, &told, &hooks).await });
        poll_into_commit(call.as_mut(), || done.load(SeqCst)).await;
        let dropped = std::thread::spawn(move || drop(call));
        dropped.join().expect("no panic");
    }
    let all_hooks = async || hooks.load(SeqCst) == ROUNDS;
    eventually("the hooks of all", all_hooks).await;
    let all: Vec<i64> = (1..=ROUNDS).collect();
    assert_eq!(stored(&db).await, all);
}

#[tokio::test]
async fn a_commit_dropped_after_its_first_poll_commits_every_time_and_its_hook_runs() {
    const ROUNDS: i64 = 50;
    let db = open().await;
    let hooks = Arc::default();
    for id in 1..=ROUNDS {
        let done = Cell::new(false);
        let mut call = Box::pin(note_and_tell(&db.db, id, &done, &hooks));
        poll_into_commit(call.as_mut(), || done.get()).await;
        drop(call);
    }
    let all_hooks = async || hooks.load(SeqCst) == ROUNDS;
    eventually("the hooks of all", all_hooks).await;
    let all: Vec<i64> = (1..=ROUNDS).collect();
    assert_eq!(stored(&db).await, all);
}
