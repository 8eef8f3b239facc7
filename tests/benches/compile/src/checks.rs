//! `cargo check` of the generated crates, round by round.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Plan;
use crate::child::{Cargo, Result, Time};
use crate::folder::{Folder, write_workspace};
use crate::styles::Style;
use crate::table::{Middle, head, ratio, row, verdict};

/// The times of one crate, round by round.
#[derive(Default)]
struct Rounds {
    /// Checks of the whole crate, whose dependencies were checked before.
    full: Vec<Time>,
    /// Checks after a change in one function.
    changed: Vec<Time>,
}

impl Rounds {
    fn cpu(&self) -> Vec<f64> {
        self.full.iter().map(|time| time.cpu).collect()
    }

    fn changed_cpu(&self) -> Vec<f64> {
        self.changed.iter().map(|time| time.cpu).collect()
    }
}

struct Crates<'a> {
    cargo: Cargo<'a>,
    plan: &'a Plan,
    /// Further arguments for cargo.
    settings: &'a [&'a str],
}

/// Settings that optimize the macros and what they are built from.
const OPTIMIZED: [&str; 8] = [
    "--config",
    "profile.dev.package.dbop-macros.opt-level=3",
    "--config",
    "profile.dev.package.syn.opt-level=3",
    "--config",
    "profile.dev.package.quote.opt-level=3",
    "--config",
    "profile.dev.package.proc-macro2.opt-level=3",
];

pub(crate) fn section(plan: &Plan, folder: &Folder) -> Result<String> {
    let (workspace, target) = (folder.join("checks"), folder.join("target"));
    let dependencies = dependencies(&plan.repository);
    let crates = Style::ALL.map(|style| (style.name(), dependencies.as_str()));
    write_workspace(&workspace, &plan.repository, &crates)?;
    let cargo = Cargo {
        workspace: &workspace,
        target: &target,
    };
    let mut crates = Crates {
        cargo,
        plan,
        settings: &[],
    };
    let rounds = AllRounds(crates.rounds(&Style::ALL)?);
    let mut section = report(plan, &rounds);
    if !plan.is_quick {
        crates.settings = &OPTIMIZED;
        let rounds = crates.rounds(&[Style::Dbop, Style::Careful])?;
        section += &optimized_row(&rounds);
    }
    section += &macros_row(plan, &target)?;
    section += &for_both(&rounds);
    Ok(section)
}

/// Returns the dependencies, which are the same for every crate so that all are checked against the
/// same things.
fn dependencies(repository: &Path) -> String {
    let dbop = repository.join("runtime");
    format!(
        r#"dbop = {{ path = {dbop:?}, default-features = false, features = ["sqlite", "postgres"] }}
sqlx = {{ version = "0.9", default-features = false, features = ["runtime-tokio", "macros", "sqlite", "postgres"] }}
tokio = {{ version = "1", features = ["macros", "rt-multi-thread", "time"] }}
tracing = "0.1"
thiserror = "2"
fastrand = "2"
async-trait = "0.1"
"#
    )
}

impl Crates<'_> {
    fn source(&self, style: Style) -> PathBuf {
        self.cargo.workspace.join(style.name()).join("src/lib.rs")
    }

    /// Checks every style once in each round, so that a slow minute of the machine is spread over
    /// all styles.
    fn rounds(&self, styles: &[Style]) -> Result<Vec<Rounds>> {
        for style in styles {
            fs::write(self.source(*style), "")?;
            self.check(*style)?;
        }
        let mut all: Vec<Rounds> = styles.iter().map(|_| Rounds::default()).collect();
        for round in 0..self.plan.rounds {
            eprintln!("checks: round {} of {}", round + 1, self.plan.rounds);
            for (style, rounds) in styles.iter().zip(&mut all) {
                self.forget(*style)?;
                let source = style.source(self.plan.functions);
                fs::write(self.source(*style), &source)?;
                rounds.full.push(self.check(*style)?);
                fs::write(self.source(*style), changed(&source, self.plan.functions))?;
                rounds.changed.push(self.check(*style)?);
            }
        }
        Ok(all)
    }

    fn check(&self, style: Style) -> Result<Time> {
        let check = ["check", "--quiet", "--package", style.name()];
        self.cargo.time(&[&check, self.settings].concat())
    }

    /// Removes what the compiler has stored about the crate.
    fn forget(&self, style: Style) -> Result<()> {
        let prefix = format!("{}-", style.name());
        for entry in fs::read_dir(self.cargo.target.join("debug/incremental"))? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}

/// Returns the source with another statement in one function near the middle.
fn changed(source: &str, functions: usize) -> String {
    let number = functions / 2 / 10 * 10;
    let update = format!("UPDATE accounts_{number} SET cents = cents + $1");
    source.replace(&update, &format!("{update} + 0"))
}

/// The times of all crates.
struct AllRounds(Vec<Rounds>);

impl AllRounds {
    fn of(&self, style: Style) -> &Rounds {
        let at = Style::ALL.iter().position(|other| *other == style);
        &self.0[at.unwrap_or_default()]
    }
}

fn report(plan: &Plan, rounds: &AllRounds) -> String {
    let Plan {
        functions,
        rounds: n,
        ..
    } = plan;
    let of = |style: Style| rounds.of(style);
    let empty = Middle::of(of(Style::Empty).cpu()).median;
    let dbop = of(Style::Dbop).cpu();
    let mut text = format!(
        "This is `cargo check` in the default profile of a crate with {functions} database functions. Half \
         of them are transactions of two or three statements, and half of them have one statement. The \
         dependencies have been checked before; the compiler's incremental cache is empty. The table shows \
         CPU seconds (user and system) of cargo and rustc, as the median of {n} interleaved rounds. The time \
         per function leaves out that of a crate without functions. The ratio is that of dbop to the row, \
         taken round by round, and the spread is that of the ratio.\n\n"
    );
    text += &head(&[
        "the same functions",
        "CPU s",
        "wall s",
        "ms per function",
        "dbop : row",
        "spread",
        "target",
    ]);
    for style in Style::FOR_ONE {
        let rounds = of(style);
        let cpu = rounds.cpu();
        let seconds = Middle::of(cpu.iter().copied());
        let wall = Middle::of(rounds.full.iter().map(|time| time.wall)).median;
        let each = |seconds: f64| (seconds - empty) * 1000.0 / *functions as f64;
        let ratio = ratio(&dbop, &cpu);
        let (ratio_cell, spread) = match style {
            Style::Empty | Style::Dbop => ("".to_owned(), seconds.spread()),
            _ => (format!("{:.2}", ratio.median), ratio.spread()),
        };
        let target = match style {
            Style::Careful => format!("at most 1.15: {}", verdict(ratio.median <= 1.15)),
            Style::Instrument => format!("less per function: {}", verdict(ratio.median < 1.0)),
            _ => "".to_owned(),
        };
        text += &row(&[
            style.title().to_owned(),
            format!("{:.2}", seconds.median),
            format!("{wall:.2}"),
            format!("{:.1}", each(seconds.median)),
            ratio_cell,
            spread,
            target,
        ]);
    }
    text += "\n";
    text += &head(&[
        "also",
        "dbop",
        "by hand, same promises",
        "dbop : by hand",
        "spread",
        "target",
    ]);
    let changed = of(Style::Dbop).changed_cpu();
    text + &compared(
        "check after a change in one function, CPU s",
        &changed,
        &of(Style::Careful).changed_cpu(),
    )
}

/// Compares the functions for both databases with those for one and with both written out.
fn for_both(rounds: &AllRounds) -> String {
    let of = |style: Style| rounds.of(style).cpu();
    let mut text = String::from(
        "\nThe same functions for both databases, in the same rounds. The ratio is that of `on` to the row.\n\n",
    );
    text += &head(&[
        "the same functions",
        "CPU s",
        "`on` : row",
        "spread",
        "target",
    ]);
    let both = of(Style::Both);
    for (style, most) in [
        (Style::Both, None),
        (Style::Dbop, Some(2.3)),
        (Style::Twice, Some(1.2)),
    ] {
        let cpu = of(style);
        let ratio = ratio(&both, &cpu);
        let seconds = Middle::of(cpu.iter().copied());
        text += &row(&[
            style.title().to_owned(),
            format!("{:.2}", seconds.median),
            most.map_or_else(String::new, |_| format!("{:.2}", ratio.median)),
            most.map_or_else(|| seconds.spread(), |_| ratio.spread()),
            most.map_or_else(String::new, |most| {
                format!("at most {most}: {}", verdict(ratio.median <= most))
            }),
        ]);
    }
    text
}

fn compared(what: &str, dbop: &[f64], careful: &[f64]) -> String {
    let ratio = ratio(dbop, careful);
    row(&[
        what.to_owned(),
        format!("{:.2}", Middle::of(dbop.iter().copied()).median),
        format!("{:.2}", Middle::of(careful.iter().copied()).median),
        format!("{:.2}", ratio.median),
        ratio.spread(),
        "".to_owned(),
    ])
}

fn optimized_row(rounds: &[Rounds]) -> String {
    let [dbop, careful] = rounds else {
        return String::new();
    };
    compared(
        "check with `opt-level = 3` for dbop-macros, syn, quote and proc-macro2, CPU s",
        &dbop.cpu(),
        &careful.cpu(),
    )
}

fn macros_row(plan: &Plan, target: &Path) -> Result<String> {
    let cargo = Cargo {
        workspace: &plan.repository,
        target,
    };
    let tree = cargo.tree(&[
        "--package",
        "dbop-macros",
        "--edges",
        "normal",
        "--depth",
        "1",
    ])?;
    // The first line is the crate itself.
    let number = tree.len() - 1;
    Ok(row(&[
        "dependencies of the macros' crate".to_owned(),
        number.to_string(),
        "".to_owned(),
        "".to_owned(),
        "".to_owned(),
        format!("three: {}", verdict(number == 3)),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_in_one_function() {
        for style in Style::ALL {
            let source = style.source(100);
            let changed = changed(&source, 100);
            let lines = source.lines().zip(changed.lines());
            let differ = lines.filter(|(before, after)| before != after).count();
            let expected = match style {
                Style::Empty => 0,
                Style::Twice => 2,
                _ => 1,
            };
            assert_eq!(differ, expected, "{style:?}");
        }
    }
}
