//! What slow blocking queries do to an event loop: a task that wants to run every millisecond says
//! how late it was, while 64 queries run that block their thread.
//!
//! ```text
//! cargo run --release -p lag
//! ```

mod lateness;

use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, presets};
use dbop::{BlockingDb, db_op};
use lateness::{Lateness, Ticker};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

/// How many queries run, all at once.
const QUERIES: usize = 64;
/// How many connections there are for them, in either way.
const CONNECTIONS: u32 = 4;

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

/// The queries as async code that forgets what a synchronous driver does: the thread waits for a
/// connection and for the query, and nothing else runs on it.
async fn naively(rows: i64) {
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

/// The same function, awaited.
async fn through_dbop(rows: i64) {
    let db = BlockingDb::builder(SqliteConnectionManager::memory())
        .pool_size(CONNECTIONS)
        .acquire_timeout(Duration::from_secs(300))
        .build();
    let mut queries = JoinSet::new();
    for _ in 0..QUERIES {
        let db = db.clone();
        queries.spawn(async move { slow_query(&db, rows).await });
    }
    all_counted(queries, rows).await;
}

async fn all_counted(queries: JoinSet<rusqlite::Result<i64>>, rows: i64) {
    for counted in queries.join_all().await {
        assert_eq!(counted.expect("a query without tables does not fail"), rows);
    }
}

fn runtimes() -> [(&'static str, Runtime); 2] {
    let start = |mut builder: Builder| {
        builder
            .enable_all()
            .build()
            .expect("the system has room for a runtime")
    };
    let mut two_threads = Builder::new_multi_thread();
    two_threads.worker_threads(2);
    [
        ("one thread", start(Builder::new_current_thread())),
        ("two threads", start(two_threads)),
    ]
}

/// Runs the work while a ticker measures.
fn measured(
    runtime: &Runtime,
    work: impl Future<Output = ()> + Send + 'static,
) -> (Lateness, Duration) {
    runtime.block_on(async {
        let ticker = Ticker::start();
        let began = Instant::now();
        // A task like all others, so that it shares the threads with the ticker.
        tokio::spawn(work).await.expect("the work does not panic");
        let took = began.elapsed();
        (ticker.stop().await, took)
    })
}

fn main() {
    let rows = rows_for(Duration::from_millis(25));
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header([
        "event loop",
        "queries",
        "ticks",
        "p50",
        "p99",
        "max",
        "took",
    ]);
    for (threads, runtime) in runtimes() {
        let idle = tokio::time::sleep;
        let ways = [
            (
                "none",
                measured(
                    &runtime,
                    async move { idle(Duration::from_millis(500)).await },
                ),
            ),
            ("inside async code", measured(&runtime, naively(rows))),
            ("through dbop", measured(&runtime, through_dbop(rows))),
        ];
        for (way, (lateness, took)) in ways {
            table.add_row([
                threads.to_owned(),
                way.to_owned(),
                lateness.ticks().to_string(),
                milliseconds(lateness.quantile(0.5)),
                milliseconds(lateness.quantile(0.99)),
                milliseconds(lateness.quantile(1.0)),
                milliseconds(took),
            ]);
        }
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!(
        "How late a task is that wants to run every millisecond, while {QUERIES} queries of about \
         25 ms run on {CONNECTIONS} connections:\n{table}"
    );
}

/// How far a query has to count to take about as long on this machine: after the fastest of three,
/// since the machine may be busy with something else.
fn rows_for(time: Duration) -> i64 {
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

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Long enough that a loop which goes on can be told from one that does not, on any machine.
    fn rows() -> i64 {
        rows_for(Duration::from_millis(25))
    }

    /// Counts, because how long anything takes says more about the machine.
    #[test]
    fn an_event_loop_goes_on_while_plain_functions_run() {
        let rows = rows();
        for (threads, runtime) in runtimes() {
            let (lateness, _) = measured(&runtime, through_dbop(rows));
            assert!(lateness.ticks() > QUERIES / 4, "{threads}: {lateness:?}");
        }
    }

    #[test]
    fn it_stands_still_while_async_code_calls_a_synchronous_driver() {
        let rows = rows();
        let [(_, one_thread), _] = runtimes();
        let (naive, _) = measured(&one_thread, naively(rows));
        let (dbop, _) = measured(&one_thread, through_dbop(rows));
        assert!(naive.ticks() * 4 < dbop.ticks(), "{naive:?}\n{dbop:?}");
    }
}
