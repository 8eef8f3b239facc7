//! The tables of the section.

use std::fmt::Write as _;

use harness::{Lock, Options, Results, Table, count};

use crate::section::{DBOP, RIVER};

const LOCK: Lock = Lock(include_str!("../../Cargo.lock"));
const PEERS: [&str; 4] = ["riverqueue", "apalis", "apalis-sqlite", "apalis-postgres"];

/// dbop should have this share of what riverqueue alone has.
const TARGET: f64 = 0.9;

pub(crate) struct Report {
    head: String,
    postgres: String,
    working: Table,
    pauses: Table,
    enqueueing: Table,
    parts: String,
    missed: u32,
}

impl Report {
    pub(crate) fn new(options: &Options) -> Self {
        let table = |what| {
            Table::new(
                3,
                ["database", what, "contestant", "jobs/s", "÷ riverqueue"],
            )
        };
        Self {
            head: options.describe(),
            postgres: String::new(),
            working: table("at once"),
            pauses: table("at once"),
            enqueueing: table("jobs"),
            parts: String::new(),
            missed: 0,
        }
    }

    pub(crate) fn version(&mut self, postgres: &str) {
        postgres.clone_into(&mut self.postgres);
    }

    pub(crate) fn working(&mut self, database: &str, at_once: usize, results: &Results) {
        let missed = results.ratio(DBOP, RIVER).median < TARGET;
        self.missed += u32::from(missed);
        let mark = if missed { " ✗" } else { "" };
        fill(
            &mut self.working,
            database,
            &at_once.to_string(),
            results,
            mark,
        );
    }

    pub(crate) fn with_pauses(&mut self, database: &str, at_once: usize, results: &Results) {
        fill(
            &mut self.pauses,
            database,
            &at_once.to_string(),
            results,
            "",
        );
    }

    pub(crate) fn enqueueing(&mut self, database: &str, jobs: &str, results: &Results) {
        fill(&mut self.enqueueing, database, jobs, results, "");
    }

    pub(crate) fn parts(&mut self, database: &str, results: &Results) {
        let mut table = Table::new(1, ["contestant", "jobs/s", "÷ riverqueue"]);
        for (name, ..) in &results.each {
            eprintln!("{database}: {name} {}", results.ratio(name, RIVER));
            table.row([
                (*name).to_owned(),
                count(results.per_second(name)),
                results.ratio(name, RIVER).to_string(),
            ]);
        }
        write!(self.parts, "\n{database}:\n\n{table}").expect("a String");
    }

    pub(crate) fn finish(self) -> String {
        let Self {
            head,
            postgres,
            working,
            pauses,
            enqueueing,
            parts,
            missed,
        } = self;
        let missed = match missed {
            0 => "met everywhere".to_owned(),
            n => format!("missed {n} times (✗)"),
        };
        let versions = PEERS.map(|name| LOCK.of(name)).join(", ");
        format!(
            "## Durable jobs\n\n{head}\n\n\
             {versions}; PostgreSQL {postgres}. Each contestant has a database of its own, which is \
             emptied before its turn. On SQLite (WAL, `synchronous` FULL, a file in memory if there is \
             a /dev/shm) there is one connection that writes, as dbop opens it. On Postgres \
             (`fsync = off`) riverqueue and apalis have five connections, as many as dbop gives to its \
             engine. The workers are in one process, and have the cores together with the server.\n\n\
             Target: dbop works at least {TARGET} of the jobs that riverqueue alone works, which is its \
             engine: {missed}.\n\n\
             ### Jobs that do nothing\n\n\
             The jobs are enqueued beforehand. The time runs from the first body to the last result in \
             the table. The pauses between two looks for jobs are the shortest that riverqueue allows, \
             1 ms, so that the costs are not hidden.\n\n\
             {working}\n\
             With the pauses that dbop and riverqueue have by default, nothing else counts: at least \
             100 ms lie between two looks, and a look fetches no more jobs than there are free \
             places.\n\n\
             {pauses}\n\
             ### Enqueueing\n\n\
             One call after the other, each in a transaction of its own.\n\n\
             {enqueueing}\n\
             ### What dbop adds\n\n\
             Jobs that do nothing, {} at once. Each attempt of dbop's writes its name into the \
             metadata along with its result, and a trigger compares the name, so that a worker that was \
             declared dead writes nothing.\n{parts}",
            50
        )
    }
}

fn fill(table: &mut Table, database: &str, what: &str, results: &Results, mark: &str) {
    for (name, ..) in &results.each {
        let ratio = results.ratio(name, RIVER);
        eprintln!(
            "{database}, {what}: {name} {} {ratio}",
            count(results.per_second(name))
        );
        let ratio = match *name {
            RIVER => "1".to_owned(),
            DBOP => format!("{ratio}{mark}"),
            _ => ratio.to_string(),
        };
        table.row([
            database.to_owned(),
            what.to_owned(),
            (*name).to_owned(),
            count(results.per_second(name)),
            ratio,
        ]);
    }
}
