//! Runs cargo, and measures how long it takes.

use std::error::Error;
use std::path::Path;
use std::process::Command;

pub(crate) type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// The time that a process took, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Time {
    pub(crate) wall: f64,
    /// Processor time of the process and all its children, in user and in kernel mode.
    pub(crate) cpu: f64,
}

/// cargo in a workspace, with a target folder of its own.
pub(crate) struct Cargo<'a> {
    pub(crate) workspace: &'a Path,
    pub(crate) target: &'a Path,
}

impl Cargo<'_> {
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.workspace)
            .env("CARGO_TARGET_DIR", self.target)
            // Users set neither of these variables. `.cargo/config.toml` sets the second for the tests.
            .env_remove("CARGO_INCREMENTAL")
            .env_remove("CARGO_PROFILE_DEV_DEBUG");
        command
    }

    /// Runs cargo under bash, whose `time` also counts the children of children. The standard
    /// library has no such call.
    pub(crate) fn time(&self, arguments: &[&str]) -> Result<Time> {
        const SCRIPT: &str =
            r#"TIMEFORMAT='%R %U %S'; time cargo "$@" >"$0" 2>&1 || { cat "$0" >&2; exit 1; }"#;
        let log = self.workspace.join("log");
        let output = self
            .command("bash")
            .env("LC_ALL", "C") // a decimal point, and no comma
            .args(["-c", SCRIPT])
            .arg(&log)
            .args(arguments)
            .output()?;
        let told = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(format!("cargo {} failed:\n{told}", arguments.join(" ")).into());
        }
        time(&told).ok_or_else(|| format!("bash told no time: {told}").into())
    }

    /// Returns the packages that `cargo tree` names, each once.
    pub(crate) fn tree(&self, arguments: &[&str]) -> Result<Vec<String>> {
        let output = self
            .command("cargo")
            .args(["tree", "--prefix", "none", "--format", "{p}"])
            .args(arguments)
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        Ok(packages(&String::from_utf8_lossy(&output.stdout)))
    }
}

fn packages(tree: &str) -> Vec<String> {
    let mut packages: Vec<_> = tree
        .lines()
        .map(|line| line.trim_end_matches(" (*)").to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    packages.sort();
    packages.dedup();
    packages
}

/// Parses what bash prints under the `TIMEFORMAT` above, for example `1.250 2.000 0.500`. `None` if
/// the text has another form.
fn time(told: &str) -> Option<Time> {
    let mut numbers = told.lines().last()?.split(' ').map(str::parse);
    let mut next = || numbers.next()?.ok();
    let (wall, user, system): (f64, f64, f64) = (next()?, next()?, next()?);
    Some(Time {
        wall,
        cpu: user + system,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bash_tells_three_numbers() {
        let expected = Time {
            wall: 1.25,
            cpu: 2.5,
        };
        assert_eq!(time("1.250 2.000 0.500\n"), Some(expected));
        assert_eq!(time("bash: cargo: not found\n"), None);
    }

    #[test]
    fn a_package_of_a_tree_counts_once() {
        let tree = "a v1.0.0\nb v1.0.0\na v1.0.0 (*)\n\n";
        assert_eq!(packages(tree), ["a v1.0.0", "b v1.0.0"]);
    }
}
