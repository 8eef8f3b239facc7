//! Runs a test of this binary in a process of its own, which can be sent messages, heard and
//! killed.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

/// Marks what a child says, because the test harness writes to the same stream.
const SAYS: &str = "@child: ";
/// How long one side waits for the other.
const PATIENCE: Duration = Duration::from_secs(20);

/// A child process, which is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    heard: mpsc::UnboundedReceiver<String>,
}

impl Process {
    /// Runs the ignored test of this name, with these variables in its environment.
    pub fn start(test: &str, settings: &[(&str, &str)]) -> Self {
        let binary = std::env::current_exe().expect("the path of this binary");
        Self::run(Command::new(binary), test, settings)
    }

    /// Like [`start`](Self::start), under another program.
    pub fn start_under(program: &[&str], test: &str, settings: &[(&str, &str)]) -> Self {
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

    /// Returns what the child says next; `None` when it has ended.
    pub async fn hear(&mut self) -> Option<String> {
        let said = timeout(PATIENCE, self.heard.recv()).await;
        said.expect("the other process says nothing")
    }

    pub async fn expect(&mut self, line: &str) {
        assert_eq!(self.hear().await.as_deref(), Some(line));
    }

    /// Lets the child go on from where it [waits](wait_for_parent).
    pub fn go_on(&mut self) {
        let input = self.child.stdin.as_mut().expect("piped");
        input.write_all(b"\n").expect("the other process listens");
    }

    /// Sends SIGKILL, so that the child gets no chance to clean up. Returns when it is gone.
    pub fn kill(&mut self) {
        self.child.kill().expect("not waited for yet");
        self.child.wait().expect("the end of the other process");
    }

    /// Sends SIGTERM, as a service manager does that wants the child to end.
    ///
    /// # Panics
    ///
    /// If the signal cannot be sent.
    pub fn terminate(&self) {
        self.send("TERM");
    }

    /// Sends SIGSTOP, so that the child stands still until it is [resumed](Self::resume).
    ///
    /// # Panics
    ///
    /// If the signal cannot be sent.
    pub fn pause(&self) {
        self.send("STOP");
    }

    /// Sends SIGCONT, so that a child goes on that was [paused](Self::pause).
    ///
    /// # Panics
    ///
    /// If the signal cannot be sent.
    pub fn resume(&self) {
        self.send("CONT");
    }

    fn send(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.expect("the program `kill`").success());
    }

    /// Waits until the child has ended by itself and successfully. Returns what it has still said.
    pub async fn end(mut self) -> Vec<String> {
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
        // The child may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

// --- what a child uses ----------------------------------------------------------------------------

/// Returns the full name of a test beside the caller, given the caller's `module_path!()`.
pub fn test_name(module: &str, test: &str) -> String {
    let (_, path) = module.split_once("::").expect("a module of this crate");
    format!("{path}::{test}")
}

/// Tells the parent a line. It goes out at once and as a whole, whatever happens to the process
/// afterwards.
pub fn say(line: impl Display) {
    println!("\n{SAYS}{line}");
}

/// Waits until the parent lets this process go on, or is gone. Blocks a thread of the blocking
/// pool.
pub async fn wait_for_parent() {
    let waiting = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    waiting.await.expect("no panic").expect("standard input");
}
