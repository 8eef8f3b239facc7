//! A test of this binary in a process of its own, which can be told things, heard and killed.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

/// In front of what a child says: the test harness writes to the same stream.
const SAYS: &str = "@child: ";
/// How long the other side is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    heard: mpsc::UnboundedReceiver<String>,
}

impl Process {
    /// Runs the ignored test of that name with these variables in its environment.
    pub(crate) fn start(test: &str, settings: &[(&str, &str)]) -> Self {
        let binary = std::env::current_exe().expect("the path of this binary");
        Self::run(Command::new(binary), test, settings)
    }

    /// The same under another program.
    pub(crate) fn start_under(program: &[&str], test: &str, settings: &[(&str, &str)]) -> Self {
        let mut command = Command::new(program[0]);
        let binary = std::env::current_exe().expect("the path of this binary");
        command.args(&program[1..]).arg(binary);
        Self::run(command, test, settings)
    }

    fn run(mut command: Command, test: &str, settings: &[(&str, &str)]) -> Self {
        command
            .args(["--exact", test, "--ignored", "--nocapture"])
            .envs(settings.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("a process of its own");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (say, heard) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                match line.split_once(SAYS) {
                    Some((_, said)) => drop(say.send(said.to_owned())),
                    None if line.is_empty() => {}
                    None => eprintln!("  child | {line}"),
                }
            }
        });
        Self { child, heard }
    }

    /// What it says next; `None` when it has ended.
    pub(crate) async fn hear(&mut self) -> Option<String> {
        let said = timeout(PATIENCE, self.heard.recv()).await;
        said.expect("the other process says nothing")
    }

    pub(crate) async fn expect(&mut self, line: &str) {
        assert_eq!(self.hear().await.as_deref(), Some(line));
    }

    /// Lets it go on from where it [waits](wait_for_parent).
    pub(crate) fn go_on(&mut self) {
        let input = self.child.stdin.as_mut().expect("piped");
        input.write_all(b"\n").expect("the other process listens");
    }

    /// SIGKILL: it gets no chance to clean up. Returns when it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("not waited for yet");
        self.child.wait().expect("the end of the other process");
    }

    /// What is left to hear when it has come to its own end, which must be a good one.
    pub(crate) async fn end(mut self) -> Vec<String> {
        let mut rest = Vec::new();
        while let Some(line) = self.hear().await {
            rest.push(line);
        }
        let status = self.child.wait().expect("the end of the other process");
        assert!(status.success(), "the other process: {status}");
        rest
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

// --- what a child uses ----------------------------------------------------------------------------

/// The full name of a test beside the caller, given the caller's `module_path!()`.
pub(crate) fn test_name(module: &str, test: &str) -> String {
    let (_, path) = module.split_once("::").expect("a module of this crate");
    format!("{path}::{test}")
}

/// Tells the parent. A line goes out at once and whole, whatever happens to the process after.
pub(crate) fn say(line: impl Display) {
    println!("\n{SAYS}{line}");
}

/// Waits, on a thread that may block, until the parent says so or is gone.
pub(crate) async fn wait_for_parent() {
    let waiting = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    waiting.await.expect("no panic").expect("standard input");
}
