//! Many tasks move money between few accounts: no money appears or is lost, and every answer is
//! true.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use dbop::{DbBuilder, DbError, ErrorKind, Outcome, Tx, transactional};
use dbop_tests::{Fresh, seed, setting};
use sqlx::Executor;
use tokio::time::timeout;

use super::{Database, bank, fresh_with};

const ACCOUNTS: i64 = 5;
const EACH: i64 = 1_000;
const TASKS: u64 = 32;

#[derive(Debug, thiserror::Error, DbError)]
enum TransferError {
    #[error("insufficient funds")]
    InsufficientFunds,
    #[error("changed its mind at the end")]
    Regretted,
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

#[derive(Clone, Copy, Debug)]
struct Order {
    /// The key of the transfer in the ledger.
    id: i64,
    from: i64,
    to: i64,
    cents: i64,
    regret: bool,
}

/// A transfer is not idempotent, and it writes the ledger entry first, so that half of it would
/// show.
#[transactional(isolation = serializable)]
async fn transfer(tx: &mut Tx<'_, Database>, order: Order) -> Result<(), TransferError> {
    let entry = sqlx::query("INSERT INTO ledger VALUES ($1, $2)");
    entry
        .bind(order.id)
        .bind(order.cents)
        .execute(&mut *tx)
        .await?;
    let read = sqlx::query_scalar("SELECT cents FROM accounts WHERE id = $1");
    let cents: i64 = read.bind(order.from).fetch_one(&mut *tx).await?;
    if cents < order.cents {
        return Err(TransferError::InsufficientFunds);
    }
    for (id, change) in [(order.from, -order.cents), (order.to, order.cents)] {
        let add = sqlx::query("UPDATE accounts SET cents = cents + $1 WHERE id = $2");
        add.bind(change).bind(id).execute(&mut *tx).await?;
    }
    if order.regret {
        return Err(TransferError::Regretted);
    }
    Ok(())
}

#[transactional(read_only, isolation = repeatable_read)]
#[dbop::allow(
    query_in_loop,
    reason = "only one snapshot makes a sum of many statements right"
)]
async fn total_one_by_one(tx: &mut Tx<'_, Database>) -> Result<i64, TransferError> {
    let mut sum = 0;
    for id in 1..=ACCOUNTS {
        let read = sqlx::query_scalar("SELECT cents FROM accounts WHERE id = $1");
        sum += read
            .bind(id)
            .fetch_one(&mut *tx)
            .await
            .map(|cents: i64| cents)?;
    }
    Ok(sum)
}

async fn open(configure: fn(DbBuilder<Database>) -> DbBuilder<Database>) -> Fresh<Database> {
    let fresh = fresh_with(configure).await;
    let schema = "CREATE TABLE accounts (id BIGINT PRIMARY KEY, cents BIGINT NOT NULL);
        CREATE TABLE ledger (id BIGINT PRIMARY KEY, cents BIGINT NOT NULL);
        CREATE TABLE log (id BIGINT PRIMARY KEY, note TEXT)";
    fresh.pool().execute(schema).await.unwrap();
    for id in 1..=ACCOUNTS {
        let account = sqlx::query("INSERT INTO accounts VALUES ($1, $2)");
        account
            .bind(id)
            .bind(EACH)
            .execute(fresh.pool())
            .await
            .unwrap();
    }
    fresh
}

/// The answers that one task was given.
#[derive(Debug, Default)]
struct Told {
    applied: HashSet<i64>,
    refused: u64,
    regretted: u64,
    /// Calls that ran out of attempts.
    gave_up: u64,
}

async fn work(db: dbop::Db<Database>, task: u64, seed: u64, until: Instant) -> Told {
    let mut random = fastrand::Rng::with_seed(seed.wrapping_add(task));
    let mut told = Told::default();
    let mut next = i64::try_from(task).unwrap() * 1_000_000;
    while Instant::now() < until {
        next += 1;
        let from = random.i64(1..=ACCOUNTS);
        let order = Order {
            id: next,
            from,
            to: from % ACCOUNTS + 1,
            cents: random.i64(1..=400),
            regret: random.u8(..) < 25,
        };
        match transfer(&db, order).await {
            Ok(()) => drop(told.applied.insert(order.id)),
            Err(TransferError::InsufficientFunds) => told.refused += 1,
            Err(TransferError::Regretted) => told.regretted += 1,
            Err(TransferError::Database(error)) => {
                let conflict = matches!(
                    error.kind(),
                    ErrorKind::Serialization | ErrorKind::Deadlock | ErrorKind::Lock
                );
                assert!(conflict, "no call fails for another reason: {error}");
                assert_eq!(error.outcome().unwrap(), Outcome::RolledBack, "{error}");
                assert_eq!(error.attempts(), 5, "the call gave up early: {error}");
                told.gave_up += 1;
            }
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_the_sum_never_changes_and_every_answer_is_true() {
    let seed = seed();
    let time = Duration::from_secs(setting("DBOP_TEST_SOAK_SECONDS").unwrap_or(8));
    let db = open(|builder| builder.max_connections(8)).await;
    let until = Instant::now() + time;
    let workers: Vec<_> = (1..=TASKS)
        .map(|task| tokio::spawn(work(db.db.clone(), task, seed, until)))
        .collect();
    let stop = Arc::new(AtomicBool::new(false));
    let checker = tokio::spawn(check(db.db.clone(), Arc::clone(&stop)));

    let mut told = Told::default();
    for worker in workers {
        let ended = timeout(time + Duration::from_secs(60), worker).await;
        let one = ended.expect("a worker hangs").unwrap();
        told.applied.extend(one.applied);
        told.refused += one.refused;
        told.regretted += one.regretted;
        told.gave_up += one.gave_up;
    }
    stop.store(true, SeqCst);
    let checks = checker.await.unwrap();
    assert!(checks > 0, "the checker never got a turn");

    let rows = sqlx::query_scalar::<_, i64>("SELECT id FROM ledger");
    let rows = rows.fetch_all(db.pool()).await.unwrap();
    println!(
        "{} applied, {} refused, {} regretted, {} gave up, {checks} checks",
        told.applied.len(),
        told.refused,
        told.regretted,
        told.gave_up
    );
    assert_eq!(
        rows.len(),
        told.applied.len(),
        "there are as many entries as calls that reported success"
    );
    assert_eq!(rows.into_iter().collect::<HashSet<_>>(), told.applied);
    assert_eq!(bank::total(&*db).await.unwrap(), ACCOUNTS * EACH);
    let overdrawn = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM accounts WHERE cents < 0");
    assert_eq!(overdrawn.fetch_one(db.pool()).await.unwrap(), 0);
    assert!(!told.applied.is_empty() && told.regretted > 0, "{told:?}");
    db.close().await;
}

/// Reads the sum of all accounts for as long as the workers run.
async fn check(db: dbop::Db<Database>, stop: Arc<AtomicBool>) -> u64 {
    let mut checks = 0;
    while !stop.load(SeqCst) {
        assert_eq!(total_one_by_one(&db).await.unwrap(), ACCOUNTS * EACH);
        checks += 1;
    }
    checks
}
