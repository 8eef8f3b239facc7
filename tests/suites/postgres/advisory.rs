//! Advisory locks: who holds one, who waits, and when it is free again.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use dbop::{AdvisoryKey, AdvisoryLock, Category, Db, DbBuilder, ErrorKind, Outcome};
use dbop_tests::{Fresh, eventually};
use futures_util::future::join_all;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};

use super::Database;
use super::common::notes::{self, note, note_op, notes, soon};

/// Returns whether a session that dbop does not know gets the lock that this SQL names. It gives
/// the lock back at once.
async fn is_free(pool: &PgPool, key: &str) -> bool {
    let sql = format!(
        "SELECT CASE WHEN pg_try_advisory_lock({key}) THEN pg_advisory_unlock({key}) ELSE false END"
    );
    let free = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(pool);
    free.await.expect("an answer")
}

/// Counts the advisory locks of the database that are held (`granted`) or waited for.
async fn locks(pool: &PgPool, granted: bool) -> i64 {
    let count = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted = $1
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let count = sqlx::query_scalar(count).bind(granted).fetch_one(pool);
    count.await.expect("an answer")
}

async fn open() -> Fresh<Database> {
    notes::open().await
}

async fn open_pool(fresh: &Fresh<Database>) -> PgPool {
    PgPool::connect(&fresh.url).await.expect("the database")
}

/// Opens another handle on the same database.
async fn another(
    fresh: &Fresh<Database>,
    set: fn(DbBuilder<Database>) -> DbBuilder<Database>,
) -> Db<Database> {
    let builder = set(Db::builder().url(&fresh.url));
    builder.connect().await.expect("the database")
}

#[tokio::test]
async fn a_held_lock_excludes_everybody_else_until_it_is_released() {
    let db = open().await;
    let pool = open_pool(&db).await;
    let lock = db.advisory_lock(7).await.unwrap();
    assert!(lock.is_held());
    assert_eq!(lock.key(), &AdvisoryKey::from(7));
    assert!(!is_free(&pool, "7").await);
    assert!(db.try_advisory_lock(7).await.unwrap().is_none());
    soon("the release", lock.release()).await.unwrap();
    assert!(
        is_free(&pool, "7").await,
        "the server reports the lock as free"
    );
    let lock = db
        .try_advisory_lock(7)
        .await
        .unwrap()
        .expect("the lock is free");
    assert!(!is_free(&pool, "7").await);
    drop(lock);
    eventually("the lock is free", || is_free(&pool, "7")).await;
}

#[tokio::test]
async fn keys_are_those_of_the_server_and_their_spaces_are_apart() {
    let db = open().await;
    let pool = open_pool(&db).await;
    let pairs: [(AdvisoryKey, &str); 8] = [
        (0.into(), "0::bigint"),
        (i64::MIN.into(), "(-9223372036854775808)::bigint"),
        (i64::MAX.into(), "9223372036854775807::bigint"),
        ((0, 0).into(), "0, 0"),
        ((-1, i32::MAX).into(), "-1, 2147483647"),
        ((i32::MIN, 1).into(), "(-2147483648)::int, 1"),
        ("merge queue".into(), "hashtextextended('merge queue', 0)"),
        (String::from("ä'\"").into(), "hashtextextended('ä''\"', 0)"),
    ];
    let mut held = Vec::new();
    for (key, sql) in &pairs {
        assert!(is_free(&pool, sql).await, "{key}");
        held.push(db.advisory_lock(key.clone()).await.unwrap());
        assert!(!is_free(&pool, sql).await, "{key}");
    }
    for lock in held {
        lock.release().await.unwrap();
    }
    for (key, sql) in &pairs {
        assert!(is_free(&pool, sql).await, "{key}");
    }
}

#[tokio::test]
async fn a_wait_ends_with_the_handles_timeout_and_says_who_holds_the_lock() {
    let fresh = open().await;
    let db = another(&fresh, |b| b.timeout(Duration::from_secs(2))).await;
    let named = format!("{}?application_name=the%20other", fresh.url);
    let mut holder = PgConnection::connect(&named).await.unwrap();
    let pid = sqlx::query_scalar::<_, i32>("SELECT pg_backend_pid()");
    let pid = pid.fetch_one(&mut holder).await.unwrap();
    let keys: [(AdvisoryKey, &str); 4] = [
        ((-5).into(), "-5::bigint"),
        ((-1, -2).into(), "-1, -2"),
        ((7, 8).into(), "7, 8"),
        ("merge queue".into(), "hashtextextended('merge queue', 0)"),
    ];
    for (_, sql) in &keys {
        let lock = format!("SELECT pg_advisory_lock({sql})");
        let locking = sqlx::query(AssertSqlSafe(lock)).execute(&mut holder);
        locking.await.unwrap();
    }
    let calls = keys.map(async |(key, _)| (key.clone(), db.advisory_lock(key).await));
    for (key, taken) in soon("the calls", join_all(calls)).await {
        let error = taken.unwrap_err();
        assert_eq!(
            (error.category(), error.kind(), error.outcome().unwrap()),
            (Category::Transient, ErrorKind::Lock, Outcome::RolledBack)
        );
        assert_eq!(error.operation(), Some("advisory_lock"));
        let text = error.to_string();
        for part in [
            &format!("`{key}`"),
            "(2s)",
            "`the other`",
            &format!("process {pid}"),
            "`timeout`",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}

/// Spawns a task that waits for the lock, and returns once the server shows it waiting.
async fn waiting(
    db: &Db<Database>,
    pool: &PgPool,
) -> tokio::task::JoinHandle<dbop::Result<AdvisoryLock>> {
    let db = db.clone();
    let task = tokio::spawn(async move { db.advisory_lock("it").await });
    eventually("somebody waits", || async { locks(pool, false).await == 1 }).await;
    task
}

#[tokio::test]
async fn a_caller_that_goes_away_while_it_waits_leaves_no_lock_and_no_place_in_the_queue() {
    let db = open().await;
    let pool = open_pool(&db).await;
    let lock = db.advisory_lock("it").await.unwrap();
    let task = waiting(&db, &pool).await;
    task.abort();
    eventually("nobody waits", || async { locks(&pool, false).await == 0 }).await;
    assert!(lock.is_held());
    lock.release().await.unwrap();
    assert_eq!(locks(&pool, true).await, 0);
}

#[tokio::test]
async fn a_call_dropped_at_any_poll_leaves_no_lock() {
    let db = open().await;
    let pool = open_pool(&db).await;
    for polls in 1..6 {
        let taken = dbop_tests::poll_at_most(polls, db.advisory_lock("it")).await;
        drop(taken);
        eventually("no lock is left", || async {
            locks(&pool, true).await == 0
        })
        .await;
    }
}

#[tokio::test]
async fn who_waits_gets_the_lock_when_it_is_dropped() {
    let db = open().await;
    let pool = open_pool(&db).await;
    let lock = db.advisory_lock("it").await.unwrap();
    let task = waiting(&db, &pool).await;
    drop(lock);
    let lock = soon("the wait", task).await.unwrap().unwrap();
    assert!(lock.is_held());
}

#[tokio::test]
async fn no_limit_of_the_sessions_ends_a_wait_or_a_lock() {
    let fresh = open().await;
    let limits = "-c%20lock_timeout%3D50%20-c%20idle_session_timeout%3D50";
    let url = format!("{}?options={limits}", fresh.url);
    let db = Db::builder()
        .url(url)
        .statement_timeout(Duration::from_millis(50));
    let db = db.connect().await.unwrap();
    let pool = open_pool(&fresh).await;
    let lock = db.advisory_lock("it").await.unwrap();
    let task = waiting(&db, &pool).await;
    // This is longer than each of the limits.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(lock.is_held());
    assert!(!task.is_finished());
    assert_eq!(locks(&pool, false).await, 1);
    lock.release().await.unwrap();
    let lock = soon("the wait", task).await.unwrap().unwrap();
    soon("the release", lock.release()).await.unwrap();
}

#[tokio::test]
async fn a_lock_stays_beside_the_calls_of_a_pool_of_one_and_when_that_is_closed() {
    let fresh = notes::open_narrow().await;
    let db = (*fresh).clone();
    let pool = open_pool(&fresh).await;
    let lock = db.advisory_lock("it").await.unwrap();
    for id in 0..3 {
        soon("a transaction", note(&db, id)).await.unwrap();
        soon("an operation", note_op(&db, 10 + id)).await.unwrap();
    }
    assert_eq!(notes(&db).await.unwrap().len(), 6);
    let second = soon("a second lock", db.advisory_lock("another")).await;
    let second = second.unwrap();
    db.close().await;
    assert!(lock.is_held() && second.is_held());
    assert_eq!(locks(&pool, true).await, 2);
    let error = db.advisory_lock("a third").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PoolClosed);
    lock.release().await.unwrap();
    second.release().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_20_tasks_that_take_turns_no_two_hold_the_lock_at_once() {
    let fresh = open().await;
    let db = another(&fresh, |b| b.timeout(Duration::from_secs(60))).await;
    static HELD: AtomicBool = AtomicBool::new(false);
    static TURNS: AtomicU32 = AtomicU32::new(0);
    let tasks = (0..20).map(|task| {
        let db = db.clone();
        tokio::spawn(async move {
            for turn in 0..3 {
                let lock = db.advisory_lock("turns").await.expect("a turn");
                assert!(
                    !HELD.swap(true, Ordering::SeqCst),
                    "two tasks hold the lock"
                );
                TURNS.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                assert!(
                    HELD.swap(false, Ordering::SeqCst),
                    "two tasks hold the lock"
                );
                // Odd and even turns end in different ways.
                match (task + turn) % 2 {
                    0 => drop(lock),
                    _ => lock.release().await.expect("held until then"),
                }
            }
        })
    });
    for task in soon("the tasks", join_all(tasks)).await {
        task.unwrap();
    }
    assert_eq!(TURNS.load(Ordering::Relaxed), 60);
}

/// Waits until the lock is free, in a runtime of its own.
fn becomes_free(url: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let pool = PgPool::connect(url).await.unwrap();
        eventually("the lock is free", || {
            is_free(&pool, "hashtextextended('it', 0)")
        })
        .await;
    });
}

#[test]
fn a_guard_dropped_outside_of_any_runtime_releases_its_lock() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let fresh = runtime.block_on(open());
    // First, the lock is dropped while its runtime is not being polled.
    let lock = runtime.block_on(fresh.advisory_lock("it")).unwrap();
    drop(lock);
    becomes_free(&fresh.url);
    // Then the lock is dropped after its runtime. The lock is held until then.
    let lock = runtime.block_on(fresh.advisory_lock("it")).unwrap();
    let url = fresh.url.clone();
    runtime.block_on(async { fresh.close().await });
    drop((fresh, runtime));
    assert!(lock.is_held());
    let begun = Instant::now();
    drop(lock);
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "a drop does not wait"
    );
    becomes_free(&url);
}

#[test]
fn code_that_is_not_async_can_hold_a_lock() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fresh = runtime.block_on(open());
    let db = dbop::blocking::BlockOnDb::<Database>::connect(&fresh.url).unwrap();
    let lock = dbop::blocking::block_on(db.as_async().advisory_lock("it")).unwrap();
    assert!(lock.is_held());
    let other = dbop::blocking::block_on(db.as_async().try_advisory_lock("it"));
    assert!(other.unwrap().is_none());
    dbop::blocking::block_on(lock.release()).unwrap();
    becomes_free(&fresh.url);
    db.close().unwrap();
}

#[tokio::test]
async fn a_key_that_is_no_text_of_the_server_is_refused() {
    let db = open().await;
    let error = db.advisory_lock("a\0b").await.unwrap_err();
    assert_eq!(error.category(), Category::Data, "{error}");
    assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
}

#[tokio::test]
async fn locks_of_another_database_are_others() {
    let [one, two] = [open().await, open().await];
    let lock = one.advisory_lock("it").await.unwrap();
    assert!(two.try_advisory_lock("it").await.unwrap().is_some());
    lock.release().await.unwrap();
}
