//! Transactions that get in each other's way.

use dbop::{ErrorKind, Outcome, Tx, db_op, transactional};
use dbop_tests::eventually;
use dbop_tests::trace::Trace;
use sqlx::{Executor, PgConnection, Postgres};
use tokio::sync::{Barrier, Mutex};

use super::common::bank::{self, balance, total};
use super::common::blocker::{Blocker, open_impatient};
use super::common::replay::{Failure, Runs, add, note, notes};
use super::outside;

/// Adds the balance of the other account to this account. If two such calls run one after the
/// other, in either order, the balances become 200 and 300; they never become 200 and 200.
#[transactional(isolation = serializable)]
async fn add_other(
    tx: &mut Tx<'_, Postgres>,
    from: i64,
    to: i64,
    both_have_read: &Barrier,
    runs: &Runs,
) -> Result<(), Failure> {
    let read = sqlx::query_scalar("SELECT cents FROM accounts WHERE id = $1");
    let cents: i64 = read.bind(from).fetch_one(&mut *tx).await?;
    if runs.next() == 1 {
        #[dbop::allow(
            foreign_await,
            reason = "the conflict needs both transactions open at once"
        )]
        both_have_read.wait().await;
    }
    let add = sqlx::query("UPDATE accounts SET cents = cents + $1 WHERE id = $2");
    add.bind(cents).bind(to).execute(&mut *tx).await?;
    Ok(())
}

#[tokio::test]
async fn write_skew_is_replayed_and_both_are_applied_one_after_the_other() {
    let db = bank::open().await;
    let (barrier, first, second) = (Barrier::new(2), Runs::default(), Runs::default());
    let (a, b) = tokio::join!(
        add_other(&*db, 1, 2, &barrier, &first),
        add_other(&*db, 2, 1, &barrier, &second),
    );
    a.unwrap();
    b.unwrap();
    let mut cents = [
        balance(&*db, 1).await.unwrap(),
        balance(&*db, 2).await.unwrap(),
    ];
    cents.sort_unstable();
    assert_eq!(cents, [200, 300]);
    assert_eq!(
        first.count() + second.count(),
        3,
        "one of the two calls was replayed once"
    );
}

#[transactional]
async fn add_to_both(
    tx: &mut Tx<'_, Postgres>,
    one: i64,
    other: i64,
    both_have_one: &Barrier,
    runs: &Runs,
) -> Result<(), Failure> {
    add(&mut *tx, one).await?;
    if runs.next() == 1 {
        #[dbop::allow(
            foreign_await,
            reason = "the deadlock needs both transactions open at once"
        )]
        both_have_one.wait().await;
    }
    Ok(add(&mut *tx, other).await?)
}

#[tokio::test]
async fn the_victim_of_a_deadlock_is_replayed_and_both_are_applied() {
    let db = bank::open().await;
    let (barrier, first, second) = (Barrier::new(2), Runs::default(), Runs::default());
    let (a, b) = tokio::join!(
        add_to_both(&*db, 1, 2, &barrier, &first),
        add_to_both(&*db, 2, 1, &barrier, &second),
    );
    a.unwrap();
    b.unwrap();
    assert_eq!(balance(&*db, 1).await.unwrap(), 102);
    assert_eq!(balance(&*db, 2).await.unwrap(), 102);
    assert_eq!(
        first.count() + second.count(),
        3,
        "one of the two calls was replayed once"
    );
}

/// Locks the same two rows as `add_to_both`, by another statement and in the other order.
#[transactional]
async fn lock_both(
    tx: &mut Tx<'_, Postgres>,
    both_have_one: &Barrier,
    runs: &Runs,
) -> Result<(), Failure> {
    let lock = "SELECT cents FROM accounts WHERE id = $1 FOR UPDATE";
    sqlx::query(lock).bind(2_i64).execute(&mut *tx).await?;
    if runs.next() == 1 {
        #[dbop::allow(
            foreign_await,
            reason = "the deadlock needs both transactions open at once"
        )]
        both_have_one.wait().await;
    }
    sqlx::query(lock).bind(1_i64).execute(&mut *tx).await?;
    Ok(())
}

#[tokio::test]
async fn a_deadlock_is_reported_with_both_operations_and_the_words_of_the_server() {
    let db = bank::open().await;
    let trace = Trace::start();
    let (barrier, first, second) = (Barrier::new(2), Runs::default(), Runs::default());
    let (a, b) = tokio::join!(
        add_to_both(&*db, 1, 2, &barrier, &first),
        lock_both(&*db, &barrier, &second),
    );
    a.unwrap();
    b.unwrap();
    let (victim, other) = match first.count() {
        2 => ("add_to_both", "lock_both"),
        _ => ("lock_both", "add_to_both"),
    };
    let deadlock = || {
        let events = trace.events(victim).into_iter();
        events
            .filter(|event| event.contains_key("dbop.deadlock.with"))
            .collect::<Vec<_>>()
    };
    eventually("the deadlock is explained", || async {
        !deadlock().is_empty()
    })
    .await;
    let events = deadlock();
    assert_eq!(events.len(), 1, "{events:#?}");
    let with = &events[0]["dbop.deadlock.with"];
    assert!(with.contains(&format!("`{other}` ({}:", file!())), "{with}");
    let detail = &events[0]["dbop.deadlock.detail"];
    assert!(detail.contains("ShareLock"), "{detail}");
}

#[transactional]
async fn note_then_deposit(
    tx: &mut Tx<'_, Postgres>,
    blocker: &Blocker,
    runs: &Runs,
) -> Result<(), Failure> {
    if runs.next() == 2 {
        #[dbop::allow(foreign_await, reason = "the lock is gone only in the second attempt")]
        blocker.unlock().await;
    }
    note(&mut *tx, 1).await?;
    Ok(add(&mut *tx, 1).await?)
}

#[tokio::test]
async fn a_lock_timeout_of_a_later_statement_replays_the_whole_transaction() {
    let (fresh, db) = open_impatient().await;
    let (blocker, runs) = (Blocker::locked(&fresh).await, Runs::default());
    note_then_deposit(&db, &blocker, &runs).await.unwrap();
    assert_eq!(runs.count(), 2);
    assert_eq!(notes(&fresh).await, 1);
    assert_eq!(balance(&*fresh, 1).await.unwrap(), 101);
}

/// In its first run, another transaction reads what this one writes, writes what this one has read,
/// and commits first. This one can then no longer commit, and learns so from COMMIT alone.
#[transactional(isolation = serializable)]
#[dbop::allow(
    foreign_await,
    reason = "another transaction has to overtake this one while it is open"
)]
async fn overtaken(
    tx: &mut Tx<'_, Postgres>,
    other: &Mutex<PgConnection>,
    runs: &Runs,
    completed: &Runs,
) -> Result<(), Failure> {
    let read = sqlx::query_scalar("SELECT cents FROM accounts WHERE id = 1");
    let cents: i64 = read.fetch_one(&mut *tx).await?;
    let first = runs.next() == 1;
    let mut other = other.lock().await;
    if first {
        other.execute("BEGIN ISOLATION LEVEL SERIALIZABLE").await?;
        other
            .execute("SELECT cents FROM accounts WHERE id = 2")
            .await?;
    }
    let write = sqlx::query("UPDATE accounts SET cents = cents + $1 WHERE id = 2");
    write.bind(cents).execute(&mut *tx).await?;
    if first {
        other
            .execute("UPDATE accounts SET cents = 1000 WHERE id = 1; COMMIT")
            .await?;
    }
    completed.next();
    Ok(())
}

#[tokio::test]
async fn a_serialization_failure_of_commit_is_replayed() {
    let db = bank::open().await;
    let other = Mutex::new(outside(&db).await);
    let (runs, completed) = (Runs::default(), Runs::default());
    overtaken(&*db, &other, &runs, &completed).await.unwrap();
    assert_eq!(
        (runs.count(), completed.count()),
        (2, 2),
        "no statement of the body failed"
    );
    assert_eq!(balance(&*db, 2).await.unwrap(), 1100);
}

/// A conflict is not an outage: it is retried even when the retry budget, which is for outages, is
/// empty.
#[tokio::test]
async fn conflicts_do_not_draw_on_the_outage_budget() {
    let db = bank::open_with(|builder| builder.retry_budget(0.0, 0.0)).await;
    let (barrier, first, second) = (Barrier::new(2), Runs::default(), Runs::default());
    let (a, b) = tokio::join!(
        add_other(&*db, 1, 2, &barrier, &first),
        add_other(&*db, 2, 1, &barrier, &second),
    );
    a.unwrap();
    b.unwrap();
    assert_eq!(first.count() + second.count(), 3);
}

#[db_op(read_only)]
async fn read_slowly(conn: &mut dbop::Conn<'_, Postgres>, runs: &Runs) -> Result<i64, Failure> {
    runs.next();
    let sum = sqlx::query_scalar("SELECT CAST(SUM(cents) AS BIGINT) FROM accounts");
    Ok(sum.fetch_one(&mut *conn).await?)
}

#[tokio::test]
async fn a_conflict_that_stays_ends_with_the_last_error_after_five_attempts() {
    let (fresh, db) = open_impatient().await;
    let (blocker, runs) = (Blocker::locked(&fresh).await, Runs::default());
    let error = read_slowly(&db, &runs).await.unwrap_err().database();
    assert_eq!((runs.count(), error.attempts()), (5, 5));
    assert_eq!(
        (error.kind(), error.outcome().unwrap()),
        (ErrorKind::Lock, Outcome::RolledBack)
    );
    blocker.unlock().await;
    assert_eq!(total(&db).await.unwrap(), 400);
}
