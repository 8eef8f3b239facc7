//! What each isolation level of Postgres lets transactions see of each other.

use std::time::Duration;

use dbop::{Category, Tx, transactional};
use sqlx::{Connection, Executor, PgConnection, Postgres};
use tokio::sync::Barrier;

use super::common::histories::{is_conflict, nothing, random_history};
use super::common::registers::{self, Log, Pen, Trouble};
use crate::faults::checker::{Anomaly, End, History, Key, Level};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_random_history_at_repeatable_read_has_no_anomaly_that_snapshots_forbid() {
    random_history(Level::Snapshot, is_conflict, nothing).await;
}

/// Ends sessions of this database again and again, whatever they do at that moment.
async fn end_sessions(url: &str) {
    let mut conn = PgConnection::connect(url).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
        ORDER BY state = 'active' DESC, random() LIMIT 1";
    loop {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(20..120))).await;
        conn.execute(end).await.unwrap();
    }
}

fn passes(error: &dbop::Error) -> bool {
    [Category::Transient, Category::Ambiguous].contains(&error.category())
}

/// What a call reported of a transaction whose session was ended is what became of the transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_random_history_in_which_sessions_are_ended_has_no_anomaly() {
    random_history(Level::Serializable, passes, end_sessions).await;
}

/// The two calls of a pair, each of which has read before the other has written.
struct Meeting {
    log: Log,
    both_have_read: Barrier,
}

impl Meeting {
    fn new() -> Self {
        Self {
            log: Log::default(),
            both_have_read: Barrier::new(2),
        }
    }

    /// Reads both lists and appends to one. The first attempts of the two calls wait for each
    /// other.
    async fn run(
        &self,
        tx: &mut Tx<'_, Postgres>,
        pens: &std::sync::Mutex<Vec<Pen>>,
        to: Key,
    ) -> Result<(), Trouble> {
        let pen = self.log.begin();
        let mut own = Vec::new();
        for key in [1, 2] {
            let list = pen.read(&mut *tx, key).await?;
            if key == to {
                own = list;
            }
        }
        let first = pens.lock().unwrap().is_empty();
        own.push(pen.value(to));
        pens.lock().unwrap().push(pen);
        if first {
            self.both_have_read.wait().await;
        }
        Ok(registers::replace(&mut *tx, to, &own).await?)
    }
}

macro_rules! pair_at {
    ($name:ident, $isolation:ident) => {
        /// Returns the history of two calls that meet, each appending to its own list, and the
        /// number of their attempts.
        async fn $name(lists: [Key; 2]) -> (History, usize) {
            #[transactional(isolation = $isolation)]
            async fn one(
                tx: &mut Tx<'_, Postgres>,
                meeting: &Meeting,
                pens: &std::sync::Mutex<Vec<Pen>>,
                to: Key,
            ) -> Result<(), Trouble> {
                meeting.run(&mut *tx, pens, to).await
            }

            let fresh = registers::open().await;
            let meeting = Meeting::new();
            let pens = [std::sync::Mutex::default(), std::sync::Mutex::default()];
            let (a, b) = tokio::join!(
                one(&*fresh, &meeting, &pens[0], lists[0]),
                one(&*fresh, &meeting, &pens[1], lists[1]),
            );
            a.unwrap();
            b.unwrap();
            let mut attempts = 0;
            for pens in pens {
                let pens = pens.into_inner().unwrap();
                attempts += pens.len();
                pens.last().unwrap().ends(End::Committed);
            }
            (meeting.log.close(&fresh).await, attempts)
        }
    };
}

pair_at!(at_serializable, serializable);
pair_at!(at_repeatable_read, repeatable_read);
pair_at!(at_read_committed, read_committed);

#[tokio::test]
async fn write_skew_is_there_at_repeatable_read_and_found() {
    let (history, attempts) = at_repeatable_read([1, 2]).await;
    assert_eq!(attempts, 2, "neither is in the other's way");
    assert_eq!(history.anomalies(Level::Serializable), [Anomaly::WriteSkew]);
    assert_eq!(history.anomalies(Level::Snapshot), []);
}

#[tokio::test]
async fn write_skew_is_not_there_at_serializable() {
    let (history, attempts) = at_serializable([1, 2]).await;
    assert_eq!(attempts, 3, "one of the two calls was replayed");
    assert_eq!(history.anomalies(Level::Serializable), []);
}

#[tokio::test]
async fn a_lost_update_is_there_at_read_committed_and_found() {
    let (history, attempts) = at_read_committed([1, 1]).await;
    assert_eq!(attempts, 2);
    let found = history.anomalies(Level::Snapshot);
    assert_eq!(found, [Anomaly::LostUpdate]);
}

#[tokio::test]
async fn a_lost_update_is_not_there_at_repeatable_read() {
    let (history, attempts) = at_repeatable_read([1, 1]).await;
    assert_eq!(attempts, 3, "one of the two calls was replayed");
    assert_eq!(history.anomalies(Level::Snapshot), []);
    assert_eq!(history.last[&1].len(), 2);
}
