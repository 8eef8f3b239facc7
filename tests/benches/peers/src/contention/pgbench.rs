//! pgbench as a retry client, which tries again at once until the deadline.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use harness::bank::Fallible;
use harness::{Contestant, Measure, Promises};
use tempfile::TempDir;

use super::{DEADLINE, HOT, Order};

pub(super) struct Pgbench {
    program: PathBuf,
    /// The options for host, port and user. The password is kept apart from them.
    options: Vec<String>,
    password: String,
    clients: u32,
    folder: TempDir,
}

impl Pgbench {
    /// Prepares pgbench with as many clients as the other contestants have connections.
    pub(super) fn new(url: &str, clients: u32, order: Order) -> Fallible<Self> {
        let programs = std::env::var("DBOP_TEST_POSTGRES_BIN")?;
        let strange = || format!("not the URL of our own server: {url}");
        let rest = url.strip_prefix("postgres://").ok_or_else(strange)?;
        let (user, rest) = rest.split_once(':').ok_or_else(strange)?;
        let (password, rest) = rest.split_once('@').ok_or_else(strange)?;
        let (host, rest) = rest.split_once(':').ok_or_else(strange)?;
        let (port, name) = rest.split_once('/').ok_or_else(strange)?;
        let options = ["-h", host, "-p", port, "-U", user, name];
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("script.sql"), script(order))?;
        Ok(Self {
            program: Path::new(&programs).join("pgbench"),
            options: options.map(str::to_owned).to_vec(),
            password: password.to_owned(),
            clients,
            folder,
        })
    }

    pub(super) fn contestant(self: Arc<Self>, promises: Promises) -> Contestant {
        Contestant::new("pgbench, tries at once", promises, move |window| {
            let pgbench = Arc::clone(&self);
            Box::pin(async move {
                let run = move || pgbench.run(window.length, window.seed);
                let run = tokio::task::spawn_blocking(run).await;
                run.expect("it does not panic").expect("pgbench runs")
            })
        })
    }

    fn run(&self, length: Duration, seed: u64) -> Fallible<Measure> {
        // pgbench's clock already runs while it connects, which takes 64 clients a second.
        let seconds = length.as_secs().max(1) + 1 + u64::from(self.clients / 64);
        let folder = self.folder.path();
        let flag = |name: &str, value: String| format!("--{name}={value}");
        let done = Command::new(&self.program)
            .current_dir(folder)
            .env("PGPASSWORD", &self.password)
            .args([
                "--no-vacuum",
                "--log",
                "--log-prefix=log",
                "--file=script.sql",
            ])
            .args(["--protocol=prepared", "--jobs=2", "--max-tries=0"])
            .arg(flag("latency-limit", DEADLINE.as_millis().to_string()))
            .arg(flag("client", self.clients.to_string()))
            .arg(flag("time", seconds.to_string()))
            .arg(flag("random-seed", (seed % 1_000_000).to_string()))
            .args(&self.options)
            .output()?;
        if !done.status.success() {
            return Err(String::from_utf8_lossy(&done.stderr).into());
        }
        read_logs(folder, Duration::from_secs(seconds))
    }
}

fn script(order: Order) -> String {
    let sort = match order {
        Order::Fixed => {
            "\\set first least(:from, :to)\n\\set second greatest(:from, :to)\n\
             \\set give case when :from < :to then -1 else 1 end\n"
        }
        Order::Any => "\\set first :from\n\\set second :to\n\\set give -1\n",
    };
    format!(
        "\\set from random(1, {HOT})\n\
         \\set other random(0, {HOT} - 2)\n\
         \\set to mod(:from + :other, {HOT}) + 1\n{sort}\
         BEGIN ISOLATION LEVEL SERIALIZABLE;\n\
         UPDATE accounts SET cents = cents + :give WHERE id = :first;\n\
         UPDATE accounts SET cents = cents - :give WHERE id = :second;\n\
         COMMIT;\n"
    )
}

/// Reads pgbench's logs. Each transaction has a line: client, number, microseconds or why it
/// failed, script, when it ended in seconds and microseconds, and how often it was retried. A
/// transaction that failed because the time was up is not counted as failed. The measured time
/// begins with the first transaction, because pgbench connects before.
fn read_logs(folder: &Path, length: Duration) -> Fallible<Measure> {
    let mut latencies = Vec::new();
    let (mut failed, mut retries) = (0, 0);
    let (mut first, mut last) = (Duration::MAX, Duration::ZERO);
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with("log") {
            continue;
        }
        for line in fs::read_to_string(&path)?.lines() {
            let fields: Vec<_> = line.split(' ').collect();
            let [_, _, took, _, seconds, micros, .., again] = *fields else {
                return Err(format!("not a line of pgbench's log: {line}").into());
            };
            retries += again.parse::<u64>()?;
            let Ok(took) = took.parse().map(Duration::from_micros) else {
                failed += 1;
                continue;
            };
            let ended =
                Duration::from_secs(seconds.parse()?) + Duration::from_micros(micros.parse()?);
            first = first.min(ended.saturating_sub(took));
            last = last.max(ended);
            latencies.push(took);
        }
        fs::remove_file(&path)?;
    }
    let done = latencies.len() as u64;
    let took = last.checked_sub(first).unwrap_or(length);
    let mut measure = Measure::of_others(done, failed, done + failed + retries, took);
    measure.latencies = latencies;
    Ok(measure)
}
