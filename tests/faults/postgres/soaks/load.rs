//! Many tasks that call every sort of operation, and keep what each call has told them.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use dbop::{Category, Db, Outcome};
use dbop_tests::poll_at_most;
use sqlx::{PgConnection, Postgres};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::cuts::Trouble;
use super::super::cuts::operations::{
    idempotent_operation, idempotent_transaction, once, operation, read, read_in_transaction,
    transaction,
};

pub(super) const TASKS: u64 = 16;
/// Longer than a call and then its `COMMIT` may take on a busy machine.
const NEVER: Duration = Duration::from_secs(30);
/// How often a call with a key is repeated while its effect is not known.
const REPEATS: u32 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Transaction,
    IdempotentTransaction,
    Once,
    Operation,
    IdempotentOperation,
    Read,
    ReadInTransaction,
}

const SORTS: [Sort; 7] = [
    Sort::Transaction,
    Sort::IdempotentTransaction,
    Sort::Once,
    Sort::Operation,
    Sort::IdempotentOperation,
    Sort::Read,
    Sort::ReadInTransaction,
];

impl Sort {
    async fn call(self, db: &Db<Postgres>, key: i64) -> Result<(), Trouble> {
        match self {
            Self::Transaction => transaction(db, key).await,
            Self::IdempotentTransaction => idempotent_transaction(db, key).await,
            Self::Once => once(db, key).await,
            Self::Operation => operation(db, key).await,
            Self::IdempotentOperation => idempotent_operation(db, key).await,
            Self::Read => read(db, key).await,
            Self::ReadInTransaction => read_in_transaction(db, key).await,
        }
    }

    fn writes(self) -> bool {
        !matches!(self, Self::Read | Self::ReadInTransaction)
    }
}

/// What is known of the outcome of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Heard {
    Ok,
    RolledBack,
    Unknown,
    /// The caller went away.
    Dropped,
}

/// What all tasks were told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What was heard of each call that writes, by its key.
    heard: HashMap<i64, Heard>,
    counts: BTreeMap<Heard, u64>,
    /// How often calls failed, by the name of the kind.
    failures: BTreeMap<&'static str, u64>,
}

impl Told {
    fn adds(&mut self, other: Self) {
        self.heard.extend(other.heard);
        for (heard, times) in other.counts {
            *self.counts.entry(heard).or_default() += times;
        }
        for (kind, times) in other.failures {
            *self.failures.entry(kind).or_default() += times;
        }
    }

    /// Records how a call has ended. `None`: it was dropped.
    fn hears(&mut self, told: Option<Result<(), Trouble>>) -> Heard {
        let heard = match told {
            None => Heard::Dropped,
            Some(Ok(())) => Heard::Ok,
            Some(Err(Trouble(error))) => {
                let passing = matches!(
                    error.category(),
                    Category::Transient | Category::Resource | Category::Ambiguous
                );
                assert!(passing, "not what a fault looks like: {error:?}");
                *self.failures.entry(error.kind().as_str()).or_default() += 1;
                match error.outcome().unwrap() {
                    Outcome::RolledBack => Heard::RolledBack,
                    Outcome::Unknown => Heard::Unknown,
                    other => panic!("{other:?} for a call that failed: {error:?}"),
                }
            }
        };
        *self.counts.entry(heard).or_default() += 1;
        heard
    }

    pub(super) fn refused_by_the_breaker(&self) -> u64 {
        let kind = dbop::ErrorKind::CircuitOpen.as_str();
        self.failures.get(kind).copied().unwrap_or_default()
    }

    pub(super) fn succeeded(&self) -> u64 {
        self.counts.get(&Heard::Ok).copied().unwrap_or_default()
    }

    /// Returns everything that is stored and contradicts what was reported.
    pub(super) async fn wrong(&self, outside: &mut PgConnection) -> Vec<String> {
        let stored = "SELECT key, sum(effect)::bigint, sum(counted)::bigint FROM (
                SELECT key, 1 AS effect, 0 AS counted FROM effects
                UNION ALL SELECT key, 1, 0 FROM unique_effects
                UNION ALL SELECT key, 0, 1 FROM counts
            ) AS stored GROUP BY key";
        let stored = sqlx::query_as::<_, (i64, i64, i64)>(stored);
        let stored = stored.fetch_all(outside).await.expect("what is stored");
        let mut left = self.heard.clone();
        let mut wrong = Vec::new();
        for (key, effects, counted) in stored {
            let heard = left.remove(&key);
            let may_be = !matches!(heard, None | Some(Heard::RolledBack));
            if (effects, counted) != (1, 1) || !may_be {
                wrong.push(format!(
                    "{key}: {heard:?}, but {effects} effects and {counted} counts"
                ));
            }
        }
        let lost = left.iter().filter(|(_, heard)| **heard == Heard::Ok);
        wrong.extend(lost.map(|(key, _)| format!("{key}: Ok, but nothing is stored")));
        wrong
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |heard| self.counts.get(&heard).copied().unwrap_or_default();
        write!(
            f,
            "{} operations, {} ok, {} rolled back, {} unknown, {} dropped, failures {:?}",
            self.counts.values().sum::<u64>(),
            count(Heard::Ok),
            count(Heard::RolledBack),
            count(Heard::Unknown),
            count(Heard::Dropped),
            self.failures
        )
    }
}

#[derive(Debug)]
pub(super) struct Load {
    tasks: Vec<JoinHandle<Told>>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    /// How many calls have ended.
    ended: AtomicU64,
    next_key: AtomicI64,
    /// Whether some callers go away.
    cancels: bool,
}

impl Load {
    pub(super) fn start(db: &Db<Postgres>, seed: u64, cancels: bool) -> Self {
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            ended: AtomicU64::new(0),
            next_key: AtomicI64::new(1),
            cancels,
        });
        let task = |task| {
            let worker = Worker {
                db: db.clone(),
                random: fastrand::Rng::with_seed(seed.wrapping_add(task)),
                shared: Arc::clone(&shared),
                told: Told::default(),
            };
            tokio::spawn(worker.work())
        };
        Self {
            tasks: (1..=TASKS).map(task).collect(),
            shared,
        }
    }

    pub(super) fn ended(&self) -> u64 {
        self.shared.ended.load(SeqCst)
    }

    pub(super) async fn ends(self) -> Told {
        self.shared.stop.store(true, SeqCst);
        let mut all = Told::default();
        for task in self.tasks {
            all.adds(
                task.await
                    .expect("no false answer, and none that never comes"),
            );
        }
        all
    }
}

struct Worker {
    db: Db<Postgres>,
    random: fastrand::Rng,
    shared: Arc<Shared>,
    told: Told,
}

impl Worker {
    async fn work(mut self) -> Told {
        while !self.shared.stop.load(SeqCst) {
            let sort = SORTS[self.random.usize(..SORTS.len())];
            let key = self.shared.next_key.fetch_add(1, SeqCst);
            let mut heard = self.call(sort, key).await;
            if sort == Sort::Once && self.random.bool() {
                heard = self.asks_again(heard, key).await;
            }
            if sort.writes() {
                self.told.heard.insert(key, heard);
            }
        }
        self.told
    }

    /// Repeats a call while its effect is not known, which the key makes safe.
    async fn asks_again(&mut self, mut heard: Heard, key: i64) -> Heard {
        for _ in 0..REPEATS {
            if matches!(heard, Heard::Ok | Heard::RolledBack) {
                break;
            }
            if self.call(Sort::Once, key).await == Heard::Ok {
                heard = Heard::Ok;
            }
        }
        heard
    }

    async fn call(&mut self, sort: Sort, key: i64) -> Heard {
        let call = sort.call(&self.db, key);
        let told = match self.random.u8(..) {
            0..32 if self.shared.cancels => poll_at_most(self.random.u32(1..60), call).await,
            32..64 if self.shared.cancels => {
                let moment = Duration::from_micros(self.random.u64(0..20_000));
                timeout(moment, call).await.ok()
            }
            _ => {
                let told = timeout(NEVER, call).await;
                Some(told.unwrap_or_else(|_| panic!("{sort:?} hangs")))
            }
        };
        self.shared.ended.fetch_add(1, SeqCst);
        self.told.hears(told)
    }
}
