//! The same queries, asked for in one way or another.

use std::path::Path;
use std::time::{Duration, Instant};

use dbop::{BlockingDb, db_op};
use harness::bank::Fallible;
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;
use tokio::task::JoinSet;

use crate::spawned::Stack;

/// How many queries run, all at once.
pub(super) const QUERIES: usize = 64;
/// How many connections there are for them, in each way.
pub(super) const CONNECTIONS: u32 = 4;

#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    None,
    Naive,
    ByHand,
    Dbop,
}

impl Way {
    pub(super) async fn run(self, rows: i64) {
        let queries = match self {
            Self::None => {
                tokio::time::sleep(Duration::from_millis(400)).await; // for the ticker to have ticks
                return;
            }
            Self::Naive => naively(rows),
            Self::ByHand => by_hand(rows),
            Self::Dbop => through_dbop(rows),
        };
        for counted in queries.join_all().await {
            assert_eq!(counted.expect("a query without tables does not fail"), rows);
        }
    }
}

/// Counts to a number: tens of milliseconds of work inside SQLite.
#[db_op(read_only, timeout = "5m")]
fn slow_query(conn: &mut Connection, rows: i64) -> rusqlite::Result<i64> {
    conn.query_row(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
         SELECT count(*) FROM numbers",
        [rows],
        |row| row.get(0),
    )
}

/// In async code that forgets what a synchronous driver does: the thread waits for a connection and
/// for the query, and nothing else runs on it.
fn naively(rows: i64) -> JoinSet<Fallible<i64>> {
    let pool = r2d2::Pool::builder()
        .max_size(CONNECTIONS)
        .build_unchecked(SqliteConnectionManager::memory());
    let mut queries = JoinSet::new();
    for _ in 0..QUERIES {
        let pool = pool.clone();
        queries.spawn(async move {
            let mut conn = pool.get()?;
            Ok(slow_query_sync(&mut conn, rows)?)
        });
    }
    queries
}

/// What an expert writes without dbop.
fn by_hand(rows: i64) -> JoinSet<Fallible<i64>> {
    let stack = Stack::open(Path::new(":memory:"), "", CONNECTIONS).expect("it is memory");
    let mut queries = JoinSet::new();
    for _ in 0..QUERIES {
        let stack = stack.clone();
        queries.spawn(async move { stack.with(move |conn| slow_query_sync(conn, rows)).await });
    }
    queries
}

/// The same function, awaited.
fn through_dbop(rows: i64) -> JoinSet<Fallible<i64>> {
    let db = BlockingDb::builder(SqliteConnectionManager::memory())
        .pool_size(CONNECTIONS)
        .acquire_timeout(Duration::from_secs(300))
        .build();
    let mut queries = JoinSet::new();
    for _ in 0..QUERIES {
        let db = db.clone();
        queries.spawn(async move { Ok(slow_query(&db, rows).await?) });
    }
    queries
}

/// How far a query has to count to take about as long on this machine: after the fastest of three,
/// since the machine may be busy with something else.
pub(super) fn rows_for(time: Duration) -> i64 {
    const SAMPLE: i32 = 20_000;
    let mut conn = Connection::open_in_memory().expect("a database in memory opens");
    let mut sample = || {
        let began = Instant::now();
        slow_query_sync(&mut conn, SAMPLE.into()).expect("a query without tables does not fail");
        began.elapsed()
    };
    let fastest = sample().min(sample()).min(sample());
    (f64::from(SAMPLE) * time.as_secs_f64() / fastest.as_secs_f64()) as i64
}
