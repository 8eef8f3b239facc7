//! What the READMEs and the guide say of other files is true: the guide names a test for every
//! promise and the README of the examples for every feature, and each of these tests exists; links lead
//! to files that are there, and those of a package's README to files of the package or to other hosts.

use std::fs;
use std::path::{Path, PathBuf};

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
fn every_promise_in_the_guide_names_a_test_that_is_there() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = tests.join("../runtime/guide/guarantees.md");
    let guarantees = fs::read_to_string(page).expect("guarantees.md");
    let (promises, _) = guarantees.split_once("\n## Limits").expect("the end");
    let sources = sources(&tests.join("faults")) + &sources(&tests.join("suites"));
    let mut named = 0;
    for row in promises.lines().filter(|line| line.starts_with('|')) {
        named += tests_that_are_there(row, &sources);
    }
    assert!(named > 40, "only {named} tests are named");
}

/// Sees that each test that the last column of a row names is in these sources. Returns how many these
/// are.
fn tests_that_are_there(row: &str, sources: &str) -> usize {
    let tests = row.trim_end_matches(['|', ' ']).rsplit('|').next();
    let names = tests.expect("a column").split('`').skip(1).step_by(2);
    let names: Vec<_> = names.collect();
    for name in &names {
        let is_there = [format!("fn {name}("), format!("{name}:")];
        assert!(
            is_there.iter().any(|text| sources.contains(text)),
            "no test {name}"
        );
    }
    names.len()
}

#[test]
fn every_feature_of_the_examples_names_an_example_and_a_test_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("examples/README.md")).expect("a README");
    let (_, features) = readme
        .split_once("\n## What is where")
        .expect("the features");
    let (features, _) = features
        .split_once("\n### What is not built")
        .expect("the end");
    let folders = [
        "tests/suites",
        "tests/faults",
        "tests/ui",
        "runtime/src",
        "examples",
    ];
    let sources: String = folders.map(|folder| sources(&root.join(folder))).concat();
    let rows = features.lines().filter(|line| line.starts_with("| "));
    let rows = rows.filter(|row| !row.starts_with("| feature |"));
    let mut named = 0;
    for row in rows {
        let columns: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [_, _, example, tests] = columns[..] else {
            panic!("four columns: {row}");
        };
        let is_there = root.join("examples").join(example).is_dir();
        assert!(is_there || example.starts_with("[guide]("), "{example}");
        let tests = tests_that_are_there(tests, &sources);
        assert!(tests > 0, "no test is named: {row}");
        named += tests;
    }
    assert!(named > 60, "only {named} tests are named");
}

/// Returns the documents that are read on their own, outside of rustdoc.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = Vec::new();
    for folder in ["", "runtime/guide", "tests", "examples"].map(|name| root.join(name)) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let is_page = path.extension().is_some_and(|extension| extension == "md");
            // This file has the targets of the same links in rustdoc.
            if is_page && !path.ends_with("rustdoc-links.md") {
                all.push(path);
            }
        }
    }
    all
}

/// Returns the targets of the links in a text, in the forms `[..](target)` and `[..]: target`.
fn targets(text: &str) -> Vec<&str> {
    let inline = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let defined = text.lines().filter(|line| line.starts_with('['));
    let defined = defined.filter_map(|line| line.split_once("]: ").map(|(_, target)| target));
    inline.chain(defined).collect()
}

#[test]
fn every_link_in_the_readme_and_the_guide_leads_to_a_file_that_is_there() {
    let documents = documents();
    let mut followed = 0;
    for document in &documents {
        let text = fs::read_to_string(document).expect("a text");
        let folder = document.parent().expect("a folder");
        for target in targets(&text) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || target.contains("://") {
                continue;
            }
            let is_there = folder.join(file).exists();
            assert!(is_there, "{} links to {target}", document.display());
            followed += 1;
        }
    }
    assert!(followed > 40, "only {followed} links were followed");
}

/// The README of a package is read on crates.io, where only the files of the package are.
#[test]
fn every_link_in_a_packaged_readme_is_absolute_or_leads_to_a_file_of_the_package() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let guide = fs::read_to_string(root.join("runtime/src/guide.rs")).expect("the guide");
    let mut pages = 0;
    for package in ["runtime", "macros"] {
        let folder = root.join(package);
        let readme = folder.join("README.md");
        assert!(!readme.is_symlink(), "{package} needs a README of its own");
        for target in targets(&fs::read_to_string(&readme).expect("a README")) {
            if !target.contains("://") {
                let leaves = target.starts_with('/') || target.contains("..");
                let is_there = folder.join(target).exists();
                assert!(!leaves && is_there, "{package} links to {target}");
            } else if let Some((_, page)) = target.split_once("dbop/latest/dbop/guide/") {
                let page = page.strip_suffix("/index.html").expect("a page");
                let module = format!("pub mod {page} {{");
                assert!(guide.contains(&module), "the guide has no page {page}");
                pages += 1;
            }
        }
    }
    assert_eq!(pages, guide.matches("pub mod ").count(), "all are linked");
}
