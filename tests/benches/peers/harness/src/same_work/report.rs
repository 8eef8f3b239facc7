//! The tables of the section.

use std::fmt::Write as _;

use super::entry::Job;
use crate::options::Options;
use crate::rounds::{Promises, Results};
use crate::table::{Table, count, latency};

const MINE: &str = "dbop";
const TARGET: f64 = 0.98;

/// Collects the tables of the section.
#[derive(Debug)]
pub struct Report {
    head: String,
    summary: Table,
    details: String,
    missed: u32,
}

impl Report {
    #[must_use]
    pub fn new(options: &Options) -> Self {
        Self {
            head: options.describe(),
            summary: Table::new(
                2,
                [
                    "database, work",
                    "unit",
                    "tasks",
                    "dbop",
                    "fastest with dbop's promises",
                    "dbop ÷ fastest",
                    "fastest of all",
                    "dbop ÷ fastest",
                ],
            ),
            details: String::new(),
            missed: 0,
        }
    }

    pub fn add(&mut self, database: &str, job: Job, results: &[(usize, Results)]) {
        for (tasks, results) in results {
            self.summarize(database, job, *tasks, results);
        }
        let mut table = Table::new(
            2,
            [
                "contestant",
                "promises",
                "1 task",
                "p50, p99",
                "8 tasks",
                "p50, p99",
                "64 tasks",
                "p50, p99",
            ],
        );
        let names: Vec<_> = results[0]
            .1
            .each
            .iter()
            .map(|(name, promises, _)| (*name, *promises))
            .collect();
        for (name, promises) in names {
            let cells = |at: usize| {
                let (tasks, results): &(usize, Results) = &results[at];
                let quantile = |share| latency(results.quantile(name, share));
                let (failed, why) = results.failures(name);
                let failed = match why {
                    Some(why) => format!(" **{failed} failed: {why}**"),
                    None => String::new(),
                };
                let rate = count(results.per_second(name) * job.units(*tasks));
                (
                    format!("{rate}{failed}"),
                    format!("{}, {}", quantile(0.5), quantile(0.99)),
                )
            };
            let (one, eight, many) = (cells(0), cells(1), cells(2));
            table.row([
                name.to_owned(),
                promises.describe(),
                one.0,
                one.1,
                eight.0,
                eight.1,
                many.0,
                many.1,
            ]);
        }
        let (job, unit) = (job.name(), job.unit());
        write!(self.details, "\n{database}, {job} ({unit}):\n\n{table}").expect("a String");
    }

    fn summarize(&mut self, database: &str, job: Job, tasks: usize, results: &Results) {
        let rate = |name| count(results.per_second(name) * job.units(tasks));
        let against = |promises| {
            let peer = results.fastest(MINE, promises).expect("there are peers");
            let ratio = results.ratio(MINE, peer);
            (format!("{peer}: {}", rate(peer)), ratio)
        };
        let (same, same_ratio) = against(Promises::ALL);
        let (any, any_ratio) = against(Promises::NONE);
        let missed = same_ratio.median < TARGET;
        self.missed += u32::from(missed);
        let mark = if missed { " ✗" } else { "" };
        self.summary.row([
            format!("{database}, {}", job.name()),
            job.unit().to_owned(),
            tasks.to_string(),
            rate(MINE),
            same,
            format!("{same_ratio}{mark}"),
            any,
            any_ratio.to_string(),
        ]);
    }

    /// Returns the section; `about` says what is special about this build of it.
    #[must_use]
    pub fn finish(self, title: &str, about: &str) -> String {
        let missed = match self.missed {
            0 => "met everywhere".to_owned(),
            n => format!("missed {n} times (✗)"),
        };
        let (head, summary, details) = (self.head, self.summary, self.details);
        format!(
            "## {title}\n\n{head}\n\n{about}\n\n\
             Promises: *deadline* means that the call ends in time, retries included; *retry*, \
             that a failure that may pass is retried; *outcome*, that a caller that goes away at \
             any moment, or a lost answer to `COMMIT`, leaves either all of the work or nothing, a \
             clean pool, and an error that says which.\n\n\
             Target: never below {TARGET} of the fastest with the same promises: {missed}.\n\n\
             {summary}{details}"
        )
    }
}
