//! A bank under load: many tasks move money, and keep what each call has told them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use dbop::{Category, Db, DbError, Outcome, Tx, transactional};
use dbop_tests::eventually;
use sqlx::{Connection, Executor, PgConnection, Postgres};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

const ACCOUNTS: i64 = 8;
const EACH: i64 = 1_000;
pub(super) const TASKS: u32 = 24;
/// The timeout of `transfer`.
pub(super) const TIMEOUT: Duration = Duration::from_secs(2);
/// How long COMMIT may take after the timeout.
const GRACE: Duration = Duration::from_secs(5);
/// How much longer everything may take on a busy machine.
const SLACK: Duration = Duration::from_secs(4);
/// How long a task waits after a failed call.
const PAUSE: Duration = Duration::from_millis(20);
/// How long calls may keep failing after the fault. A breaker that has opened tries again after
/// some seconds.
const RECOVERY: Duration = Duration::from_secs(20);

#[derive(Debug, thiserror::Error, DbError)]
pub(super) enum TransferError {
    #[error("insufficient funds")]
    InsufficientFunds,
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

#[derive(Clone, Copy, Debug)]
struct Order {
    /// The key of the order in the ledger.
    id: i64,
    from: i64,
    to: i64,
    cents: i64,
}

/// A transfer is not idempotent, and it writes the ledger entry first, so that half of it would
/// show.
#[transactional(timeout = "2s")]
async fn transfer(tx: &mut Tx<'_, Postgres>, order: Order) -> Result<(), TransferError> {
    let Order {
        id,
        from,
        to,
        cents,
    } = order;
    let entry = sqlx::query("INSERT INTO ledger VALUES ($1, $2, $3, $4)");
    let entry = entry.bind(id).bind(from).bind(to).bind(cents);
    entry.execute(&mut *tx).await?;
    let mut changes = [(from, -cents), (to, cents)];
    // The order is always the same, so that two transfers do not wait for each other.
    changes.sort_unstable();
    #[dbop::allow(query_in_loop, reason = "two rows, locked in the order of this loop")]
    for (account, change) in changes {
        let add = "UPDATE accounts SET cents = cents + $1 WHERE id = $2 RETURNING cents";
        let add = sqlx::query_scalar::<_, i64>(add).bind(change).bind(account);
        if add.fetch_one(&mut *tx).await? < 0 {
            return Err(TransferError::InsufficientFunds);
        }
    }
    Ok(())
}

pub(super) async fn open(url: &str) {
    let mut conn = PgConnection::connect(url).await.expect("the server");
    let schema = format!(
        "CREATE TABLE accounts (id BIGINT PRIMARY KEY, cents BIGINT NOT NULL);
        INSERT INTO accounts SELECT id, {EACH} FROM generate_series(1, {ACCOUNTS}) AS id;
        CREATE TABLE ledger (id BIGINT PRIMARY KEY, payer BIGINT, payee BIGINT, cents BIGINT)"
    );
    let schema = sqlx::AssertSqlSafe(schema);
    conn.execute(schema).await.expect("the schema");
}

/// The ids of orders, by what was reported of them.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) applied: HashSet<i64>,
    rolled_back: HashSet<i64>,
    unknown: HashSet<i64>,
    /// How often calls failed, by the name of the kind.
    pub(super) failures: BTreeMap<&'static str, u32>,
    slowest: Duration,
}

/// The counts over all tasks.
#[derive(Debug, Default)]
pub(super) struct Counts {
    stop: AtomicBool,
    pub(super) begun: AtomicU64,
    pub(super) applied: AtomicU64,
    /// How many calls failed at the database.
    pub(super) failed: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Load {
    pub(super) counts: Arc<Counts>,
    workers: Vec<JoinHandle<Told>>,
}

impl Load {
    pub(super) fn start(db: &Db<Postgres>, seed: u64) -> Self {
        let counts = Arc::new(Counts::default());
        let work = |task| tokio::spawn(work(db.clone(), task, seed, Arc::clone(&counts)));
        Self {
            workers: (1..=TASKS).map(work).collect(),
            counts,
        }
    }

    /// Waits until as many more transfers have been applied as there are tasks.
    pub(super) async fn goes_on(&self) {
        let enough = self.counts.applied.load(SeqCst) + u64::from(TASKS);
        let recovered = timeout(RECOVERY, async {
            while self.counts.applied.load(SeqCst) < enough {
                sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(recovered.await.is_ok(), "no calls succeed again");
    }

    pub(super) async fn ends(self) -> Told {
        self.counts.stop.store(true, SeqCst);
        let mut told = Told::default();
        for worker in self.workers {
            let ended = timeout(TIMEOUT + GRACE + SLACK, worker).await;
            let one = ended.expect("a call hangs").expect("no false answer");
            told.applied.extend(one.applied);
            told.rolled_back.extend(one.rolled_back);
            told.unknown.extend(one.unknown);
            told.slowest = told.slowest.max(one.slowest);
            for (kind, times) in one.failures {
                *told.failures.entry(kind).or_default() += times;
            }
        }
        told
    }
}

async fn work(db: Db<Postgres>, task: u32, seed: u64, counts: Arc<Counts>) -> Told {
    let mut random = fastrand::Rng::with_seed(seed.wrapping_add(task.into()));
    let mut told = Told::default();
    let mut id = i64::from(task) * 1_000_000;
    while !counts.stop.load(SeqCst) {
        id += 1;
        let from = random.i64(1..=ACCOUNTS);
        let order = Order {
            id,
            from,
            to: (from + random.i64(0..ACCOUNTS - 1)) % ACCOUNTS + 1,
            cents: random.i64(1..=50),
        };
        counts.begun.fetch_add(1, SeqCst);
        let begun = Instant::now();
        let result = transfer(&db, order).await;
        let took = begun.elapsed();
        if result.is_ok() {
            counts.applied.fetch_add(1, SeqCst);
        }
        let failed = told.hears(id, result, took);
        if failed {
            counts.failed.fetch_add(1, SeqCst);
            sleep(PAUSE).await;
        }
    }
    told
}

impl Told {
    /// Records a result. Returns whether the call failed at the database.
    fn hears(&mut self, id: i64, result: Result<(), TransferError>, took: Duration) -> bool {
        self.slowest = self.slowest.max(took);
        let error = match result {
            Ok(()) => {
                self.applied.insert(id);
                assert!(took < TIMEOUT + GRACE + SLACK, "the call took {took:?}");
                return false;
            }
            Err(TransferError::InsufficientFunds) => {
                self.rolled_back.insert(id);
                return false;
            }
            Err(TransferError::Database(error)) => error,
        };
        let passing = matches!(
            error.category(),
            Category::Transient | Category::Resource | Category::Ambiguous
        );
        assert!(
            passing,
            "not what a fault of the server looks like: {error:?}"
        );
        let limit = match error.outcome().unwrap() {
            Outcome::RolledBack => {
                self.rolled_back.insert(id);
                TIMEOUT + SLACK
            }
            Outcome::Unknown => {
                self.unknown.insert(id);
                TIMEOUT + GRACE + SLACK
            }
            other => panic!("{other:?} for a call that failed: {error:?}"),
        };
        assert!(took < limit, "the call took {took:?}: {error:?}");
        *self.failures.entry(error.kind().as_str()).or_default() += 1;
        true
    }

    /// Compares what was reported with what is stored.
    pub(super) async fn is_true(&self, url: &str) {
        let conn = PgConnection::connect(url).await.expect("the server");
        let conn = Mutex::new(conn);
        eventually("no other session does anything", async || {
            let busy = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'
                AND pid <> pg_backend_pid() AND state <> 'idle'";
            let busy = sqlx::query_scalar::<_, i64>(busy);
            busy.fetch_one(&mut *conn.lock().await).await.unwrap() == 0
        })
        .await;
        let mut conn = conn.into_inner();
        let entries = sqlx::query_as::<_, (i64, i64, i64, i64)>("SELECT * FROM ledger");
        let entries = entries.fetch_all(&mut conn).await.expect("the ledger");
        let accounts = sqlx::query_as::<_, (i64, i64)>("SELECT * FROM accounts");
        let accounts = accounts.fetch_all(&mut conn).await.expect("the accounts");
        println!(
            "{} applied, {} rolled back, {} unknown, {} stored, slowest {:?}, {:?}",
            self.applied.len(),
            self.rolled_back.len(),
            self.unknown.len(),
            entries.len(),
            self.slowest,
            self.failures
        );

        let mut expected: HashMap<_, _> = (1..=ACCOUNTS).map(|id| (id, EACH)).collect();
        for (id, from, to, cents) in &entries {
            *expected.get_mut(from).expect("an account") -= cents;
            *expected.get_mut(to).expect("an account") += cents;
            let said = self.applied.contains(id) || self.unknown.contains(id);
            assert!(said, "{id} is stored, and was not said to be");
        }
        let stored: HashSet<_> = entries.iter().map(|(id, ..)| *id).collect();
        let lost: Vec<_> = self.applied.difference(&stored).collect();
        assert!(lost.is_empty(), "said to be applied, and are not: {lost:?}");
        let undone = self.rolled_back.intersection(&stored).count();
        assert_eq!(undone, 0, "said to be rolled back, and are not");
        // The key prevents a second ledger entry, but not a second effect on the accounts.
        assert_eq!(accounts.into_iter().collect::<HashMap<_, _>>(), expected);
    }
}
