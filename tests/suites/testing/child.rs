//! Runs an ignored test of this binary in a process of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The variable with the URL of the server.
pub(crate) const VARIABLE: &str = "DBOP_TEST_DATABASE_URL";

/// The variable with the folder for temporary files.
const TEMPORARY: &str = "TMPDIR";

/// What a test in a process of its own has printed, and whether it has passed.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) passed: bool,
    pub(crate) printed: String,
}

impl Ran {
    /// Returns what stands between two texts that were printed; `None` if they were not.
    pub(crate) fn between(&self, before: &str, after: &str) -> Option<&str> {
        let (_, rest) = self.printed.split_once(before)?;
        rest.split_once(after).map(|(found, _)| found)
    }
}

fn command(test: &str, options: &[&str]) -> Command {
    let binary = std::env::current_exe().expect("the path of this binary");
    let mut command = Command::new(binary);
    let name = format!("suites::testing::children::{test}");
    command.args(["--exact", &name, "--ignored"]).args(options);
    command
}

/// Runs the child test of this name, and shows what passing tests print as well.
pub(crate) fn run(test: &str) -> Ran {
    run_in(&std::env::temp_dir(), test)
}

/// Like [`run`], with the URL of another server, or with none.
pub(crate) fn run_on_server(test: &str, url: Option<&str>) -> Ran {
    let mut command = command(test, &["--show-output"]);
    match url {
        Some(url) => command.env(VARIABLE, url),
        None => command.env_remove(VARIABLE),
    };
    ended(command)
}

/// Like [`run`], with another folder for temporary files.
pub(crate) fn run_in(folder: &Path, test: &str) -> Ran {
    let mut command = command(test, &["--show-output"]);
    command.env(TEMPORARY, folder);
    ended(command)
}

fn ended(mut command: Command) -> Ran {
    let output = command.output().expect("a process of its own");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let printed = text(&output.stdout) + &text(&output.stderr);
    assert!(printed.contains("running 1 test"), "{printed}");
    Ran {
        passed: output.status.success(),
        printed,
    }
}

/// A test that goes on until it is killed.
#[derive(Debug)]
pub(crate) struct Waiting {
    child: Child,
    /// What the test has said first.
    pub(crate) said: String,
}

impl Waiting {
    /// Starts the child test, and waits until it has said something with [`say`].
    pub(crate) fn start(test: &str) -> Self {
        Self::start_in(&std::env::temp_dir(), test)
    }

    /// Like [`start`](Self::start), with another folder for temporary files.
    pub(crate) fn start_in(folder: &Path, test: &str) -> Self {
        let mut command = command(test, &["--nocapture"]);
        command.env(TEMPORARY, folder).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a process of its own");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut lines = output.lines().map_while(Result::ok);
        let said = lines.find_map(|line| Some(line.split_once(SAYS)?.1.to_owned()));
        let said = said.expect("the other process says something");
        Self { child, said }
    }

    /// Sends SIGKILL, so that the child gets no chance to clean up.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("not waited for yet");
        self.child.wait().expect("the end of the other process");
    }
}

/// Marks what a child says, because the test harness writes to the same stream.
pub(crate) const SAYS: &str = "@child: ";

/// Says something to the parent.
pub(crate) fn say(text: &str) {
    println!("{SAYS}{text}");
}
