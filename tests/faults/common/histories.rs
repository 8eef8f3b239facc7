//! What concurrent transactions see of each other, in random histories and in some that are known
//! to be wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use dbop::{Db, ErrorKind, Outcome, Tx, transactional};
use dbop_tests::seed;
use futures_util::future::try_join_all;
use tokio::time::timeout;

use super::Database;
use super::registers::{self, Act, Call, Fate, LISTS, Log, Trouble};
use crate::faults::checker::{Anomaly, End, History, Key, Level, Step};

const TASKS: u64 = 12;
const TIME: Duration = Duration::from_secs(3);
const CALLS: i64 = 300;
/// How many lists are in use at a time, and after how many calls the next ones are.
const HOT: Key = 4;
const CALLS_OF_A_LIST: Key = 80;

#[transactional(isolation = serializable, retry(attempts = 30, base = "1ms", cap = "20ms"))]
async fn serializable(
    tx: &mut Tx<'_, Database>,
    call: &Call,
    acts: &[Act],
    fate: Fate,
) -> Result<(), Trouble> {
    call.run(&mut *tx, acts, fate).await
}

#[transactional(isolation = repeatable_read, retry(attempts = 30, base = "1ms", cap = "20ms"))]
async fn snapshot(
    tx: &mut Tx<'_, Database>,
    call: &Call,
    acts: &[Act],
    fate: Fate,
) -> Result<(), Trouble> {
    call.run(&mut *tx, acts, fate).await
}

#[transactional(read_only, isolation = serializable)]
async fn look_serializable(
    tx: &mut Tx<'_, Database>,
    call: &Call,
    acts: &[Act],
) -> Result<(), Trouble> {
    call.run(&mut *tx, acts, Fate::Well).await
}

#[transactional(read_only, isolation = repeatable_read)]
async fn look_at_snapshot(
    tx: &mut Tx<'_, Database>,
    call: &Call,
    acts: &[Act],
) -> Result<(), Trouble> {
    call.run(&mut *tx, acts, Fate::Well).await
}

/// A task that makes random calls.
struct Worker {
    db: Db<Database>,
    level: Level,
    /// The errors that calls may end with.
    expected: fn(&dbop::Error) -> bool,
    log: Log,
    random: fastrand::Rng,
    calls: Arc<AtomicI64>,
}

impl Worker {
    async fn work(mut self, begun: Instant) {
        loop {
            let number = self.calls.fetch_add(1, Relaxed);
            let least = begun.elapsed() < TIME;
            // On a busy machine the workers get more time, so that there is something to judge.
            if !least && (number >= CALLS || begun.elapsed() > TIME * 3) {
                return;
            }
            let epoch = number / CALLS_OF_A_LIST;
            let first = (epoch * HOT).min(LISTS - HOT);
            let call = Call::of(&self.log);
            let end = self.one(&call, first).await;
            call.ends(end);
        }
    }

    async fn one(&mut self, call: &Call, first: Key) -> End {
        if self.random.u8(..) < 60 {
            let mut keys: Vec<Key> = (first..first + HOT).collect();
            self.random.shuffle(&mut keys);
            let acts: Vec<Act> = keys.into_iter().map(Act::Read).collect();
            let result = match self.level {
                Level::Serializable => look_serializable(&self.db, call, &acts).await,
                Level::Snapshot => look_at_snapshot(&self.db, call, &acts).await,
            };
            return self.told(result);
        }
        let acts: Vec<Act> = (0..self.random.usize(1..=4))
            .map(|_| self.act(first))
            .collect();
        let fate = match self.random.u8(..) {
            0..20 => Fate::Refused,
            20..40 => Fate::NotAtFirst,
            40..55 => Fate::RollbackOnly,
            _ => Fate::Well,
        };
        let cut = self.random.u8(..) < 25;
        // The range goes from before the first statement to after most commits.
        let patience = Duration::from_micros(self.random.u64(0..12_000));
        let patience = if cut {
            patience
        } else {
            Duration::from_secs(30)
        };
        let result = match self.level {
            Level::Serializable => {
                timeout(patience, serializable(&self.db, call, &acts, fate)).await
            }
            Level::Snapshot => timeout(patience, snapshot(&self.db, call, &acts, fate)).await,
        };
        match result {
            Ok(Ok(())) if fate == Fate::RollbackOnly => End::RolledBack,
            Ok(result) => self.told(result),
            Err(_) => {
                assert!(cut, "a call hangs");
                End::Unknown
            }
        }
    }

    fn act(&mut self, first: Key) -> Act {
        let key = self.random.i64(first..first + HOT);
        match self.random.u8(0..8) {
            0..3 => Act::Read(key),
            3..5 => Act::Append(key),
            5..7 => Act::ReadAndReplace(key),
            _ => Act::AppendAndUndo(key),
        }
    }
}

/// Returns whether this is an error of calls that only conflict with each other.
pub(crate) fn is_conflict(error: &dbop::Error) -> bool {
    let conflicts = [
        ErrorKind::Serialization,
        ErrorKind::Deadlock,
        ErrorKind::Lock,
    ];
    conflicts.contains(&error.kind()) && error.outcome().unwrap() == Outcome::RolledBack
}

impl Worker {
    /// Returns what the caller knows about the outcome.
    fn told(&self, result: Result<(), Trouble>) -> End {
        let error = match result {
            Ok(()) => return End::Committed,
            Err(Trouble::Database(error)) => error,
            Err(Trouble::Refused | Trouble::NotNow) => return End::RolledBack,
        };
        assert!((self.expected)(&error), "no other fault: {error:?}");
        match error.outcome().unwrap() {
            Outcome::Committed => End::Committed,
            Outcome::RolledBack => End::RolledBack,
            Outcome::Unknown => End::Unknown,
        }
    }
}

/// Runs random transactions at this level for some seconds, and checks that every answer was true
/// and that the history shows nothing that the level forbids.
pub(crate) async fn random_history(
    level: Level,
    expected: fn(&dbop::Error) -> bool,
    disturb: impl AsyncFn(&str),
) {
    let seed = seed();
    let fresh = registers::open().await;
    let log = Log::default();
    let calls = Arc::new(AtomicI64::new(0));
    let begun = Instant::now();
    let worker = |task| Worker {
        db: fresh.db.clone(),
        level,
        expected,
        log: log.clone(),
        random: fastrand::Rng::with_seed(seed.wrapping_add(task)),
        calls: Arc::clone(&calls),
    };
    let workers = (0..TASKS).map(|task| tokio::spawn(worker(task).work(begun)));
    let workers = timeout(Duration::from_secs(60), try_join_all(workers));
    tokio::select! {
        biased;
        ended = workers => drop(ended.expect("a worker hangs").unwrap()),
        () = disturb(&fresh.url) => unreachable!("it goes on for as long as they work"),
    }
    let history = log.close(&fresh).await;
    assert_has_something_to_show(&history);
    let findings = history.check(level);
    let some: Vec<_> = findings.iter().take(5).collect();
    let count = findings.len();
    assert_eq!(count, 0, "seed {seed}; the first of them: {some:#?}");
}

/// A disturbance that does nothing.
pub(crate) async fn nothing(_: &str) {
    std::future::pending().await
}

/// Checks that enough happened. A history of transactions that never meet could not be wrong.
fn assert_has_something_to_show(history: &History) {
    let ended = |end| history.attempts.iter().filter(|a| a.end == end).count();
    let [committed, rolled_back, unknown] =
        [End::Committed, End::RolledBack, End::Unknown].map(ended);
    let values: usize = history.last.values().map(Vec::len).sum();
    println!(
        "{committed} committed, {rolled_back} rolled back, {unknown} unknown, {values} values"
    );
    assert!(committed > 50 && rolled_back > 10 && values > 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_random_history_of_serializable_transactions_has_no_anomaly() {
    random_history(Level::Serializable, is_conflict, nothing).await;
}

/// Each statement of this history commits by itself, but the history is recorded as if two of them
/// had been one transaction: an update is lost, and two readers disagree.
#[tokio::test]
async fn what_no_transaction_keeps_together_is_found() {
    let fresh = registers::open().await;
    let log = Log::default();
    let pool = fresh.pool();
    let [a, b] = [log.begin(), log.begin()];
    for pen in [&a, &b] {
        assert!(pen.read(pool, 0).await.unwrap().is_empty());
    }
    for pen in [&a, &b] {
        registers::replace(pool, 0, &[pen.value(0)]).await.unwrap();
        pen.ends(End::Committed);
    }
    let lost = log.close(&fresh).await;
    for level in [Level::Serializable, Level::Snapshot] {
        assert_eq!(lost.anomalies(level), [Anomaly::LostUpdate]);
    }

    let fresh = registers::open().await;
    let log = Log::default();
    let pool = fresh.pool();
    let [a, b, one, other] = std::array::from_fn(|_| log.begin());
    one.read(pool, 2).await.unwrap();
    other.read(pool, 1).await.unwrap();
    registers::append(pool, 1, a.value(1)).await.unwrap();
    registers::append(pool, 2, b.value(2)).await.unwrap();
    one.read(pool, 1).await.unwrap();
    other.read(pool, 2).await.unwrap();
    for pen in [a, b, one, other] {
        pen.ends(End::Committed);
    }
    let forked = log.close(&fresh).await;
    for level in [Level::Serializable, Level::Snapshot] {
        assert_eq!(forked.anomalies(level), [Anomaly::LongFork]);
    }
}

/// Each attempt has done all its work before it fails. The values show which attempt wrote them.
#[tokio::test]
async fn only_the_attempt_that_committed_leaves_a_trace() {
    let fresh = registers::open().await;
    let log = Log::default();
    let acts = [
        Act::Append(0),
        Act::ReadAndReplace(1),
        Act::AppendAndUndo(2),
    ];
    for fate in [
        Fate::NotAtFirst,
        Fate::Refused,
        Fate::RollbackOnly,
        Fate::Well,
    ] {
        let call = Call::of(&log);
        let result = serializable(&*fresh, &call, &acts, fate).await;
        let kept = matches!(fate, Fate::NotAtFirst | Fate::Well);
        assert_eq!(result.is_ok(), fate != Fate::Refused, "{fate:?}");
        assert_eq!(call.attempts(), 1 + usize::from(fate == Fate::NotAtFirst));
        call.ends(if kept {
            End::Committed
        } else {
            End::RolledBack
        });
    }
    let history = log.close(&fresh).await;
    let findings = history.check(Level::Serializable);
    assert!(findings.is_empty(), "{findings:#?}");
    let kept = history.attempts.iter().filter(|a| a.end == End::Committed);
    let values = kept
        .flat_map(|attempt| &attempt.steps)
        .filter_map(|step| match step {
            Step::Append(0, value) => Some(*value),
            _ => None,
        });
    assert_eq!(history.last[&0], values.collect::<Vec<_>>());
    assert!(!history.last.contains_key(&2), "the savepoint's work");
}
