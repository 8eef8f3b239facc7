//! Operations that return streams.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use dbop::{Category, Conn, ErrorKind, OperationMetrics, Outcome, Tx, db_op, transactional};
use dbop_tests::trace::Trace;
use futures_util::future::FutureExt;
use futures_util::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};
use sqlx::Executor;
use tokio::time::sleep;

use super::super::ENDLESS;
use super::notes::{self, Runs, Trouble, insert, soon, stored};
use super::{Database, outside};

type Item = Result<i64, Trouble>;

/// Returns the numbers from 1 to `last`, as the database makes them.
pub(crate) fn up_to<'e>(
    executor: impl Executor<'e, Database = Database> + 'e,
    last: i64,
) -> BoxStream<'e, Item> {
    let numbers = "WITH RECURSIVE n(i) AS \
        (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT i FROM n";
    let numbers = sqlx::query_scalar(numbers).bind(last).fetch(executor);
    numbers
        .map_err(|error| Trouble::Database(error.into()))
        .boxed()
}

#[db_op(read_only)]
fn numbers(conn: &mut Conn<'_, Database>, last: i64) -> BoxStream<'_, Item> {
    up_to(conn, last)
}

/// Returns the counts of the operation of this name.
fn counts(name: &str) -> Option<OperationMetrics> {
    dbop::metrics().into_iter().find(|op| op.name == name)
}

/// Fails if the handle's only session is not back soon.
async fn session_is_back(db: &dbop::Db<Database>) {
    let next: Vec<_> = soon("the next call", numbers(db, 2).try_collect())
        .await
        .unwrap();
    assert_eq!(next, [1, 2]);
}

#[tokio::test]
async fn all_items_come_in_order_and_the_session_is_back_at_their_end() {
    let db = notes::open_narrow().await;
    let mut stream = numbers(&*db, 100_000);
    for expected in 1..=100_000 {
        assert_eq!(stream.try_next().await.unwrap(), Some(expected));
    }
    assert_eq!(stream.try_next().await.unwrap(), None);
    session_is_back(&db).await;
    assert!(stream.next().await.is_none(), "a stream stays at its end");
}

#[tokio::test]
async fn a_stream_holds_one_item_however_many_there_are() {
    static ALIVE: AtomicUsize = AtomicUsize::new(0);

    #[derive(Debug)]
    struct Counted;

    impl Counted {
        fn new() -> Self {
            ALIVE.fetch_add(1, SeqCst);
            Self
        }
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            ALIVE.fetch_sub(1, SeqCst);
        }
    }

    #[db_op(read_only)]
    fn counted(
        conn: &mut Conn<'_, Database>,
        last: i64,
    ) -> impl Stream<Item = Result<Counted, Trouble>> + Send + '_ {
        up_to(conn, last).map_ok(|_| Counted::new())
    }

    let db = notes::open_narrow().await;
    let (mut items, mut most) = (0, 0);
    let mut stream = counted(&*db, 100_000);
    while let Some(item) = stream.try_next().await.unwrap() {
        (items, most) = (items + 1, most.max(ALIVE.load(SeqCst)));
        drop(item);
    }
    assert_eq!((items, most), (100_000, 1));
}

/// Fails its first run at once, and the others after these many items.
#[db_op(read_only)]
fn stumbles<'c>(
    conn: &'c mut Conn<'_, Database>,
    runs: &'c Runs,
    items: i64,
) -> BoxStream<'c, Item> {
    let fails = stream::once(async { Err(Trouble::NotNow) });
    match runs.next() {
        1 => fails.boxed(),
        _ => up_to(conn, items).chain(fails).boxed(),
    }
}

#[tokio::test]
async fn a_failure_before_the_first_item_is_retried_and_none_after_it() {
    let (db, runs) = (notes::open_narrow().await, Runs::default());
    let mut stream = stumbles(&*db, &runs, 2);
    assert_eq!(stream.next().await.unwrap().unwrap(), 1);
    assert_eq!(stream.next().await.unwrap().unwrap(), 2);
    assert!(matches!(stream.next().await, Some(Err(Trouble::NotNow))));
    assert!(stream.next().await.is_none(), "an error is the last item");
    assert_eq!(runs.count(), 2);
    session_is_back(&db).await;
}

#[tokio::test]
async fn attempts_before_the_first_item_are_limited_as_for_any_call() {
    #[db_op(read_only, retry(attempts = 3))]
    fn never_has_an_item<'c>(
        _conn: &'c mut Conn<'_, Database>,
        runs: &'c Runs,
    ) -> BoxStream<'c, Item> {
        runs.next();
        stream::once(async { Err(Trouble::NotNow) }).boxed()
    }
    let (db, runs) = (notes::open_narrow().await, Runs::default());
    let mut stream = never_has_an_item(&*db, &runs);
    assert!(matches!(stream.next().await, Some(Err(Trouble::NotNow))));
    assert!(stream.next().await.is_none());
    assert_eq!(runs.count(), 3);
}

/// Yields this many numbers, and then asks for a table that does not exist.
#[db_op(read_only)]
fn asks_for_nothing<'c>(
    conn: &'c mut Conn<'_, Database>,
    runs: &'c Runs,
    items: i64,
) -> impl Stream<Item = Item> + Send + 'c {
    runs.next();
    stream::try_unfold((conn, 1), move |(conn, n)| async move {
        let sql = match n > items {
            true => "SELECT $1 FROM nothing_of_this_name",
            false => "SELECT CAST($1 AS BIGINT)",
        };
        let found = sqlx::query_scalar(sql)
            .bind(n)
            .fetch_one(&mut *conn)
            .await?;
        Ok(Some((found, (conn, n + 1))))
    })
}

#[tokio::test]
async fn an_error_says_what_the_error_of_an_async_function_says() {
    let db = notes::open_narrow().await;
    for items in [0, 2] {
        let runs = Runs::default();
        let mut stream = asks_for_nothing(&*db, &runs, items);
        for expected in 1..=items {
            assert_eq!(stream.next().await.unwrap().unwrap(), expected);
        }
        let error = stream.next().await.unwrap().unwrap_err();
        let error = error.database();
        assert_eq!(
            (error.category(), error.kind()),
            (Category::Programming, ErrorKind::UndefinedTable)
        );
        assert_eq!(error.outcome(), Some(Outcome::RolledBack));
        assert_eq!(
            (error.attempts(), error.operation()),
            (1, Some("asks_for_nothing"))
        );
        assert!(stream.next().await.is_none());
        assert_eq!(runs.count(), 1);
        session_is_back(&db).await;
    }
}

#[tokio::test]
async fn a_stream_that_is_dropped_gives_its_session_back_wherever_it_was() {
    #[db_op(read_only)]
    fn dropped<'c>(conn: &'c mut Conn<'_, Database>, runs: &'c Runs) -> BoxStream<'c, Item> {
        runs.next();
        up_to(conn, 100_000)
    }
    let (db, runs) = (notes::open_narrow().await, Runs::default());

    drop(dropped(&*db, &runs));
    assert_eq!(
        (runs.count(), counts("dropped")),
        (0, None),
        "nothing has begun"
    );
    session_is_back(&db).await;

    let mut stream = dropped(&*db, &runs);
    assert!(
        stream.next().now_or_never().is_none(),
        "the first poll asks for a session"
    );
    drop(stream);
    session_is_back(&db).await;

    for read in [1, 1_000] {
        let items: Vec<_> = dropped(&*db, &runs).take(read).collect().await;
        assert_eq!(items.len(), read);
        session_is_back(&db).await;
    }
    let counts = counts("dropped").unwrap();
    assert_eq!((counts.calls, counts.committed), (3, 2), "{counts:?}");
}

#[tokio::test]
async fn a_panic_ends_the_stream_and_gives_the_session_back() {
    #[db_op(read_only)]
    fn panics(conn: &mut Conn<'_, Database>, at: i64) -> BoxStream<'_, Item> {
        assert!(at > 0, "before there is a stream");
        let checked = move |n| assert!(n < at, "at an item");
        up_to(conn, 9).inspect_ok(move |n| checked(*n)).boxed()
    }
    let db = notes::open_narrow().await;
    for at in 0..=3 {
        let mut stream = panics(&*db, at);
        for expected in 1..at {
            assert_eq!(stream.next().await.unwrap().unwrap(), expected);
        }
        let panicked = AssertUnwindSafe(stream.next()).catch_unwind().await;
        assert!(panicked.is_err());
        assert!(stream.next().await.is_none());
        session_is_back(&db).await;
    }
}

const FIRST: Duration = Duration::from_millis(1_500);

/// Yields one number, and then nothing more.
#[db_op(read_only)]
fn falls_silent(conn: &mut Conn<'_, Database>, items: i64) -> BoxStream<'_, Item> {
    match items {
        0 => sqlx::query_scalar(ENDLESS)
            .fetch(conn)
            .map_err(|error| Trouble::Database(error.into()))
            .boxed(),
        _ => up_to(conn, items).chain(stream::pending()).boxed(),
    }
}

#[tokio::test]
async fn the_handles_deadline_is_that_of_each_item_and_not_of_who_reads_them() {
    let db = notes::open_with(|builder| builder.max_connections(1).timeout(FIRST)).await;
    for items in [0, 2] {
        let mut stream = falls_silent(&*db, items);
        for expected in 1..=items {
            assert_eq!(stream.next().await.unwrap().unwrap(), expected);
            sleep(FIRST + FIRST / 4).await;
        }
        let asked = Instant::now();
        let error = soon("the item", stream.next()).await.unwrap().unwrap_err();
        assert!(
            asked.elapsed() >= FIRST - FIRST / 10,
            "{:?}",
            asked.elapsed()
        );
        let error = error.database();
        assert_eq!(
            (error.category(), error.kind(), error.attempts()),
            (Category::Transient, ErrorKind::Timeout, 1)
        );
        assert_eq!(error.outcome(), Some(Outcome::RolledBack));
        assert!(error.to_string().contains("the next item"), "{error}");
        assert!(stream.next().await.is_none());
        session_is_back(&db).await;
    }
}

#[tokio::test]
async fn a_deadline_of_its_own_is_that_of_the_whole_stream() {
    #[db_op(read_only, timeout = "1s")]
    fn in_a_second(conn: &mut Conn<'_, Database>) -> BoxStream<'_, Item> {
        up_to(conn, 100_000)
    }
    let db = notes::open_narrow().await;
    let mut stream = in_a_second(&*db);
    assert_eq!(stream.next().await.unwrap().unwrap(), 1);
    sleep(Duration::from_millis(1_100)).await;
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(stream.next().await.is_none());
    session_is_back(&db).await;
}

#[tokio::test]
async fn a_stream_that_nobody_reads_holds_one_session_and_is_named_to_those_who_wait() {
    let configure = |builder: dbop::DbBuilder<Database>| {
        builder
            .max_connections(1)
            .acquire_timeout(Duration::from_millis(400))
    };
    let db = notes::open_with(configure).await;
    let mut idle = numbers(&*db, 100_000);
    assert_eq!(idle.next().await.unwrap().unwrap(), 1);
    let mut waiting = numbers(&*db, 2);
    let error = soon("the acquire timeout", waiting.next())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PoolExhausted);
    assert!(error.to_string().contains("`numbers`"), "{error}");
    assert_eq!(idle.next().await.unwrap().unwrap(), 2);
    drop(idle);
    session_is_back(&db).await;
}

#[tokio::test]
async fn a_place_of_max_concurrency_is_held_until_the_stream_is_dropped() {
    #[db_op(read_only, max_concurrency(limit = 1, when_full = reject))]
    fn alone(conn: &mut Conn<'_, Database>) -> BoxStream<'_, Item> {
        up_to(conn, 3)
    }
    let db = notes::open_with(|builder| builder.max_connections(4)).await;
    let mut stream = alone(&*db);
    assert_eq!(stream.next().await.unwrap().unwrap(), 1);
    let refused = alone(&*db).next().await.unwrap().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Overloaded);
    drop(stream);
    assert_eq!(alone(&*db).count().await, 3);
}

#[transactional]
async fn reads_what_it_has_written(
    tx: &mut Tx<'_, Database>,
    read: usize,
) -> Result<Vec<i64>, Trouble> {
    insert(&mut *tx, 1).await?;
    insert(&mut *tx, 2).await?;
    let found = all_notes(&mut *tx).take(read).try_collect().await?;
    insert(&mut *tx, 3).await?;
    Ok(found)
}

#[db_op(read_only)]
fn all_notes(conn: &mut Conn<'_, Database>) -> BoxStream<'_, Item> {
    let notes = sqlx::query_scalar("SELECT id FROM notes ORDER BY id").fetch(conn);
    notes
        .map_err(|error| Trouble::Database(error.into()))
        .boxed()
}

#[tokio::test]
async fn a_stream_reads_in_the_transaction_of_its_caller_who_may_stop_half_way() {
    for (read, expected) in [(9, &[1, 2][..]), (1, &[1]), (0, &[])] {
        let db = notes::open_narrow().await;
        let found = soon("the call", reads_what_it_has_written(&*db, read)).await;
        assert_eq!(found.unwrap(), expected);
        assert_eq!(stored(&db).await, [1, 2, 3]);
    }
}

#[tokio::test]
async fn a_joined_stream_that_fails_fails_the_transaction() {
    #[transactional]
    async fn ignores(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
        insert(&mut *tx, 1).await?;
        let mut joined = asks_for_nothing(&mut *tx, runs, 1);
        while joined.next().await.is_some() {}
        Ok(())
    }
    let (db, runs) = (notes::open_narrow().await, Runs::default());
    let error = ignores(&*db, &runs).await.unwrap_err();
    assert_eq!(error.database().outcome(), Some(Outcome::RolledBack));
    assert!(stored(&db).await.is_empty());
}

#[tokio::test]
async fn a_stream_on_a_connection_of_the_callers_leaves_it_usable() {
    let db = notes::open().await;
    let mut conn = outside(&db).await;
    for read in [1, 9] {
        let found: Vec<_> = numbers(&mut conn, 3)
            .take(read)
            .try_collect()
            .await
            .unwrap();
        assert_eq!(found.len(), read.min(3));
        insert(&mut conn, i64::try_from(read).unwrap())
            .await
            .unwrap();
    }
    assert_eq!(stored(&db).await, [1, 9]);
}

#[tokio::test]
async fn a_write_in_a_stream_is_refused() {
    #[db_op(read_only)]
    #[dbop::allow(write_in_read_only, reason = "the database is to refuse it")]
    fn writes(conn: &mut Conn<'_, Database>) -> BoxStream<'_, Item> {
        sqlx::query_scalar("INSERT INTO notes VALUES (1) RETURNING id")
            .fetch(conn)
            .map_err(|error| Trouble::Database(error.into()))
            .boxed()
    }
    let db = notes::open_narrow().await;
    let error = writes(&*db).next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
    assert!(stored(&db).await.is_empty());
}

#[tokio::test]
async fn a_stream_is_one_span_around_all_its_items() {
    #[db_op(read_only, name = "traced.stream")]
    fn traced(conn: &mut Conn<'_, Database>, fails: bool) -> BoxStream<'_, Item> {
        tracing::info!(db.operation.name = "inside", "the body");
        let last = stream::iter(fails.then_some(Err(Trouble::Refused)));
        up_to(conn, 2).chain(last).boxed()
    }
    let db = notes::open_narrow().await;
    let trace = Trace::start();
    for fails in [false, true] {
        let _items: Vec<_> = traced(&*db, fails).collect().await;
    }
    let spans = trace.spans("traced.stream");
    let outcomes: Vec<_> = spans
        .iter()
        .map(|span| {
            (
                span["dbop.attempts"].as_str(),
                span["dbop.outcome"].as_str(),
            )
        })
        .collect();
    assert_eq!(outcomes, [("1", "committed"), ("1", "rolled_back")]);
    assert!(!spans[0].contains_key("error.type"));
    assert_eq!(spans[1]["dbop.kind"], "application");
    assert_eq!(trace.events("inside")[0]["parent"], "traced.stream");
}
