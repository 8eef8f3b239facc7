//! `chunk = ..`: one transaction for each so many items, and calls that go on where others have stopped.

use std::collections::HashMap;
use std::future::ready;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use dbop::{AnyDb, BulkInsert, ChunkError, Committed, Db, ErrorKind, Tx, transactional};
use dbop_tests::Fresh;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use sqlx::Executor;

use super::Database;
use super::notes::{Runs, Trouble, note_op, open_narrow, open_with, soon, stored};

/// Stores numbers in a table that has room for the same number twice, so that a chunk that was committed
/// twice shows.
async fn store(tx: &mut Tx<'_, Database>, numbers: &[i64]) -> dbop::Result<()> {
    let insert = BulkInsert::into("numbers").column("n", numbers);
    insert.execute(&mut *tx).await.map(drop)
}

async fn open_numbers() -> Fresh<Database> {
    let fresh = open_with(|builder| builder.max_connections(8)).await;
    let schema = "CREATE TABLE numbers (n BIGINT NOT NULL)";
    fresh.pool().execute(schema).await.expect("the schema");
    fresh
}

async fn numbers(fresh: &Fresh<Database>) -> Vec<i64> {
    let read = sqlx::query_scalar("SELECT n FROM numbers ORDER BY n");
    read.fetch_all(fresh.pool()).await.expect("the numbers")
}

fn up_to(most: i64) -> Vec<i64> {
    (1..=most).collect()
}

/// Refuses the chunk that has this number.
#[transactional(chunk = 10)]
async fn store_until(
    tx: &mut Tx<'_, Database>,
    items: &[i64],
    refused: i64,
) -> Result<(), Trouble> {
    store(&mut *tx, items).await?;
    match items.contains(&refused) {
        true => Err(Trouble::Refused),
        false => Ok(()),
    }
}

#[tokio::test]
async fn each_chunk_is_a_transaction_and_the_result_says_how_many_there_were() {
    let fresh = open_numbers().await;
    let before = fresh.totals().calls;
    let committed: Committed = store_until(&*fresh, &up_to(25), 0).await.unwrap();
    assert_eq!((committed.items, committed.chunks), (25, 3));
    assert_eq!((committed.skipped, committed.total), (0, Some(25)));
    assert_eq!(numbers(&fresh).await, up_to(25));
    assert_eq!(fresh.totals().calls - before, 3);

    let none = store_until(&*fresh, &[], 0).await.unwrap();
    assert_eq!((none.items, none.chunks), (0, 0));
}

#[tokio::test]
async fn slices_vectors_arrays_and_streams_can_be_passed() {
    let fresh = open_numbers().await;
    let vector = up_to(2);
    store_until(&*fresh, &vector, 0).await.unwrap();
    store_until(&*fresh, &vector[..1], 0).await.unwrap();
    store_until(fresh.pool(), &[1, 2], 0).await.unwrap();
    store_until(&*fresh, stream::iter(1..=15), 0).await.unwrap();
    let fallible = stream::iter(1..=15).map(Ok::<_, sqlx::Error>);
    let committed = store_until(&*fresh, fallible, 0).await.unwrap();
    assert_eq!((committed.items, committed.total), (15, Some(15)));
    let filtered = stream::iter(1..=15).filter(|n| ready(n % 2 == 0));
    let committed = store_until(&*fresh, filtered, 0).await.unwrap();
    assert_eq!((committed.items, committed.total), (7, None));
    assert_eq!(numbers(&fresh).await.len(), 5 + 30 + 7);
}

#[tokio::test]
async fn a_chunk_that_fails_leaves_those_before_it_and_the_error_says_how_many() {
    let fresh = open_numbers().await;
    let result = store_until(&*fresh, &up_to(40), 25).await;
    let ChunkError {
        committed, error, ..
    } = result.unwrap_err();
    assert!(matches!(error, Trouble::Refused));
    assert_eq!((committed.items, committed.chunks), (20, 2));
    assert_eq!(numbers(&fresh).await, up_to(20));
}

/// A caller with another error type.
async fn store_for_others(db: &Db<Database>) -> anyhow::Result<()> {
    let stored = async { Ok::<_, Trouble>(store_until(db, &up_to(15), 12).await?) };
    Ok(stored.await.map(drop)?)
}

#[tokio::test]
async fn the_error_inside_is_what_the_question_mark_gives() {
    let fresh = open_numbers().await;
    let error = store_for_others(&fresh).await.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(Trouble::Refused)));
}

#[tokio::test]
async fn a_stream_that_fails_ends_the_call_and_the_chunk_it_was_read_for() {
    let fresh = open_numbers().await;
    let items = stream::iter(1..=40).map(|n| match n {
        25 => Err(Trouble::NotNow),
        n => Ok(n),
    });
    let failed = store_until(&*fresh, items, 0).await.unwrap_err();
    assert!(matches!(failed.error, Trouble::NotNow));
    assert_eq!(failed.committed.items, 20);
    assert_eq!(numbers(&fresh).await, up_to(20));
}

/// Fails in the first attempt of each chunk.
#[transactional(chunk = 4)]
async fn store_at_the_second_attempt(
    tx: &mut Tx<'_, Database>,
    items: &[i64],
    label: String,
    attempts: &Mutex<HashMap<i64, u32>>,
) -> Result<(), Trouble> {
    assert_eq!(label, "kept for each attempt and each chunk");
    store(&mut *tx, items).await?;
    let attempt = {
        let mut attempts = attempts.lock().unwrap();
        let attempt = attempts.entry(items[0]).or_default();
        *attempt += 1;
        *attempt
    };
    match attempt {
        1 => Err(Trouble::NotNow),
        _ => Ok(()),
    }
}

#[tokio::test]
async fn a_chunk_is_retried_by_itself_with_its_own_items_and_arguments() {
    let fresh = open_numbers().await;
    let (label, attempts) = ("kept for each attempt and each chunk", Mutex::default());
    let items = up_to(10);
    let stored = store_at_the_second_attempt(&*fresh, &items, label.to_owned(), &attempts);
    assert_eq!(stored.await.unwrap().chunks, 3);
    assert_eq!(numbers(&fresh).await, up_to(10));
    let attempts = attempts.into_inner().unwrap();
    assert_eq!(attempts, HashMap::from([(1, 2), (5, 2), (9, 2)]));
}

/// An item that is counted while it is in memory.
struct Counted {
    n: i64,
    alive: &'static AtomicI64,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, SeqCst);
    }
}

static ALIVE: AtomicI64 = AtomicI64::new(0);
static MOST_ALIVE: AtomicI64 = AtomicI64::new(0);
static SUM: AtomicI64 = AtomicI64::new(0);

#[transactional(chunk = 20_000)]
async fn sum(tx: &mut Tx<'_, Database>, items: &[Counted]) -> Result<(), Trouble> {
    let chunk: i64 = items.iter().map(|item| item.n).sum();
    store(&mut *tx, &[chunk]).await?;
    SUM.fetch_add(chunk, SeqCst);
    Ok(())
}

#[tokio::test]
async fn of_a_million_items_one_chunk_at_a_time_is_in_memory() {
    let fresh = open_numbers().await;
    let items = stream::iter(1..=1_000_000_i64).map(|n| {
        MOST_ALIVE.fetch_max(ALIVE.fetch_add(1, SeqCst) + 1, SeqCst);
        Counted { n, alive: &ALIVE }
    });
    let committed = sum(&*fresh, items).await.unwrap();
    assert_eq!((committed.items, committed.chunks), (1_000_000, 50));
    assert_eq!(SUM.load(SeqCst), 500_000_500_000);
    assert_eq!(MOST_ALIVE.load(SeqCst), 20_000);
    assert_eq!(ALIVE.load(SeqCst), 0);
}

/// Goes on under its key. Refuses the chunk that has the number `refused`.
#[transactional(chunk = 10, name = "resumed", resume = key, progress = |done| seen.lock().unwrap().push(done.items))]
async fn store_resumed(
    tx: &mut Tx<'_, Database>,
    key: &str,
    #[items] numbers: &[i64],
    others: &[u8],
    #[once(skip)] refused: i64,
    seen: &Mutex<Vec<u64>>,
) -> Result<(), Trouble> {
    assert_eq!(others, b"others");
    store(&mut *tx, numbers).await?;
    match numbers.contains(&refused) {
        true => Err(Trouble::Refused),
        false => Ok(()),
    }
}

#[tokio::test]
async fn a_call_with_a_key_goes_on_behind_the_last_item_that_is_committed() {
    let fresh = open_numbers().await;
    let seen = Mutex::default();
    let failed = store_resumed(&*fresh, "a", &up_to(45), b"others", 33, &seen).await;
    assert_eq!(failed.unwrap_err().committed.items, 30);
    assert_eq!(*seen.lock().unwrap(), [10, 20, 30]);

    let items = stream::iter(up_to(45));
    let committed = store_resumed(&*fresh, "a", items, b"others", 0, &seen).await;
    let committed = committed.unwrap();
    assert_eq!((committed.items, committed.chunks), (45, 5));
    assert_eq!((committed.skipped, committed.total), (30, Some(45)));
    assert_eq!(*seen.lock().unwrap(), [10, 20, 30, 30, 40, 45]);
    assert_eq!(numbers(&fresh).await, up_to(45));

    // All of it is committed, and then there is more of it.
    let again = store_resumed(&*fresh, "a", &up_to(45), b"others", 0, &seen).await;
    assert_eq!(again.unwrap().skipped, 45);
    let more = store_resumed(&*fresh, "a", &up_to(48), b"others", 0, &seen).await;
    let more = more.unwrap();
    assert_eq!((more.items, more.skipped), (48, 45));
    assert_eq!(numbers(&fresh).await, up_to(48));

    let other = store_resumed(&*fresh, "b", &[7], b"others", 0, &seen).await;
    assert_eq!(other.unwrap().skipped, 0, "each key has its own position");
}

/// A replica lacks what was just committed.
#[tokio::test]
async fn a_call_goes_on_behind_what_a_replica_does_not_know_yet() {
    let (fresh, replica) = (open_numbers().await, open_numbers().await);
    let db = Db::from_pools(fresh.pool().clone(), replica.pool().clone());
    let seen = Mutex::default();
    let failed = store_resumed(&db, "a", &up_to(40), b"others", 33, &seen).await;
    assert_eq!(failed.unwrap_err().committed.items, 30);
    let again = store_resumed(&db, "a", &up_to(40), b"others", 0, &seen).await;
    let again = again.unwrap();
    assert_eq!((again.items, again.skipped), (40, 30));
    assert_eq!(numbers(&fresh).await, up_to(40));
}

/// A current-thread runtime runs nothing else while a task does not wait.
#[tokio::test]
async fn others_run_while_a_call_skips_what_is_committed() {
    let fresh = open_numbers().await;
    let seen = Mutex::default();
    let items = up_to(3_000);
    let all = store_resumed(&*fresh, "a", &items, b"others", 0, &seen).await;
    assert_eq!(all.unwrap().items, 3_000);
    let turns = AtomicI64::new(0);
    let others = async {
        loop {
            turns.fetch_add(1, SeqCst);
            tokio::task::yield_now().await;
        }
    };
    let again = store_resumed(&*fresh, "a", &items, b"others", 0, &seen);
    tokio::select! {
        again = again => assert_eq!(again.unwrap().skipped, 3_000),
        () = others => unreachable!("the others never end"),
    }
    let turns = turns.load(SeqCst);
    assert!(turns >= 300, "{turns} turns beside 300 chunks");
}

#[transactional(chunk = 7, name = "resumed", resume = key, progress = |done| assert!(done.items > 0))]
async fn store_with_another_size(
    tx: &mut Tx<'_, Database>,
    key: &str,
    items: &[i64],
    others: &[u8; 6],
) -> Result<(), Trouble> {
    assert_eq!(others, b"others");
    Ok(store(&mut *tx, items).await?)
}

#[tokio::test]
async fn the_size_of_a_chunk_may_change_before_a_call_goes_on() {
    let fresh = open_numbers().await;
    let seen = Mutex::default();
    let failed = store_resumed(&*fresh, "a", &up_to(40), b"others", 33, &seen).await;
    assert_eq!(failed.unwrap_err().committed.items, 30);
    let committed = store_with_another_size(&*fresh, "a", &up_to(40), b"others").await;
    assert_eq!(committed.unwrap().chunks, 5);
    assert_eq!(numbers(&fresh).await, up_to(40));
}

#[tokio::test]
async fn other_items_or_arguments_under_a_key_are_an_error_and_commit_nothing() {
    let fresh = open_numbers().await;
    let seen = Mutex::default();
    let failed = store_resumed(&*fresh, "a", &up_to(40), b"others", 33, &seen).await;
    assert!(failed.is_err());
    let mut changed = up_to(40);
    changed[4] = 500;
    for (items, words) in [
        (changed, "not those that were passed first"),
        (
            up_to(29),
            "30 items are committed under its key, and only 29",
        ),
        (vec![], "only 0"),
    ] {
        let failed = store_resumed(&*fresh, "a", &items, b"others", 0, &seen).await;
        let ChunkError {
            committed, error, ..
        } = failed.unwrap_err();
        assert_eq!(error.database().kind(), ErrorKind::KeyReused);
        assert_eq!(error.database().operation(), Some("resumed"));
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(committed.items, 30);
        assert!(!error.to_string().contains("500"), "no value is shown");
    }
    let failed = store_with_another_size(&*fresh, "a", &up_to(40), b"OTHERS").await;
    assert_eq!(
        failed.unwrap_err().error.database().kind(),
        ErrorKind::KeyReused
    );
    assert_eq!(numbers(&fresh).await, up_to(30));
}

#[transactional(name = "resumed", once = key)]
async fn once_of_the_same_name(tx: &mut Tx<'_, Database>, key: &str) -> Result<i64, Trouble> {
    store(&mut *tx, &[1]).await?;
    Ok(1)
}

#[tokio::test]
async fn a_key_of_a_once_operation_is_no_position() {
    let fresh = open_numbers().await;
    once_of_the_same_name(&*fresh, "a").await.unwrap();
    let failed = store_with_another_size(&*fresh, "a", &up_to(3), b"others").await;
    let error = failed.unwrap_err().error;
    assert_eq!(error.database().kind(), ErrorKind::KeyReused);
    assert_eq!(numbers(&fresh).await, [1]);
    let seen = Mutex::default();
    let stored = store_resumed(&*fresh, "b", &up_to(3), b"others", 0, &seen).await;
    assert!(stored.is_ok());
    let error = once_of_the_same_name(&*fresh, "b").await.unwrap_err();
    assert_eq!(error.database().kind(), ErrorKind::KeyReused);
}

#[tokio::test]
async fn of_calls_with_one_key_at_the_same_time_each_item_is_committed_once() {
    let fresh = open_numbers().await;
    let items = up_to(300);
    let until_done = async || loop {
        let seen = Mutex::default();
        match store_resumed(&*fresh, "a", &items, b"others", 0, &seen).await {
            Ok(committed) => return committed,
            Err(failed) => {
                let kind = failed.error.database().kind();
                assert_eq!(kind, ErrorKind::KeyInUse, "{failed}");
            }
        }
    };
    let all = soon("the calls", join_all((0..4).map(|_| until_done()))).await;
    assert!(all.iter().all(|committed| committed.items == 300));
    assert_eq!(numbers(&fresh).await, items);
}

struct Store {
    db: AnyDb,
}

impl Store {
    #[transactional(on = [Sqlite, Postgres], chunk = 3, db = self.db)]
    async fn store_on_any(
        &self,
        tx: &mut Tx<'_, DB>,
        items: &[i64],
        plus: i64,
    ) -> dbop::Result<()> {
        let items: Vec<_> = items.iter().map(|item| item + plus).collect();
        let insert = BulkInsert::into("numbers").column("n", items);
        insert.execute(&mut *tx).await.map(drop)
    }
}

#[transactional(on = [Sqlite, Postgres], chunk = 3)]
async fn store_anywhere<T: Into<i64> + Copy + Send + Sync>(
    tx: &mut Tx<'_, DB>,
    items: &[T],
) -> Result<(), Trouble> {
    let items = items.iter().map(|item| (*item).into());
    let insert = BulkInsert::into("numbers").column("n", items);
    insert.execute(&mut *tx).await?;
    Ok(())
}

#[tokio::test]
async fn one_function_in_chunks_runs_on_either_database() {
    let fresh = open_numbers().await;
    let store = Store {
        db: fresh.db.clone().into(),
    };
    // The future can be spawned.
    let (items, store) = (up_to(5), std::sync::Arc::new(store));
    let task = tokio::spawn(async move { store.store_on_any(&items, 10).await.map(|_| store) });
    let store = task.await.unwrap().unwrap();
    store_anywhere(&store.db, &[1_i32, 2, 3, 4]).await.unwrap();
    store_anywhere(&*fresh, stream::iter([5_i64]))
        .await
        .unwrap();
    assert_eq!(numbers(&fresh).await, [1, 2, 3, 4, 5, 11, 12, 13, 14, 15]);
}

/// Panics at a number.
#[transactional(chunk = 10, name = "panicking", resume = 1)]
async fn store_and_panic(
    tx: &mut Tx<'_, Database>,
    items: &[i64],
    #[once(skip)] runs: &Runs,
) -> dbop::Result<()> {
    store(&mut *tx, items).await?;
    if runs.next() == 2 {
        panic!("in the second chunk");
    }
    Ok(())
}

#[tokio::test]
async fn a_panic_rolls_its_chunk_back_and_the_next_call_goes_on() {
    let fresh = open_numbers().await;
    let runs = std::sync::Arc::new(Runs::default());
    let (db, counted) = (fresh.db.clone(), std::sync::Arc::clone(&runs));
    let task = tokio::spawn(async move { store_and_panic(&db, &up_to(25), &counted).await });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(numbers(&fresh).await, up_to(10));
    let committed = store_and_panic(&*fresh, &up_to(25), &runs).await.unwrap();
    assert_eq!((committed.skipped, committed.items), (10, 25));
    assert_eq!(numbers(&fresh).await, up_to(25));
}

#[tokio::test]
async fn between_two_chunks_no_connection_is_held() {
    let fresh = open_narrow().await;
    let schema = "CREATE TABLE numbers (n BIGINT NOT NULL)";
    fresh.pool().execute(schema).await.expect("the schema");
    let db = fresh.db.clone();
    let items = stream::iter(1..=30).then(move |n| {
        let db = db.clone();
        // With one connection, this would wait for that of the chunk.
        async move { note_op(&db, n).await.map(|()| n) }
    });
    let committed = soon("the call", store_until(&*fresh, Box::pin(items), 0)).await;
    assert_eq!(committed.unwrap().items, 30);
    assert_eq!(stored(&fresh).await, up_to(30));
}
