//! The hot accounts in a SQLite file to which others write, too.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dbop::{Db, Tx, transactional};
use harness::bank::{Fallible, GIVE, Place};
use harness::{Contestant, Options, Promises, interleave};
use rusqlite::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{Sqlite, SqlitePool};

use super::loops::{Delay, retried};
use super::report::Report;
use super::{Ground, Order, TASKS, Transfers};
use crate::peers::{dbop as dbop_peer, pools};
use crate::place::File;

#[transactional(timeout = "10s")]
async fn transfer(
    tx: &mut Tx<'_, Sqlite>,
    first: (i64, i64),
    second: (i64, i64),
    begun: &AtomicU64,
) -> dbop::Result<()> {
    begun.fetch_add(1, Ordering::Relaxed);
    give!(&mut *tx, first);
    give!(&mut *tx, second);
    Ok(())
}

impl Transfers for Db<Sqlite> {
    async fn transfer(
        &self,
        first: (i64, i64),
        second: (i64, i64),
        begun: &AtomicU64,
    ) -> Fallible<()> {
        Ok(transfer(self, first, second, begun).await?)
    }
}

async fn attempt(pool: &SqlitePool, first: (i64, i64), second: (i64, i64)) -> sqlx::Result<()> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    give!(&mut *tx, first);
    give!(&mut *tx, second);
    tx.commit().await
}

struct Loop {
    pool: SqlitePool,
    delay: Delay,
}

impl Transfers for Loop {
    async fn transfer(
        &self,
        first: (i64, i64),
        second: (i64, i64),
        begun: &AtomicU64,
    ) -> Fallible<()> {
        retried(self.delay, begun, || attempt(&self.pool, first, second)).await
    }
}

/// What is written most often: one pool, the driver's own busy timeout, and no loop.
struct Unaware(SqlitePool);

impl Transfers for Unaware {
    async fn transfer(
        &self,
        first: (i64, i64),
        second: (i64, i64),
        begun: &AtomicU64,
    ) -> Fallible<()> {
        begun.fetch_add(1, Ordering::Relaxed);
        Ok(attempt(&self.0, first, second).await?)
    }
}

/// Two other writers, as another process would have them. Each holds the lock for 1 ms of every 10
/// ms, if it gets the lock.
struct Others {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<rusqlite::Result<()>>>,
}

impl Others {
    fn start(file: &Path, commits: &Arc<AtomicU64>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let start = |account: i64| {
            let (file, stop) = (file.to_owned(), Arc::clone(&stop));
            let commits = Arc::clone(commits);
            thread::spawn(move || write(&file, account, &stop, &commits))
        };
        Self {
            threads: [5, 6].map(start).into(),
            stop,
        }
    }

    fn stop(self) -> Fallible<()> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().map_err(|_| "a writer panicked")??;
        }
        Ok(())
    }
}

fn write(
    file: &Path,
    account: i64,
    stop: &AtomicBool,
    commits: &AtomicU64,
) -> rusqlite::Result<()> {
    let conn = Connection::open(file)?;
    conn.busy_timeout(Duration::from_secs(60))?;
    while !stop.load(Ordering::Relaxed) {
        conn.execute_batch("BEGIN IMMEDIATE")?;
        conn.execute(GIVE, [0, account])?;
        thread::sleep(Duration::from_millis(1));
        conn.execute_batch("COMMIT")?;
        commits.fetch_add(1, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(9));
    }
    Ok(())
}

pub(super) async fn run(options: &Options, report: &mut Report) -> Fallible<()> {
    let file = File::create().await?;
    let before = file.total().await?;
    let ground = Ground::new(Order::Any);
    let contestants = contestants(&file, &ground).await?;
    for others in [false, true] {
        let title = match others {
            false => "SQLite, nobody else writes",
            true => {
                "SQLite, two others write, each holding the lock for 1 of 10 ms (what they commit is in brackets)"
            }
        };
        eprintln!("{title}");
        let writers = others.then(|| Others::start(&file.path, &ground.others));
        let length = options.window(500, 1000);
        let results = interleave(options, &contestants, TASKS, length).await;
        report.add(title, &results);
        if let Some(writers) = writers {
            writers.stop()?;
        }
    }
    assert_eq!(file.total().await?, before, "money was made or lost");
    Ok(())
}

async fn contestants(file: &File, ground: &Ground) -> Fallible<Vec<Contestant>> {
    let path = &*file.path;
    let retries = Promises {
        deadline: true,
        retry: true,
        outcome: false,
    };
    let one_writer = pools::sqlite(path, 1).await?.write;
    let ten = |busy: Duration| {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .foreign_keys(true)
            .busy_timeout(busy);
        let pool = SqlitePoolOptions::new()
            .max_connections(10)
            .acquire_timeout(Duration::from_secs(30));
        pool.connect_lazy_with(options)
    };
    let by_hand = |pool: &SqlitePool, delay| Loop {
        pool: pool.clone(),
        delay,
    };
    let shared = ten(pools::BUSY_TIMEOUT);
    let unaware = Unaware(ten(Duration::from_secs(5)));
    let dbop = dbop_peer::on_sqlite(path, 10).await?.0;
    Ok(vec![
        ground.contestant("dbop", Promises::ALL, dbop),
        ground.contestant(
            "one writer, loop, fixed delay",
            retries,
            by_hand(&one_writer, Delay::Fixed),
        ),
        ground.contestant(
            "one writer, loop, exponential delay",
            retries,
            by_hand(&one_writer, Delay::Exponential),
        ),
        ground.contestant(
            "ten writers, loop, fixed delay",
            retries,
            by_hand(&shared, Delay::Fixed),
        ),
        ground.contestant(
            "ten writers, loop, exponential delay",
            retries,
            by_hand(&shared, Delay::Exponential),
        ),
        ground.contestant(
            "ten writers, sqlx's busy timeout of 5 s",
            Promises::NONE,
            unaware,
        ),
    ])
}
