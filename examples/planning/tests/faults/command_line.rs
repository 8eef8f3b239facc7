//! What is said on the command line, and a run that is killed.

use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::Duration;

use tokio::time::sleep;

use super::process::Process;

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_planning"));
    let command = command.args(arguments).env_remove("DATABASE_URL");
    command.output().expect("the program")
}

/// Runs the program, which fails, and returns what it says.
fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn url_in(folder: &tempfile::TempDir) -> String {
    format!(
        "sqlite:{}?mode=rwc",
        folder.path().join("planning.sqlite").display()
    )
}

#[test]
fn the_help_says_what_each_way_to_run_does_and_shows_no_secret() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_planning"));
    let token = "a token that nobody may see";
    let help = command.arg("--help").env("PLANNING_TOKEN", token).output();
    let help = String::from_utf8(help.expect("the program").stdout).expect("a text");
    for text in [
        "--serve",
        "--worker",
        "--model-only",
        "--database",
        "DATABASE_URL",
        "Examples:",
    ] {
        assert!(help.contains(text), "{text} is not in:\n{help}");
    }
    assert!(!help.contains(token));
}

#[test]
fn a_mistake_is_named_with_its_place_and_what_to_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = url_in(&folder);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address").to_string();
    let missing = format!(
        "sqlite:{}?mode=rw",
        folder.path().join("missing.sqlite").display()
    );
    let nobody = "postgres://nobody:hidden@127.0.0.1:1/nothing";
    for (arguments, says) in [
        (
            &["--serve", "--listen", &taken, "--database", &url][..],
            ["--listen", "in use", "127.0.0.1:0"],
        ),
        (
            &["--model-only", "--listen", &taken],
            ["--listen", "in use", "127.0.0.1:0"],
        ),
        (
            &["--database", "mysql://localhost/a"],
            ["--database", "mysql", "postgres"],
        ),
        (
            &["--database", &missing],
            ["--database", "missing.sqlite", "mode=rwc"],
        ),
        (
            &["--database", nobody],
            ["--database", "127.0.0.1:1", "running"],
        ),
        (
            &["--serve", "--worker"],
            ["--serve", "--worker", "cannot be used with"],
        ),
        (
            &["--model", "3100"],
            ["--model", "expected a URL", "http://127.0.0.1:3100"],
        ),
        (
            &["--model-delay", "soon"],
            ["--model-delay", "expected a time", "250ms"],
        ),
        (&["--reports", "0"], ["--reports", "0", "1..=1000"]),
        (
            &["--serve", "--token", "short"],
            ["--token", "16", "characters"],
        ),
    ] {
        let said = refused(arguments);
        for text in says {
            assert!(
                said.contains(text),
                "{arguments:?}: `{text}` is not in: {said}"
            );
        }
        assert!(!said.contains("hidden"), "a password is shown: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[tokio::test]
async fn a_run_that_is_killed_goes_on_where_it_stopped_and_says_at_its_end_what_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = url_in(&folder);
    let mut arguments = vec!["--database", &url, "--reports", "6", "--samples", "40"];
    arguments.extend([
        "--model-delay",
        "150ms",
        "--model-failing",
        "0",
        "--noticed-within",
        "1s",
    ]);
    for wait in [300, 700] {
        let killed = Process::start(&arguments);
        sleep(Duration::from_millis(wait)).await; // wherever it is then
        killed.kill();
    }
    let mut last = Process::start(&arguments);
    last.says("6 of 6 reports are planned").await;
    last.says("samples are made").await;
    last.says("120 of 120 pages are read").await;
    let (status, _) = last.end().await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn a_worker_in_a_second_process_does_what_a_service_has_enqueued() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = url_in(&folder);
    let mut model = Process::start(&[
        "--model-only",
        "--listen",
        "127.0.0.1:0",
        "--model-delay",
        "5ms",
    ]);
    let said = model.says("http://").await;
    let (_, address) = said.split_once("http://").expect("a URL");
    let address = format!("http://{address}");
    let common = ["--database", &url, "--model", &address];
    let mut service =
        Process::start(&[&common[..], &["--serve", "--listen", "127.0.0.1:0"]].concat());
    let said = service.says("http://").await;
    let (_, address) = said.split_once("http://").expect("a URL");
    let mut worker = Process::start(&[&common[..], &["--worker"]].concat());
    worker.says("Works as").await;
    let http = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let begun = http.post(format!("http://{address}/cycles"));
    let begun = begun.json(&serde_json::json!({"cycle": 1, "reports": 4, "samples": 5}));
    assert_eq!(begun.send().await.expect("an answer").status(), 202);
    super::eventually("all jobs are done", async || {
        let jobs = http
            .get(format!("http://{address}/jobs"))
            .send()
            .await
            .expect("an answer");
        let jobs: serde_json::Value = jobs.json().await.expect("JSON");
        let jobs = jobs["jobs"].as_array().expect("jobs");
        jobs.len() == 9 && jobs.iter().all(|job| job["state"] == "completed")
    })
    .await;
    for process in [service, worker, model] {
        process.terminate();
        let (status, _) = process.end().await;
        assert!(status.success(), "{status}");
    }
}
