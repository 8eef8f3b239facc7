//! Section 4: how late a task is that wants to run every millisecond, while queries run that each
//! block their thread.

#[path = "../../../../../../examples/lag/src/lateness.rs"]
mod lateness;
#[path = "../../../../../../examples/lag/src/queries.rs"]
mod queries;
mod ways;

use harness::{Options, Ratio, Table, milliseconds};
use lateness::{event_loops, measured};
use queries::{CONNECTIONS, QUERIES, rows_for};
use tokio::runtime::Runtime;
use ways::Way;

/// The names of the event loops.
const THREADS: [&str; 2] = ["One thread", "Two threads"];

const WAYS: [(Way, &str); 4] = [
    (Way::None, "no queries"),
    (Way::Naive, "naively in async code"),
    (Way::ByHand, "`spawn_blocking` by hand"),
    (Way::Dbop, "`#[db_op] fn`"),
];

/// A turn: the p50, p99 and maximum of the lateness and the time that all queries took, in
/// milliseconds, and how often the task ran.
type Turn = [f64; 5];

/// There are fewer rounds than in other sections, because the turns are longer.
const ROUNDS: usize = 5;

pub(crate) fn run(options: &Options) -> String {
    let options = &Options {
        rounds: options.rounds.min(ROUNDS),
        ..*options
    };
    let rows = rows_for(options.window(5, 25));
    let mut rng = fastrand::Rng::with_seed(options.seed);
    let mut tables = String::new();
    for (threads, runtime) in THREADS.into_iter().zip(event_loops()) {
        let mut turns = [const { Vec::<Turn>::new() }; WAYS.len()];
        let mut order: Vec<usize> = (0..WAYS.len()).collect();
        for _ in 0..options.rounds {
            rng.shuffle(&mut order);
            for at in &order {
                turns[*at].push(turn(&runtime, WAYS[*at].0, rows));
            }
        }
        tables.push_str(&format!("{threads}:\n\n{}\n", table(&turns)));
    }
    format!(
        "## Event-loop lag\n\n{}\n\n\
         The tables show how late a task is that wants to run every millisecond, in milliseconds. \
         Meanwhile {QUERIES} queries of about {} ms each, all begun at once, run on {CONNECTIONS} \
         connections to SQLite in memory. The ratio is that of the naive way to the \
         row.\n\n{tables}",
        options.describe(),
        options.choose(5, 25),
    )
}

fn turn(runtime: &Runtime, way: Way, rows: i64) -> Turn {
    let (lateness, took) = measured(runtime, way.run(rows));
    let at = |share| milliseconds(lateness.quantile(share));
    let ticks = lateness.ticks() as f64;
    [at(0.5), at(0.99), at(1.0), milliseconds(took), ticks]
}

fn table(turns: &[Vec<Turn>; WAYS.len()]) -> Table {
    let mut table = Table::new(
        1,
        [
            "64 queries",
            "p50",
            "p99",
            "max",
            "naive ÷ row, p99",
            "naive ÷ row, max",
            "took",
            "ticks",
        ],
    );
    let column = |way: usize, value: usize| -> Vec<f64> {
        turns[way].iter().map(|turn| turn[value]).collect()
    };
    for (way, (_, name)) in WAYS.iter().enumerate() {
        let cell = |value| format!("{:.1}", Ratio::spread(column(way, value)));
        let ratio = |value| match way {
            0 | 1 => "–".to_owned(),
            _ => {
                let naive = column(Way::Naive as usize, value);
                format!("{:.0}", Ratio::of(&naive, &column(way, value)))
            }
        };
        table.row([
            (*name).to_owned(),
            cell(0),
            cell(1),
            cell(2),
            ratio(1),
            ratio(2),
            cell(3),
            format!("{:.0}", Ratio::spread(column(way, 4))),
        ]);
    }
    table
}
