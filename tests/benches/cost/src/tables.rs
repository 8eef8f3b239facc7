//! Prints the tables of this section, in Markdown.

use crate::callgrind::{Row, Rows, middle, spread};
use crate::recorder::Side::{self, Careful, Dbop, Naive};

/// A line of the tables.
pub(crate) struct Line {
    pub(crate) case: &'static str,
    title: &'static str,
    /// How many statements the body runs, including `SAVEPOINT` and its end.
    pub(crate) statements: u32,
}

const fn line(case: &'static str, title: &'static str, statements: u32) -> Line {
    Line {
        case,
        title,
        statements,
    }
}

const LINES: &[Line] = &[
    line("operation", "`#[db_op]`, one `UPDATE`", 1),
    line("transaction", "`#[transactional]`, two `UPDATE`s", 2),
    line("read", "`#[db_op(read_only)]`, one `SELECT`, in a file", 1),
    line(
        "guarded-read",
        "`#[db_op(read_only)]`, one `SELECT`, in memory; by hand guarded by `PRAGMA query_only`",
        1,
    ),
    line(
        "callers-read",
        "`#[db_op(read_only)]`, one `SELECT`, on a pool of the application's own",
        1,
    ),
    line("inner-joined", "joined call, one `UPDATE`", 1),
    line(
        "inner-nested",
        "nested call, one `UPDATE` in a savepoint",
        3,
    ),
    line(
        "sync-operation",
        "plain `fn` under `#[db_op]`, one `UPDATE` by rusqlite",
        1,
    ),
    line(
        "sync-transaction",
        "plain `fn` under `#[transactional]`, two `UPDATE`s by rusqlite",
        2,
    ),
    line(
        "idle",
        "`#[db_op]` whose body does nothing with its session",
        0,
    ),
    line("sessionless", "`#[db_op]` without a session, empty body", 0),
    line("inner-idle", "joined call, empty body", 0),
];

/// The cases on the stub, where only one thread runs.
const ON_STUB: &[Line] = &[
    line("stub-operation", "`#[db_op]`, one `UPDATE`, on the stub", 1),
    line(
        "stub-transaction",
        "`#[transactional]`, two `UPDATE`s, on the stub",
        2,
    ),
    line(
        "stub-read",
        "`#[db_op(read_only)]`, one `SELECT`, on the stub",
        1,
    ),
    line("stub-joined", "joined call, one `UPDATE`, on the stub", 1),
    line(
        "stub-nested",
        "nested call, one `UPDATE` in a savepoint, on the stub",
        3,
    ),
];

/// The cases that compare a function for two databases with the same function for one.
const FOR_TWO: &[Line] = &[
    line(
        "two-idle",
        "`#[db_op(on = ..)]` whose body does nothing, on an `AnyDb`",
        0,
    ),
    line("two-polled", "the same, polled 100 times more", 0),
    line(
        "two-known",
        "`#[db_op(on = ..)]` whose body does nothing, on a `Db<Sqlite>`",
        0,
    ),
    line("two-known-polled", "the same, polled 100 times more", 0),
];

/// How often a body of the case `two-polled` is polled after its first poll.
pub(crate) const FURTHER_POLLS: u32 = 100;

/// How many instructions a function for two databases may cost more than one for one.
const CALL_FOR_TWO: f64 = 30.0;
/// How many instructions each further poll may cost more.
const POLL_FOR_TWO: f64 = 10.0;
/// How much larger the future may be.
const SIZE_FOR_TWO: f64 = 1.1;

/// Returns everything that is compared with what is known.
pub(crate) fn compared() -> impl Iterator<Item = &'static Line> {
    lines().chain(FOR_TWO)
}

/// Returns everything that is measured against code by hand.
fn lines() -> impl Iterator<Item = &'static Line> {
    LINES.iter().chain(ON_STUB)
}

/// How many instructions a joined call may cost over a call of a plain function.
const JOINED: f64 = 500.0;

pub(crate) fn print(rows: &Rows) -> Result<(), Box<dyn std::error::Error>> {
    println!("### The wrapper alone: on a stub of a server, in one thread\n");
    println!(
        "Instructions per call, including those of the driver and the stub, which are the same on all sides. No database works. Target: at most 1.01 times those by hand with the same promises.\n"
    );
    instructions(rows, ON_STUB, |row| &row.instructions)?;
    println!("\n### Instructions per call\n");
    println!(
        "Instructions of all threads, including the driver's and SQLite's. Target: at most 1.01 times those by hand with the same promises.\n"
    );
    instructions(rows, LINES, |row| &row.instructions)?;
    println!("\n### Of these, in the thread that awaits the call\n");
    println!(
        "This leaves out SQLite's own work. The last three lines run no statement: they show dbop alone, with a pool and without.\n"
    );
    instructions(rows, LINES, |row| &row.of_caller)?;
    let of = |side| Ok::<_, String>(middle(&row(rows, "inner-idle", side)?.of_caller));
    let over = of(Dbop)? - of(Naive)?;
    println!(
        "\nA joined call costs {over:.0} instructions more than a call of a plain async function. Target: at most {JOINED}: {}.",
        verdict(over <= JOINED)
    );
    println!("\n### Allocations per call\n");
    println!(
        "Target: at most two more than by hand with the same promises, and one more for each statement.\n"
    );
    allocations(rows)?;
    println!("\n### Bytes of the future\n");
    println!("Target: at most 1.25 times the size by hand with the same promises.\n");
    sizes(rows)?;
    println!("\n### A function for two databases\n");
    for_two(rows)?;
    Ok(())
}

fn for_two(rows: &Rows) -> Result<(), String> {
    println!(
        "Compared with the same function for one database. Targets: at most {CALL_FOR_TWO} instructions more for a call and {POLL_FOR_TWO} for each further poll, and a future of at most {SIZE_FOR_TWO} of the size.\n"
    );
    println!("| call | for two | for one | more | size of the future |\n|---|--:|--:|--:|--:|");
    let (mut more, mut largest) = (Vec::new(), 0.0_f64);
    for Line { case, title, .. } in FOR_TWO {
        let (two, one) = (row(rows, case, Dbop)?, row(rows, case, Careful)?);
        let (instructions, of_one) = (middle(&two.of_caller), middle(&one.of_caller));
        let size = two.size as f64 / one.size as f64;
        println!(
            "| {title} | {instructions:.0} | {of_one:.0} | {:+.0} | {size:.3} |",
            instructions - of_one
        );
        more.push(instructions - of_one);
        largest = largest.max(size);
    }
    println!();
    for (on, of_case) in ["an `AnyDb`", "a `Db<Sqlite>`"].iter().zip(more.chunks(2)) {
        let [idle, polled] = of_case else {
            return Err(format!("the cases on {on} are no pair"));
        };
        let for_poll = (polled - idle) / f64::from(FURTHER_POLLS);
        println!(
            "On {on}, a call costs {idle:.0} instructions more: {}. A further poll costs {for_poll:.1} more: {}.",
            verdict(*idle <= CALL_FOR_TWO),
            verdict(for_poll <= POLL_FOR_TWO),
        );
    }
    println!(
        "The future is at most {largest:.3} of the size: {}.",
        verdict(largest <= SIZE_FOR_TWO)
    );
    Ok(())
}

fn row<'r>(rows: &'r Rows, case: &str, side: Side) -> Result<&'r Row, String> {
    let found = rows.of(case, side);
    found.ok_or_else(|| format!("`{case}` was not measured for {}", side.name()))
}

/// Returns a ratio, or a dash where there is nothing to compare with.
fn over(dbop: f64, naive: f64) -> String {
    if naive < 100.0 {
        return "-".to_owned();
    }
    format!("{:.2}", dbop / naive)
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

const HEAD: &str = "| call | dbop | by hand, same promises | by hand, no promises | ratio to same promises | ratio to no promises | spread | target |\n|---|--:|--:|--:|--:|--:|--:|---|";

fn instructions(rows: &Rows, lines: &[Line], of: impl Fn(&Row) -> &[f64]) -> Result<(), String> {
    println!("{HEAD}");
    for Line { case, title, .. } in lines {
        let [dbop, careful, naive] = [
            row(rows, case, Dbop)?,
            row(rows, case, Careful)?,
            row(rows, case, Naive)?,
        ];
        let spread = [dbop, careful, naive].map(|row| spread(of(row)));
        let spread = spread.into_iter().fold(0.0, f64::max) * 100.0;
        let [dbop, careful, naive] = [dbop, careful, naive].map(|row| middle(of(row)));
        println!(
            "| {title} | {dbop:.0} | {careful:.0} | {naive:.0} | {:.3} | {} | {spread:.1} % | {} |",
            dbop / careful,
            over(dbop, naive),
            verdict(dbop / careful <= 1.01),
        );
    }
    Ok(())
}

fn allocations(rows: &Rows) -> Result<(), String> {
    println!(
        "{}",
        HEAD.replace(
            "ratio to same promises | ratio to no promises",
            "more than same promises | more than no promises"
        )
    );
    for Line {
        case,
        title,
        statements,
        ..
    } in lines()
    {
        let three = [
            row(rows, case, Dbop)?,
            row(rows, case, Careful)?,
            row(rows, case, Naive)?,
        ];
        let spread = three.map(|row| spread(&row.allocations).max(0.0));
        let spread = spread.into_iter().fold(0.0, f64::max) * 100.0;
        let [dbop, careful, naive] = three.map(|row| middle(&row.allocations));
        let more = dbop - careful;
        println!(
            "| {title} | {dbop:.1} | {careful:.1} | {naive:.1} | {more:+.1} | {:+.1} | {spread:.1} % | at most +{}: {} |",
            dbop - naive,
            2 + statements,
            // Half an allocation is tolerated, because the driver makes some of its own depending
            // on whether an answer is waited for.
            verdict(more <= f64::from(2 + statements) + 0.5),
        );
    }
    Ok(())
}

fn sizes(rows: &Rows) -> Result<(), String> {
    println!(
        "{}",
        HEAD.replace(" spread |", "").replacen(
            "--:|--:|--:|--:|--:|--:|",
            "--:|--:|--:|--:|--:|",
            1
        )
    );
    for Line { case, title, .. } in lines() {
        let size = |side| Ok::<_, String>(row(rows, case, side)?.size as f64);
        let [dbop, careful, naive] = [size(Dbop)?, size(Careful)?, size(Naive)?];
        println!(
            "| {title} | {dbop} | {careful} | {naive} | {:.2} | {} | {} |",
            dbop / careful,
            over(dbop, naive),
            verdict(dbop / careful <= 1.25),
        );
    }
    Ok(())
}
