//! Section 6: from one caller to ten thousand, over a pool of ten connections.

mod crowd;
mod waiting;

use std::fmt::Write as _;
use std::sync::Arc;

use harness::bank::Fallible;
use harness::same_work::{Entry, Job, POOL};
use harness::{Options, Promises, Ratio, Results, Table, count, interleave, latency};
pub use waiting::{Counters, waiting};

use crate::peers::by_hand::ByHand;
use crate::peers::promising::Promising;
use crate::peers::{dbop, pools};
use crate::place::{File, Server};

const CALLERS: [usize; 5] = [1, 10, 100, 1000, 10_000];
const CONTESTANTS: [&str; 3] = ["dbop", "sqlx, same promises", "sqlx"];

pub(crate) async fn run(options: &Options) -> Fallible<String> {
    let file = Arc::new(File::create().await?);
    let server = Arc::new(Server::start().await?);
    let mut tables = String::new();
    for database in ["SQLite", "Postgres"] {
        let speed = speed(options, database, &file, &server).await?;
        write!(tables, "\n{database}, point reads:\n\n{speed}")?;
        let memory = memory(database, &file, &server).await?;
        write!(
            tables,
            "\n{database}, memory for each caller that waits while others have the connections:\n\n\
             {memory}"
        )?;
    }
    Ok(format!(
        "## Scaling\n\n{}\n\n\
         The given number of tasks read a row again and again over {POOL} connections. Memory: \
         {POOL} calls hold the connections, and the given number of others wait, with each \
         contestant in a process of its own. The tables show the bytes and allocations that a \
         counting allocator has counted, and the growth of the resident set, for each waiting \
         caller, its task included.\n{tables}",
        options.describe()
    ))
}

async fn speed(
    options: &Options,
    database: &str,
    file: &Arc<File>,
    server: &Arc<Server>,
) -> Fallible<Table> {
    let entries = match database {
        "SQLite" => on_sqlite(file).await?,
        _ => on_postgres(server).await?,
    };
    let contestants: Vec<_> = entries.iter().map(|entry| entry.at(Job::Read)).collect();
    let mut table = Table::new(
        0,
        [
            "callers",
            "dbop /s",
            "same promises /s",
            "sqlx /s",
            "dbop ÷ same promises",
            "dbop ÷ sqlx",
            "p99 dbop",
            "p99 same promises",
            "p99 sqlx",
        ],
    );
    for callers in CALLERS {
        eprintln!("{database}: {callers} callers");
        let length = options.window(200, 250);
        let results = interleave(options, &contestants, callers, length).await;
        table.row(speed_row(callers, &results));
    }
    Ok(table)
}

fn speed_row(callers: usize, results: &Results) -> [String; 9] {
    let [mine, same, hand] = CONTESTANTS;
    let p99 = |name| latency(results.quantile(name, 0.99));
    let rate = |name| {
        let (failed, why) = results.failures(name);
        let rate = count(results.per_second(name));
        match why {
            Some(why) => format!("{rate} **{failed} failed: {why}**"),
            None => rate,
        }
    };
    [
        count(callers as f64),
        rate(mine),
        rate(same),
        rate(hand),
        results.ratio(mine, same).to_string(),
        results.ratio(mine, hand).to_string(),
        p99(mine),
        p99(same),
        p99(hand),
    ]
}

async fn memory(database: &str, file: &File, server: &Server) -> Fallible<Table> {
    let mut table = Table::new(
        0,
        [
            "callers",
            "dbop",
            "same promises",
            "sqlx",
            "dbop ÷ same promises",
            "resident: dbop",
            "same promises",
            "sqlx",
        ],
    );
    let place = match database {
        "SQLite" => file.path.display().to_string(),
        _ => server.url.clone(),
    };
    for callers in CALLERS {
        let mut each = Vec::new();
        for name in CONTESTANTS {
            each.push(waiting::in_a_process(name, &place, callers).await?);
        }
        let bytes = |at: usize| {
            let waiting::Waiting {
                bytes, allocations, ..
            } = each[at];
            format!("{bytes:.0} B in {allocations:.1}")
        };
        let resident = |at: usize| match callers {
            1000.. => format!("{:.0} B", each[at].resident),
            _ => "–".to_owned(), // less than a page, in which it is counted
        };
        let ratio = Ratio::of(&[each[0].bytes], &[each[1].bytes]).median;
        table.row([
            count(callers as f64),
            bytes(0),
            bytes(1),
            bytes(2),
            format!("{ratio:.2}"),
            resident(0),
            resident(1),
            resident(2),
        ]);
    }
    Ok(table)
}

async fn on_sqlite(file: &Arc<File>) -> Fallible<Vec<Entry>> {
    let path = &*file.path;
    let place = Arc::<File>::clone(file);
    let [mine, same, hand] = CONTESTANTS;
    let (all, none) = (Promises::ALL, Promises::NONE);
    let place: Arc<dyn harness::bank::Place> = place;
    Ok(vec![
        Entry::new(mine, all, dbop::on_sqlite(path, POOL).await?, &place),
        Entry::new(
            same,
            all,
            Promising(pools::sqlite(path, POOL).await?),
            &place,
        ),
        Entry::new(hand, none, ByHand(pools::sqlite(path, POOL).await?), &place),
    ])
}

async fn on_postgres(server: &Arc<Server>) -> Fallible<Vec<Entry>> {
    let url = &*server.url;
    let place: Arc<dyn harness::bank::Place> = Arc::<Server>::clone(server);
    let [mine, same, hand] = CONTESTANTS;
    let (all, none) = (Promises::ALL, Promises::NONE);
    Ok(vec![
        Entry::new(mine, all, dbop::on_postgres(url, POOL).await?, &place),
        Entry::new(
            same,
            all,
            Promising(pools::postgres(url, POOL).await?),
            &place,
        ),
        Entry::new(
            hand,
            none,
            ByHand(pools::postgres(url, POOL).await?),
            &place,
        ),
    ])
}
