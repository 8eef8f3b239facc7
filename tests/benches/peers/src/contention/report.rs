//! The tables of the section.

use std::fmt::Write as _;

use harness::{Measure, Options, Results, Table, count, latency, median};

use super::{DEADLINE, HOT, TASKS};

pub(super) struct Report {
    head: String,
    postgres: String,
    tables: String,
}

impl Report {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            head: options.describe(),
            postgres: String::new(),
            tables: String::new(),
        }
    }

    pub(super) fn version(&mut self, postgres: &str) {
        postgres.clone_into(&mut self.postgres);
    }

    pub(super) fn add(&mut self, title: &str, results: &Results) {
        let mut table = Table::new(
            2,
            [
                "contestant",
                "promises",
                "committed/s",
                "÷ fastest peer",
                "failed",
                "attempts per commit",
                "p50",
                "p99",
                "max",
            ],
        );
        let fastest = fastest_peer(results);
        let (mut best, mut ratio_of_best) = (MINE, f64::NEG_INFINITY);
        for (name, promises, rounds) in &results.each {
            let attempts: Vec<_> = rounds
                .iter()
                .map(|round| round.attempts as f64 / round.done as f64)
                .collect();
            let ratio = fastest.map(|peer| results.ratio(name, peer));
            let slowest = rounds.iter().flat_map(|round| &round.latencies).max();
            table.row([
                (*name).to_owned(),
                promises.describe(),
                committed(results.per_second(name), rounds),
                ratio.map_or_else(String::new, |ratio| ratio.to_string()),
                failed(rounds, results.failures(name)),
                format!("{:.2}", median(&attempts)),
                latency(results.quantile(name, 0.5)),
                latency(results.quantile(name, 0.99)),
                latency(slowest.copied()),
            ]);
            let ratio = ratio.map_or(f64::INFINITY, |ratio| ratio.median);
            if is_mine(name) && results.failures(name).0 == 0 && ratio > ratio_of_best {
                (best, ratio_of_best) = (name, ratio);
            }
        }
        let verdict = match ratio_of_best {
            r if r >= 1.0 => format!("met by *{best}*"),
            r if r.is_finite() => {
                format!("missed: dbop's best, *{best}*, has {r:.2} of its goodput")
            }
            _ => "missed: all settings of dbop failed some calls".to_owned(),
        };
        let peer = fastest.unwrap_or("none without failures");
        write!(
            self.tables,
            "\n{title}. The fastest peer is *{peer}*. Target {verdict}.\n\n{table}"
        )
        .expect("a String");
    }

    pub(super) fn finish(self) -> String {
        let (head, postgres, tables) = (self.head, self.postgres, self.tables);
        format!(
            "## Under contention\n\n{head}\n\n\
             Target: the highest goodput, while no call fails before its deadline.\n\n\
             {TASKS} tasks move a cent between two of {HOT} accounts, again and again, each call \
             with a deadline of {DEADLINE:?}. PostgreSQL {postgres}; pgbench has as many clients \
             as the others have connections, runs with `--max-tries=0`, the deadline as its \
             `--latency-limit`, and prepared statements. Loops by hand go on until the deadline, \
             with a fixed delay of 10 ms, or with 10 ms that doubles up to 1 s and full jitter. \
             The attempts count the bodies that were begun.\n{tables}"
        )
    }
}

const MINE: &str = "dbop";

/// Returns whether this is dbop; its settings follow the name.
fn is_mine(name: &str) -> bool {
    name.starts_with(MINE)
}

/// Returns the fastest peer among those that let no call fail; `None` if there is none.
fn fastest_peer(results: &Results) -> Option<&'static str> {
    let names = results.each.iter().map(|(name, ..)| *name);
    names
        .filter(|name| !is_mine(name) && results.failures(name).0 == 0)
        .max_by(|a, b| results.per_second(a).total_cmp(&results.per_second(b)))
}

/// Formats what was committed per second, and in brackets what others committed who are not
/// contestants.
fn committed(mine: f64, rounds: &[Measure]) -> String {
    let rate = |round: &Measure| round.others as f64 / round.took.as_secs_f64();
    let others = median(&rounds.iter().map(rate).collect::<Vec<_>>());
    match others > 0.0 {
        true => format!("{} ({})", count(mine), count(others)),
        false => count(mine),
    }
}

/// Formats how many of all calls failed, and why the first one did.
fn failed(rounds: &[Measure], (failed, why): (u64, Option<&str>)) -> String {
    if failed == 0 {
        return "0".to_owned();
    }
    let calls: u64 = rounds.iter().map(|round| round.done + round.failed).sum();
    let share = failed as f64 * 100.0 / calls as f64;
    let why = why.map_or(String::new(), |why| format!(": {}", shortened(why)));
    format!("{failed} of {calls} ({share:.1} %){why}")
}

/// Shortens an error to enough to recognize it.
fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(60) {
        Some((at, _)) => format!("{}..", &line[..at]),
        None => line.to_owned(),
    }
}
