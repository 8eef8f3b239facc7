//! Measures how long a crate of annotated functions takes to check, and dbop itself to build.
//! Prints the section "Compile time" of `tests/benches/README.md`.
//!
//! `dbop-compile <repository>` writes crates with the same functions in different styles into a
//! temporary folder, and measures cargo on them. With `--quick`, it makes fewer rounds and only one
//! of the clean builds.

mod builds;
mod checks;
mod child;
mod folder;
mod functions;
mod styles;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use child::Result;

/// What is measured, and how thoroughly.
struct Plan {
    repository: PathBuf,
    functions: usize,
    rounds: usize,
    is_quick: bool,
}

impl Plan {
    fn of(arguments: impl Iterator<Item = String>) -> Option<Plan> {
        let mut repository = None;
        let mut is_quick = false;
        for argument in arguments {
            match argument.as_str() {
                "--quick" => is_quick = true,
                _ if repository.is_none() && !argument.starts_with('-') => {
                    repository = Some(PathBuf::from(argument));
                }
                _ => return None,
            }
        }
        Some(Plan {
            repository: repository?,
            functions: 500,
            rounds: if is_quick { 2 } else { 5 },
            is_quick,
        })
    }
}

fn measure(plan: &Plan) -> Result<String> {
    let folder = folder::Folder::new()?;
    Ok(format!(
        "## Compile time\n\n{}\n{}",
        checks::section(plan, &folder)?,
        builds::section(plan, &folder)?
    ))
}

fn main() -> ExitCode {
    let Some(plan) = Plan::of(std::env::args().skip(1)) else {
        eprintln!("usage: dbop-compile [--quick] <repository>");
        return ExitCode::from(2);
    };
    match measure(&plan) {
        Ok(section) => {
            print!("{section}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("dbop-compile: {error}");
            ExitCode::FAILURE
        }
    }
}
