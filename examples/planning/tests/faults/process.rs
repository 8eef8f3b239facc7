//! The program `planning` in a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::PATIENCE;

/// A process, which is killed when this is dropped.
pub(super) struct Process {
    child: Child,
    said: mpsc::UnboundedReceiver<String>,
}

impl Process {
    pub(super) fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_planning"));
        command.args(arguments).env_remove("DATABASE_URL");
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (say, said) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if say.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, said }
    }

    /// Waits until the process says a line with this text, and returns the line.
    pub(super) async fn says(&mut self, text: &str) -> String {
        loop {
            let line = timeout(PATIENCE, self.said.recv()).await;
            let line = line.expect("the process says nothing");
            let line = line.unwrap_or_else(|| panic!("the process has ended without `{text}`"));
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Sends SIGKILL, and waits until the process is gone.
    pub(super) fn kill(mut self) {
        self.child.kill().expect("not waited for yet");
        self.child.wait().expect("the end of the process");
    }

    /// Sends SIGTERM, as a process manager does.
    pub(super) fn terminate(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", "TERM", &pid]).status();
        assert!(sent.expect("the program `kill`").success());
    }

    /// Waits until the process has ended by itself. Returns its status, and what it has still said.
    pub(super) async fn end(mut self) -> (ExitStatus, Vec<String>) {
        let mut rest = Vec::new();
        while let Some(line) = timeout(PATIENCE, self.said.recv()).await.expect("an end") {
            rest.push(line);
        }
        let status = self.child.wait().expect("the end of the process");
        (status, rest)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
