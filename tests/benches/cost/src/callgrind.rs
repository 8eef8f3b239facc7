//! Runs this program again under callgrind, and reads what callgrind has counted.
//!
//! Callgrind writes its counts to a file, and starts again from zero, each time a phase begins or
//! ends. So a single run has the exact counts of every phase, without those of the program's start.

use std::path::Path;
use std::process::Command;

use crate::recorder::{INNER_NOTHING, NOTHING, Side, settles};

type Failure = Box<dyn std::error::Error>;

/// The counts of one case, for each of its phases of one call.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) case: String,
    pub(crate) side: String,
    /// The size of the future, in bytes.
    pub(crate) size: u64,
    pub(crate) allocations: Vec<f64>,
    /// Instructions of all threads, including the driver's.
    pub(crate) instructions: Vec<f64>,
    /// Instructions of the thread that awaits the call.
    pub(crate) of_caller: Vec<f64>,
}

pub(crate) struct Rows(Vec<Row>);

impl Rows {
    pub(crate) fn of(&self, case: &str, side: Side) -> Option<&Row> {
        let is = |row: &&Row| row.case == case && row.side == side.name();
        self.0.iter().find(is)
    }

    /// Subtracts what a phase costs by itself, including the pause before its end.
    fn take_away_nothing(&mut self) -> Result<(), Failure> {
        let middle_of = |case| {
            let row = self
                .of(case, Side::Naive)
                .ok_or("nothing was not measured")?;
            Ok::<_, Failure>(
                [&row.instructions, &row.of_caller, &row.allocations].map(|all| middle(all)),
            )
        };
        let (settled, inner) = (middle_of(NOTHING)?, middle_of(INNER_NOTHING)?);
        for row in &mut self.0 {
            let [all, of_caller, allocations] = if settles(&row.case) { settled } else { inner };
            row.instructions.iter_mut().for_each(|count| *count -= all);
            row.of_caller
                .iter_mut()
                .for_each(|count| *count -= of_caller);
            row.allocations
                .iter_mut()
                .for_each(|count| *count -= allocations);
        }
        Ok(())
    }
}

/// Returns the median. The values vary by how often the caller's thread and the driver's have to
/// wait for each other.
pub(crate) fn middle(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Returns the distance between the quartiles, relative to the median.
pub(crate) fn spread(values: &[f64]) -> f64 {
    match middle(values) {
        0.0 => 0.0,
        middle => (quantile(values, 0.75) - quantile(values, 0.25)) / middle,
    }
}

fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

pub(crate) fn version() -> Result<String, Failure> {
    let output = Command::new("valgrind").arg("--version").output().map_err(|error| {
        format!("valgrind, which counts instructions, cannot be run ({error}): install it with the system's package manager")
    })?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Measures every case, with this many phases for each side.
pub(crate) fn measure(repeats: u32) -> Result<Rows, Failure> {
    let (said, all) = run(repeats, false)?;
    // When callgrind separates threads, it writes only the counts of the thread that has reached
    // the end of a phase.
    let (said_again, of_caller) = run(repeats, true)?;
    if said.len() != said_again.len() {
        return Err("two runs of the same program had different phases".into());
    }
    let mut rows: Vec<Row> = Vec::new();
    let mut phase = 0;
    for line in said {
        let [kind, case, side, number] = &*line.split(' ').collect::<Vec<_>>() else {
            return Err(format!("cannot read `{line}` of the measured program").into());
        };
        if *kind == "size" {
            rows.push(Row {
                case: (*case).to_owned(),
                side: (*side).to_owned(),
                size: number.parse()?,
                allocations: Vec::new(),
                instructions: Vec::new(),
                of_caller: Vec::new(),
            });
            continue;
        }
        let is = |row: &&mut Row| row.case == *case && row.side == *side;
        let row = rows.iter_mut().find(is).ok_or("a phase without a size")?;
        row.allocations.push(number.parse()?);
        row.instructions.push(all[phase] as f64);
        row.of_caller.push(of_caller[phase] as f64);
        phase += 1;
    }
    let mut rows = Rows(rows);
    rows.take_away_nothing()?;
    Ok(rows)
}

/// Returns what the program has printed, and the instructions of each phase.
fn run(repeats: u32, by_thread: bool) -> Result<(Vec<String>, Vec<u64>), Failure> {
    version()?;
    let folder = tempfile::tempdir()?;
    let output = undisturbed("valgrind")?
        .args([
            "--tool=callgrind",
            "--dump-before=*mark_phase*",
            "--dump-line=no",
            "--fair-sched=try",
        ])
        .arg(format!(
            "--separate-threads={}",
            if by_thread { "yes" } else { "no" }
        ))
        .arg(format!(
            "--callgrind-out-file={}",
            folder.path().join("counts").display()
        ))
        .arg(std::env::current_exe()?)
        .args(["calls", &repeats.to_string()])
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "the measured program failed under callgrind ({}):\n{said}",
            output.status
        )
        .into());
    }
    let said: Vec<_> = String::from_utf8(output.stdout)?
        .lines()
        .map(str::to_owned)
        .collect();
    let phases = said
        .iter()
        .filter(|line| line.starts_with("phase "))
        .count();
    let ends_with = if by_thread { "-01" } else { "" };
    // There is one file before each phase, with what came between it and the last phase, and one
    // file after it.
    let files = (1..=phases).map(|phase| format!("counts.{}{ends_with}", 2 * phase));
    let counts: Result<_, _> = files.map(|file| total(&folder.path().join(file))).collect();
    Ok((said, counts?))
}

/// Returns a command whose threads neither run at the same time nor interrupt each other: it runs
/// on one processor, as batch work (`sched(7)`). The caller's thread then waits for the driver's
/// every time.
fn undisturbed(program: &str) -> Result<Command, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let allowed = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .ok_or("the kernel does not say which processors may be used")?;
    let last = allowed.trim().rsplit([',', '-']).next().unwrap_or("0");
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", last, "chrt", "--batch", "0", program]);
    // A long `memcpy` of glibc is one instruction on x86, which valgrind counts once for each byte.
    command.env(
        "GLIBC_TUNABLES",
        "glibc.cpu.x86_rep_movsb_threshold=1073741824",
    );
    Ok(command)
}

/// Reads the total of a file in callgrind's format
/// (<https://valgrind.org/docs/manual/cl-format.html>).
fn total(file: &Path) -> Result<u64, Failure> {
    let text = std::fs::read(file)
        .map_err(|error| format!("callgrind has not written {}: {error}", file.display()))?;
    let text = String::from_utf8_lossy(&text);
    let totals = text.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(totals
        .ok_or("a file of callgrind's has no totals")?
        .trim()
        .parse()?)
}
