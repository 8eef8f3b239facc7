//! A Postgres server of a test's own, which the test may kill, stop or fill up.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::time::sleep;

/// The script of the keeper, which keeps the folder while its standard input is open.
const KEEPER: &str = include_str!("cluster.sh");

/// The settings that `tests/run` gives its own server, for the same reasons.
const SETTINGS: [&str; 5] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "full_page_writes=off",
    "lc_messages=C",
];

/// A Postgres server. It is stopped at once and removed when this is dropped, and when the process
/// ends in any other way.
#[derive(Debug)]
pub struct Cluster {
    /// The URL of a user who may do everything.
    pub url: String,
    programs: PathBuf,
    folder: PathBuf,
    settings: Vec<String>,
    port: u16,
    server: Option<Child>,
    keeper: Child,
    /// The keeper's standard input; `None` once the keeper is to clean up.
    alive: Option<ChildStdin>,
}

impl Cluster {
    /// Starts a new server with these settings, for example `max_connections=10`.
    ///
    /// # Panics
    ///
    /// If the server cannot be started.
    pub async fn start(settings: &[&str]) -> Self {
        let programs = std::env::var("DBOP_TEST_POSTGRES_BIN").expect(
            "DBOP_TEST_POSTGRES_BIN is not set: run the tests with `tests/run`, which finds the \
             server's programs",
        );
        let password = format!("{:032x}", fastrand::u128(..));
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, &programs]);
        keeper.current_dir("/");
        keeper.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = as_server(&mut keeper).spawn().expect("a shell");
        let mut alive = keeper.stdin.take().expect("piped");
        // The password is not an argument, because every user can read those.
        writeln!(alive, "{password}").expect("the keeper reads");
        let mut said = BufReader::new(keeper.stdout.take().expect("piped"));
        let made = tokio::task::spawn_blocking(move || {
            let mut folder = String::new();
            said.read_line(&mut folder).map(|_| folder)
        });
        let folder = made.await.expect("no panic").expect("readable");
        assert!(
            !folder.is_empty(),
            "initdb failed; it refuses to run as root, where DBOP_TEST_POSTGRES_USER names another \
             user: run the tests with `tests/run`, which finds one"
        );
        let mut cluster = Self {
            url: String::new(),
            programs: PathBuf::from(programs),
            folder: PathBuf::from(folder.trim_end()),
            settings: settings.iter().map(ToString::to_string).collect(),
            port: 0,
            server: None,
            keeper,
            alive: Some(alive),
        };
        cluster.find_port().await;
        let port = cluster.port;
        cluster.url = format!("postgres://dbop:{password}@127.0.0.1:{port}/postgres");
        cluster
    }

    /// Finds a free port. Binding is the only sure test for one. The ports lie below those that
    /// systems give to outgoing connections, so that a stopped server finds its port still free.
    async fn find_port(&mut self) {
        for _ in 0..50 {
            self.port = fastrand::u16(20_000..32_000);
            if self.try_start().await {
                return;
            }
            assert!(
                self.log().contains("Address already in use"),
                "the server did not start:\n{}",
                self.log()
            );
        }
        panic!("50 ports are in use");
    }

    /// Starts the server again, on its port.
    ///
    /// # Panics
    ///
    /// If the server does not start, or has not been stopped before.
    pub async fn restart(&mut self) {
        assert!(self.server.is_none(), "the server runs already");
        let started = self.try_start().await;
        assert!(started, "the server did not start:\n{}", self.log());
    }

    async fn try_start(&mut self) -> bool {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))
            .expect("the server's log");
        let mut server = Command::new(self.programs.join("postgres"));
        server.arg("-D").arg(self.folder.join("data"));
        server.arg("-p").arg(self.port.to_string());
        for setting in SETTINGS
            .into_iter()
            .chain(self.settings.iter().map(|s| &**s))
        {
            server.args(["-c", setting]);
        }
        server.current_dir("/").stdin(Stdio::null());
        server.stdout(log.try_clone().expect("another handle"));
        let server = as_server(server.stderr(log)).spawn();
        let server = self.server.insert(server.expect("the server's program"));
        let begun = Instant::now();
        while !is_ready(&self.folder) {
            if server.try_wait().expect("our own child").is_some() {
                self.server = None;
                return false;
            }
            assert!(begun.elapsed() < PATIENCE, "the server never got ready");
            sleep(Duration::from_millis(10)).await;
        }
        true
    }

    /// Stops the server as a crash would: sessions are ended, and nothing is written to disk.
    ///
    /// # Panics
    ///
    /// If the server does not stop.
    pub async fn stop_at_once(&mut self) {
        let mut server = self.server.take().expect("the server runs");
        signal("QUIT", &server.id().to_string());
        let begun = Instant::now();
        while server.try_wait().expect("our own child").is_none() {
            assert!(begun.elapsed() < PATIENCE, "the server does not stop");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Returns what the server has logged.
    #[must_use]
    pub fn log(&self) -> String {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }
}

const PATIENCE: Duration = Duration::from_secs(30);

/// Sends a signal to the process with this number, as the server's user.
///
/// # Panics
///
/// If the signal cannot be sent.
pub fn signal(name: &str, pid: &str) {
    let kill = r#"kill -s "$0" "$1""#;
    let sent = Command::new("sh").args(["-c", kill, name, pid]).status();
    assert!(sent.expect("a shell").success(), "no {name} for {pid}");
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The keeper stops the server. Waiting for the keeper ensures that nothing is left behind.
        drop(self.alive.take());
        if let Some(server) = &mut self.server {
            drop(server.wait());
        }
        drop(self.keeper.wait());
    }
}

/// Returns whether the server accepts connections. `pg_ctl` waits for the eighth line of this file,
/// too.
fn is_ready(folder: &Path) -> bool {
    let state = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
    let line = state.lines().nth(7);
    line.is_some_and(|line| line.starts_with("ready"))
}

/// Makes the command run as the server's user, because Postgres refuses to run as root.
fn as_server(command: &mut Command) -> &mut Command {
    let Ok(user) = std::env::var("DBOP_TEST_POSTGRES_USER") else {
        return command;
    };
    let (uid, gid) = user
        .split_once(':')
        .expect("DBOP_TEST_POSTGRES_USER is uid:gid");
    let number = |id: &str| id.parse().expect("DBOP_TEST_POSTGRES_USER is uid:gid");
    command.uid(number(uid)).gid(number(gid))
}
