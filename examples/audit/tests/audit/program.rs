//! The program itself: what it prints, and where it writes.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs the program in a folder, with another one as the system's temporary folder. Returns what it
/// has printed.
fn run(folder: &Path, temporary: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_audit"))
        .args(arguments)
        .current_dir(folder)
        .envs(["TMPDIR", "TMP", "TEMP"].map(|name| (name, temporary)))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn the_chart_goes_to_the_temporary_folder_and_its_path_is_printed() {
    let (folder, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let printed = run(folder.path(), temporary.path(), &["--quiet"]);
    assert_eq!(files(folder.path()), Vec::<PathBuf>::new());
    let [chart] = &files(temporary.path())[..] else {
        panic!("not one file: {:?}", files(temporary.path()));
    };
    assert!(std::fs::read_to_string(chart).unwrap().contains("</svg>"));
    let chart = chart.canonicalize().unwrap();
    assert!(printed.contains(chart.to_str().unwrap()), "{printed}");
}

#[test]
fn the_chart_goes_to_the_path_that_is_given() {
    let (folder, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let arguments = ["--quiet", "--report", "visibility.svg"];
    let printed = run(folder.path(), temporary.path(), &arguments);
    let chart = folder.path().join("visibility.svg");
    assert_eq!(files(folder.path()), [chart.as_path()]);
    assert_eq!(files(temporary.path()), Vec::<PathBuf>::new());
    let chart = chart.canonicalize().unwrap();
    assert!(printed.contains(chart.to_str().unwrap()), "{printed}");
}

#[test]
fn the_help_and_the_output_say_what_the_two_halves_are() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["--help"], &["--quiet"]] {
        let printed = run(folder.path(), folder.path(), arguments);
        for half in [
            "blocking functions over rusqlite",
            "async functions over sqlx",
        ] {
            assert!(printed.contains(half), "{printed}");
        }
    }
}
