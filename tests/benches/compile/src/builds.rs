//! Clean builds of dbop for each set of features, beside what a user of sqlx builds anyway.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Plan;
use crate::child::{Cargo, Result};
use crate::folder::{Folder, write_workspace};
use crate::table::{head, row};

/// The databases, and the further features of dbop that are built for them.
const SETS: [(&[&str], &[&[&str]]); 3] = [
    (&["sqlite"], &[&[], &["rusqlite"], &["diesel-sqlite"]]),
    (&["postgres"], &[&[], &["postgres-sync"]]),
    (
        &["sqlite", "postgres"],
        &[&[
            "anyhow",
            "eyre",
            "rusqlite",
            "diesel-sqlite",
            "postgres-sync",
        ]],
    ),
];

pub(crate) fn section(plan: &Plan, folder: &Folder) -> Result<String> {
    let mut text = String::from(
        "\nThis is one clean `cargo build` in the default profile for each row: first sqlx alone with \
         `runtime-tokio`, `macros` and the databases, and then what dbop adds to it. The latter includes the \
         crates that have to be built again, because dbop needs more of their features.\n\n",
    );
    text += &head(&[
        "features",
        "sqlx alone: crates",
        "CPU s",
        "wall s",
        "dbop adds: crates",
        "CPU s",
        "wall s",
        "ratio of CPU",
    ]);
    let sets = if plan.is_quick { &SETS[..1] } else { &SETS };
    for (databases, sets) in sets {
        text += &builds(plan, folder, databases, sets)?;
    }
    Ok(text)
}

/// Builds sqlx once, and each set of features on a copy of that build.
fn builds(plan: &Plan, folder: &Folder, databases: &[&str], sets: &[&[&str]]) -> Result<String> {
    let (workspace, alone, copy) = (
        folder.join("builds"),
        folder.join("alone"),
        folder.join("copy"),
    );
    let mut rows = String::new();
    let mut sqlx = None;
    for features in sets {
        let features = [databases, *features].concat();
        eprintln!("builds: {}", features.join(", "));
        write_crates(plan, &workspace, databases, &features)?;
        let in_alone = Cargo {
            workspace: &workspace,
            target: &alone,
        };
        let (before, crates) = match sqlx {
            Some(measured) => measured,
            None => {
                // Whatever is not in cargo's cache yet is downloaded before the clock starts.
                in_alone.tree(&["--package", "with-dbop"])?;
                let time = in_alone.time(&["build", "--package", "sqlx-alone"])?;
                *sqlx.insert((time, in_alone.tree(&crates_of("sqlx-alone"))?.len() - 1))
            }
        };
        copy_folder(&alone, &copy)?;
        let in_copy = Cargo {
            workspace: &workspace,
            target: &copy,
        };
        let added = in_copy.time(&["build", "--package", "with-dbop"])?;
        let more = in_copy.tree(&crates_of("with-dbop"))?.len() - 1 - crates;
        fs::remove_dir_all(&copy)?;
        rows += &row(&[
            format!("`{}`", features.join("`, `")),
            crates.to_string(),
            format!("{:.0}", before.cpu),
            format!("{:.0}", before.wall),
            more.to_string(),
            format!("{:.0}", added.cpu),
            format!("{:.0}", added.wall),
            format!("{:.2}", (before.cpu + added.cpu) / before.cpu),
        ]);
    }
    fs::remove_dir_all(&alone)?;
    Ok(rows)
}

fn crates_of(package: &str) -> [&str; 4] {
    ["--package", package, "--edges", "normal,build"]
}

fn write_crates(
    plan: &Plan,
    workspace: &Path,
    databases: &[&str],
    features: &[&str],
) -> Result<()> {
    let sqlx_features = [&["runtime-tokio", "macros"], databases].concat();
    let sqlx = format!(
        "sqlx = {{ version = \"0.9\", default-features = false, features = {sqlx_features:?} }}\n"
    );
    let path = plan.repository.join("runtime");
    let dbop = format!(
        "{sqlx}dbop = {{ path = {path:?}, default-features = false, features = {features:?} }}\n"
    );
    write_workspace(
        workspace,
        &plan.repository,
        &[("sqlx-alone", &sqlx), ("with-dbop", &dbop)],
    )
}

/// Copies a folder together with the times of its files, by which cargo knows what is fresh.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp").arg("-Rp").args([from, to]).status()?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("cannot copy {}", from.display()).into()),
    }
}
