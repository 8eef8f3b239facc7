//! Queries that block their thread, and two ways to ask for many of them at once.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use dbop::{BlockingDb, db_op};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;
use tokio::task::JoinSet;

/// How many queries run at the same time.
pub(crate) const QUERIES: usize = 64;
/// How many connections the queries share, in either way.
pub(crate) const CONNECTIONS: u32 = 4;

/// Counts to a number, which is tens of milliseconds of work inside SQLite.
#[db_op(read_only, timeout = "5m")]
pub(crate) fn slow_query(conn: &mut Connection, rows: i64) -> rusqlite::Result<i64> {
    conn.query_row(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
         SELECT count(*) FROM numbers",
        [rows],
        |row| row.get(0),
    )
}

/// Runs the queries as async code that forgets what a synchronous driver does. The thread waits for
/// a connection and then for the query, and nothing else runs on it meanwhile.
pub(crate) async fn naively(rows: i64) {
    let manager = SqliteConnectionManager::memory();
    let pool = r2d2::Pool::builder()
        .max_size(CONNECTIONS)
        .build_unchecked(manager);
    let mut queries = JoinSet::new();
    for _ in 0..QUERIES {
        let pool = pool.clone();
        queries.spawn(async move {
            let mut conn = pool.get().expect("a database in memory opens");
            slow_query_sync(&mut conn, rows)
        });
    }
    all_counted(queries, rows).await;
}

/// Runs the queries through dbop. They call the same function, and await it.
pub(crate) async fn through_dbop(rows: i64) {
    let db = BlockingDb::builder(SqliteConnectionManager::memory())
        .max_connections(CONNECTIONS)
        .acquire_timeout(Duration::from_secs(300))
        .build();
    let mut queries = JoinSet::new();
    for _ in 0..QUERIES {
        let db = db.clone();
        queries.spawn(async move { slow_query(&db, rows).await });
    }
    all_counted(queries, rows).await;
}

/// Waits until all queries have ended, and checks their results.
pub(crate) async fn all_counted<E: Debug + 'static>(queries: JoinSet<Result<i64, E>>, rows: i64) {
    for counted in queries.join_all().await {
        assert_eq!(counted.expect("a query without tables does not fail"), rows);
    }
}

/// Returns how far a query has to count to take about `time` on this machine. The fastest of three
/// trials decides, because the machine may be busy with something else.
pub(crate) fn rows_for(time: Duration) -> i64 {
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
