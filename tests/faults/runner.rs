//! `tests/run` says so if it is asked for something that it does not know, or if no test has run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// Runs `tests/run quick`, or another tier, with a `cargo` that only prints this text.
fn run(tier: &str, cargo_says: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let cargo = folder.path().join("cargo");
    fs::write(
        &cargo,
        format!("#!/bin/sh\ncat <<'END'\n{cargo_says}\nEND\n"),
    )
    .expect("a file");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("a program");
    let path = std::env::var("PATH").expect("a path");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("run");
    let mut command = Command::new(script);
    command
        .arg(tier)
        .env("PATH", format!("{}:{path}", folder.path().display()));
    command.output().expect("a run")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_tier_that_there_is_not_is_refused_with_the_tiers_that_there_are() {
    let output = run("nonsense", "cargo has been started");
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("`nonsense` is not a tier"), "{text}");
    for tier in ["tests/run quick", "tests/run --costs", "cargo test"] {
        assert!(text.contains(tier), "{text}");
    }
    assert!(output.stdout.is_empty(), "nothing was run");
}

#[test]
fn a_run_in_which_no_test_has_run_fails() {
    let result = |counts: &str| format!("test result: ok. {counts} 3 filtered out; finished in 0s");
    let none = result("0 passed; 0 failed; 1 ignored; 0 measured;");
    let some = result("10 passed; 0 failed; 1 ignored; 0 measured;");
    let output = run("quick", &format!("{none}\n{none}"));
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("no test has run"));
    for says in [format!("{none}\n{some}\n{none}"), "built only".to_owned()] {
        let output = run("quick", &says);
        assert!(output.status.success(), "{says}: {}", stderr(&output));
    }
}
