//! Another process that writes to the same file.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use dbop::{Conn, Db, ErrorKind, Outcome, Tx, db_op, transactional};
use dbop_tests::{Fresh, poll_at_most, seed, setting};
use futures_util::future::join_all;
use sqlx::{Connection, Executor, Sqlite, SqliteConnection};
use tokio::time::{sleep, timeout};

use super::fresh_with;
use super::money::{self, ACCOUNTS, EACH, Order, Trouble, transfer};
use dbop_tests::process::{Process, say, test_name, wait_for_parent};

const FILE: &str = "DBOP_TEST_CHILD_FILE";
const NEVER: Duration = Duration::from_secs(30);
/// Several times as long as SQLite itself waits for a lock under dbop.
const LONG: Duration = Duration::from_millis(1_200);

async fn open() -> Fresh<Sqlite> {
    let fresh = fresh_with(|builder| builder).await;
    money::set_up(&fresh).await;
    fresh
}

/// Starts a process that runs the ignored test of this name with this file.
fn start(child: &str, db: &Fresh<Sqlite>) -> Process {
    Process::start(&test_name(module_path!(), child), &[(FILE, &db.url)])
}

/// Opens the file that a child works on; `None` if this test was not started by a parent.
async fn childs_connection() -> Option<SqliteConnection> {
    let url = std::env::var(FILE).ok()?;
    Some(SqliteConnection::connect(&url).await.expect("the file"))
}

async fn holder(db: &Fresh<Sqlite>) -> Process {
    let mut holder = start("child_that_holds_the_lock", db);
    holder.expect("locked").await;
    holder
}

#[tokio::test]
#[ignore = "the other process of the tests below"]
async fn child_that_holds_the_lock() {
    let Some(mut conn) = childs_connection().await else {
        return;
    };
    let take = "BEGIN IMMEDIATE; UPDATE accounts SET cents = cents + 7 WHERE id = 1;
        UPDATE accounts SET cents = cents - 7 WHERE id = 2;
        INSERT INTO ledger VALUES (-1, 2, 1, 7)";
    conn.execute(take).await.expect("the lock");
    say("locked");
    wait_for_parent().await;
    conn.execute("COMMIT").await.expect("the commit");
    say("let go");
}

/// Pays, and returns the balance it has found before.
#[transactional]
async fn pay(tx: &mut Tx<'_, Sqlite>, order: Order, runs: &AtomicU32) -> Result<i64, Trouble> {
    runs.fetch_add(1, SeqCst);
    let found = sqlx::query_scalar("SELECT cents FROM accounts WHERE id = $1");
    let found = found.bind(order.from).fetch_one(&mut *tx).await?;
    transfer(&mut *tx, order).await?;
    Ok(found)
}

fn order(id: i64) -> Order {
    Order {
        id,
        from: 1,
        to: 2,
        cents: 1,
    }
}

#[tokio::test]
async fn calls_wait_in_line_for_another_process_and_then_see_what_it_wrote() {
    let db = open().await;
    let mut holder = holder(&db).await;
    let runs = AtomicU32::new(0);
    let mut calls = std::pin::pin!(join_all((1..=8).map(|id| pay(&*db, order(id), &runs))));
    assert!(
        timeout(LONG, &mut calls).await.is_err(),
        "the file is locked"
    );
    assert_eq!(runs.load(SeqCst), 0, "a body ran without the lock");
    holder.go_on();
    holder.expect("let go").await;
    let found = timeout(NEVER, calls).await.expect("the lock is free");
    let mut found: Vec<i64> = found.into_iter().map(Result::unwrap).collect();
    found.sort_unstable();
    let due: Vec<i64> = (1..=8).map(|nth| EACH + 7 - 8 + nth).collect();
    assert_eq!(found, due);
    assert_eq!(runs.load(SeqCst), 8, "waiting is no attempt");
    holder.end().await;
    let due: HashSet<i64> = (1..=8).chain([-1]).collect();
    assert_eq!(money::audit(&db.url).await, due);
}

#[tokio::test]
async fn readers_go_on_while_another_process_holds_the_lock() {
    let db = open().await;
    let mut holder = holder(&db).await;
    let runs = AtomicU32::new(0);
    let mut waiting = std::pin::pin!(pay(&*db, order(1), &runs));
    for _ in 0..100 {
        tokio::select! {
            biased;
            read = money::total(&*db) => assert_eq!(read.unwrap(), ACCOUNTS * EACH),
            _ = &mut waiting => panic!("the file is locked"),
        }
    }
    holder.go_on();
    let found = timeout(NEVER, waiting).await.expect("the lock is free");
    assert_eq!(found.unwrap(), EACH + 7);
    holder.end().await;
    money::audit(&db.url).await;
}

#[transactional(timeout = "700ms")]
async fn pay_soon(tx: &mut Tx<'_, Sqlite>, order: Order, runs: &AtomicU32) -> Result<(), Trouble> {
    runs.fetch_add(1, SeqCst);
    transfer(&mut *tx, order).await
}

#[db_op]
async fn enter(conn: &mut Conn<'_, Sqlite>, order: Order) -> Result<(), Trouble> {
    let [entry, ..] = order.statements();
    entry.execute(&mut *conn).await?;
    Ok(())
}

/// Checks that the call ends at its deadline, not before, and has done nothing.
async fn assert_gives_up(call: impl Future<Output = Result<(), Trouble>>) -> ErrorKind {
    let begun = Instant::now();
    let ended = timeout(NEVER, call)
        .await
        .expect("the call ends at its deadline");
    let took = begun.elapsed();
    let soon = Duration::from_millis(690)..Duration::from_secs(10);
    assert!(soon.contains(&took), "{took:?} of 700 ms: {ended:?}");
    let error = ended.unwrap_err();
    let error = error.database();
    assert_eq!(error.outcome().unwrap(), Outcome::RolledBack, "{error}");
    error.kind()
}

#[tokio::test]
async fn a_lock_of_another_process_that_stays_ends_a_call_at_its_deadline() {
    let db = open().await;
    let mut holder = holder(&db).await;
    let runs = AtomicU32::new(0);
    let kind = assert_gives_up(pay_soon(&*db, order(1), &runs)).await;
    assert!(
        matches!(kind, ErrorKind::Lock | ErrorKind::Timeout),
        "{kind}"
    );
    assert_eq!(runs.load(SeqCst), 0, "a body ran without the lock");
    holder.go_on();
    holder.end().await;
    pay_soon(&*db, order(2), &runs).await.unwrap();
    assert_eq!(money::audit(&db.url).await, HashSet::from([-1, 2]));
}

/// A single statement does not wait its turn: it waits as long as SQLite does, in each of five
/// attempts.
#[tokio::test]
async fn a_lock_of_another_process_that_stays_refuses_an_operation_without_effect() {
    let db = open().await;
    let mut holder = holder(&db).await;
    let error = enter(&*db, order(1)).await.unwrap_err();
    let error = error.database();
    assert_eq!(
        (error.kind(), error.attempts()),
        (ErrorKind::Lock, 5),
        "{error}"
    );
    assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
    holder.go_on();
    holder.end().await;
    assert_eq!(money::audit(&db.url).await, HashSet::from([-1]));
}

/// Most of the calls wait behind another call of this process. They do not report the file as
/// unusable.
#[tokio::test]
async fn calls_in_the_line_for_a_lock_of_another_process_do_not_say_that_the_file_is_unusable() {
    let db = open().await;
    let mut holder = holder(&db).await;
    let runs = AtomicU32::new(0);
    let calls = (1..=12).map(|id| assert_gives_up(pay_soon(&*db, order(id), &runs)));
    let kinds = join_all(calls).await;
    let unusable = kinds.iter().filter(|kind| **kind == ErrorKind::Connection);
    assert_eq!(unusable.count(), 0, "{kinds:?}");
    assert_eq!(runs.load(SeqCst), 0, "a body ran without the lock");
    holder.go_on();
    holder.end().await;
    pay_soon(&*db, order(13), &runs).await.unwrap();
    assert_eq!(money::audit(&db.url).await, HashSet::from([-1, 13]));
}

#[tokio::test]
async fn a_process_killed_with_the_lock_frees_it_and_nothing_of_it_is_seen() {
    let db = open().await;
    let mut holder = holder(&db).await;
    let runs = AtomicU32::new(0);
    let mut waiting = std::pin::pin!(pay(&*db, order(1), &runs));
    let blocked = timeout(Duration::from_millis(400), &mut waiting).await;
    assert!(blocked.is_err(), "the file is locked");
    holder.kill();
    let found = timeout(NEVER, waiting).await.expect("nobody has the lock");
    assert_eq!(
        found.unwrap(),
        EACH,
        "the call found what the other process had not committed"
    );
    assert_eq!(money::audit(&db.url).await, HashSet::from([1]));
}

#[tokio::test]
#[ignore = "the other process of the test below"]
async fn child_that_writes_too() {
    let Some(mut conn) = childs_connection().await else {
        return;
    };
    conn.execute("PRAGMA busy_timeout = 20000")
        .await
        .expect("a setting");
    let told = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&told);
    tokio::spawn(async move {
        wait_for_parent().await;
        stop.store(true, SeqCst);
    });
    say("ready");
    let (mut id, mut random) = (10_000_000_000, fastrand::Rng::new());
    while !told.load(SeqCst) {
        id += 1;
        conn.execute("BEGIN IMMEDIATE").await.expect("the lock");
        for statement in Order::random(id, &mut random).statements() {
            statement.execute(&mut conn).await.expect("a statement");
        }
        // The lock is held for a while, so that the others run into it.
        sleep(Duration::from_millis(random.u64(0..5))).await;
        conn.execute("COMMIT").await.expect("the commit");
        say(id);
        sleep(Duration::from_millis(random.u64(0..5))).await;
    }
}

/// What a task knows of its transfers.
#[derive(Debug, Default)]
struct Told {
    applied: HashSet<i64>,
    /// The transfers whose caller went away before the answer.
    dropped: HashSet<i64>,
}

async fn pay_until(db: Db<Sqlite>, task: u64, seed: u64, until: Instant, cancels: bool) -> Told {
    let mut random = fastrand::Rng::with_seed(seed.wrapping_add(task));
    let mut told = Told::default();
    let mut id = i64::try_from(task).expect("small") * 100_000_000;
    while Instant::now() < until {
        id += 1;
        let call = transfer(&db, Order::random(id, &mut random));
        let ended = match random.u8(..) {
            0..64 if cancels => poll_at_most(random.u32(1..30), call).await,
            64..128 if cancels => {
                let moment = Duration::from_micros(random.u64(0..20_000));
                timeout(moment, call).await.ok()
            }
            _ => Some(timeout(NEVER, call).await.expect("a call hangs")),
        };
        match ended {
            Some(ended) => {
                ended.expect("no call fails because of the rival");
                told.applied.insert(id);
            }
            None => drop(told.dropped.insert(id)),
        }
    }
    told
}

async fn beside_another_process(cancels: bool) {
    let seed = seed();
    let db = open().await;
    let mut rival = start("child_that_writes_too", &db);
    rival.expect("ready").await;
    let time = Duration::from_secs(setting("DBOP_TEST_SOAK_SECONDS").unwrap_or(2));
    let until = Instant::now() + time;
    let workers =
        (1..=16).map(|task| tokio::spawn(pay_until(db.db.clone(), task, seed, until, cancels)));
    let workers: Vec<_> = workers.collect();
    let mut told = Told::default();
    for worker in workers {
        let ended = timeout(time + NEVER, worker).await;
        let one = ended.expect("a worker hangs").unwrap();
        told.applied.extend(one.applied);
        told.dropped.extend(one.dropped);
    }
    rival.go_on();
    let theirs = rival.end().await;
    // Some commits of callers that have gone away are still under way.
    timeout(NEVER, db.close()).await.expect("an end");
    let (ours, dropped) = (told.applied.len(), told.dropped.len());
    println!(
        "{ours} of ours, {dropped} dropped, {} of the rival's",
        theirs.len()
    );
    assert!(ours > 0 && !theirs.is_empty(), "both have written");
    assert_eq!(dropped > 0, cancels);
    let mut applied = told.applied;
    applied.extend(theirs.iter().map(|id| id.parse::<i64>().unwrap()));
    let stored = money::audit(&db.url).await;
    let lost = applied.difference(&stored).count();
    assert_eq!(lost, 0, "said to be applied, and are not");
    let not_said = stored.difference(&applied);
    let nobodys = not_said.filter(|id| !told.dropped.contains(id)).count();
    assert_eq!(nobodys, 0, "transfers are stored that nobody reported");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_beside_another_process_the_sum_stays_right_and_no_call_fails() {
    beside_another_process(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_go_away_beside_another_process_leave_a_transfer_whole_or_not_at_all() {
    beside_another_process(true).await;
}
