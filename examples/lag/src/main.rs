//! What slow blocking queries do to an event loop. A task that wants to run every millisecond
//! reports how late it was, while 64 queries run that each block their thread. A task that hardly
//! ever runs has few ticks, and a percentile of few ticks says how few they were.
//!
//! ```text
//! cargo run --release -p lag
//! ```

mod lateness;
mod queries;

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use lateness::{Lateness, event_loops, measured};
use queries::{CONNECTIONS, QUERIES, naively, rows_for, through_dbop};

/// The number of ticks from which on a 99th percentile is something else than the maximum.
const MANY: usize = 100;

/// The names of the event loops.
const THREADS: [&str; 2] = ["one thread", "two threads"];

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
    for (threads, runtime) in THREADS.into_iter().zip(event_loops()) {
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
                percentile(&lateness, 0.5),
                percentile(&lateness, 0.99),
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
         25 ms run on {CONNECTIONS} connections:\n{table}\nA tick is one run of the task. A percentile \
         of fewer than {MANY} ticks says how many they were."
    );
}

/// Formats a percentile. One of few ticks says how many they were, because it is hardly more than
/// one of them.
fn percentile(lateness: &Lateness, share: f64) -> String {
    let time = milliseconds(lateness.quantile(share));
    match lateness.ticks() {
        ticks @ ..MANY => format!("{time} of {ticks}"),
        _ => time,
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_of_few_ticks_says_how_many_they_were() {
        let late = |ticks| Lateness::from(vec![Duration::from_millis(7); ticks]);
        assert_eq!(percentile(&late(2), 0.99), "7.0 ms of 2");
        assert_eq!(percentile(&late(MANY - 1), 0.5), "7.0 ms of 99");
        assert_eq!(percentile(&late(MANY), 0.99), "7.0 ms");
    }

    /// Returns a length of query at which an event loop that goes on can be told from one that does
    /// not, on any machine.
    fn rows() -> i64 {
        rows_for(Duration::from_millis(25))
    }

    /// This test counts ticks, because how long anything takes says more about the machine.
    #[test]
    fn an_event_loop_goes_on_while_plain_functions_run() {
        let rows = rows();
        for (threads, runtime) in THREADS.into_iter().zip(event_loops()) {
            let (lateness, _) = measured(&runtime, through_dbop(rows));
            assert!(lateness.ticks() > QUERIES / 4, "{threads}: {lateness:?}");
        }
    }

    #[test]
    fn it_stands_still_while_async_code_calls_a_synchronous_driver() {
        let rows = rows();
        let [one_thread, _] = event_loops();
        let (naive, _) = measured(&one_thread, naively(rows));
        let (dbop, _) = measured(&one_thread, through_dbop(rows));
        assert!(naive.ticks() * 4 < dbop.ticks(), "{naive:?}\n{dbop:?}");
    }
}
