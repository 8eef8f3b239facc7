//! The README names a test for every promise, and each of these tests exists.

use std::fs;
use std::path::Path;

/// Returns the text of every Rust file in the folder.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(&path).expect("a text");
        }
    }
    text
}

#[test]
fn every_promise_in_the_readme_names_a_test_that_is_there() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(tests.join("../README.md")).expect("README.md");
    let (_, promises) = readme
        .split_once("## What holds when it fails")
        .expect("the part");
    let (promises, _) = promises.split_once("\nLimits: ").expect("its end");
    let sources = sources(&tests.join("faults")) + &sources(&tests.join("suites"));
    let mut named = 0;
    for row in promises.lines().filter(|line| line.starts_with('|')) {
        let test = row
            .trim_end_matches(['|', ' '])
            .rsplit('|')
            .next()
            .expect("a column");
        for name in test.split('`').skip(1).step_by(2) {
            let is_there = [format!("fn {name}("), format!("{name}:")];
            assert!(
                is_there.iter().any(|text| sources.contains(text)),
                "no test {name}"
            );
            named += 1;
        }
    }
    assert!(named > 40, "only {named} tests are named");
}
