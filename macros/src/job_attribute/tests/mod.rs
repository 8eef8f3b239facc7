//! What `#[job]` writes, and every message. The folder `tests/ui/job` has what rustc says.

mod expansion;
mod kept;
mod options;
mod signature;

use super::expand;
use crate::database::Database;

const BOTH: &[Database] = &[Database::Sqlite, Database::Postgres];
const SQLITE: &[Database] = &[Database::Sqlite];

fn expanded_for(built_in: &[Database], options: &str, function: &str) -> String {
    let (options, function) = (options.parse().unwrap(), function.parse().unwrap());
    expand(options, function, built_in).to_string()
}

fn expanded(options: &str, function: &str) -> String {
    expanded_for(BOTH, options, function)
}

/// Returns the text without its spaces.
fn bare(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Returns what is written, with `P::` for the path of the runtime.
#[track_caller]
fn written(options: &str, function: &str) -> String {
    let found = expanded(options, function);
    assert!(!found.contains("compile_error"), "{found}");
    bare(&found).replace("::dbop::__private0::", "P::")
}

#[track_caller]
fn assert_writes(options: &str, function: &str, expected: &str) {
    let found = written(options, function);
    assert!(found.contains(&bare(expected)), "{expected}\n{found}");
}

/// Asserts that there is one message for each part, that contains the part, and that the function stays.
#[track_caller]
fn assert_rejected(options: &str, function: &str, parts: &[&str]) {
    assert_rejected_for(BOTH, options, function, parts);
}

#[track_caller]
fn assert_rejected_for(built_in: &[Database], options: &str, function: &str, parts: &[&str]) {
    let found = expanded_for(built_in, options, function);
    assert_eq!(
        found.matches("compile_error").count(),
        parts.len(),
        "{found}"
    );
    let text = found.replace("\\\"", "\"");
    for part in parts {
        assert!(text.contains(part), "{part}: {found}");
    }
    let body = function
        .split_once('{')
        .map_or("", |(_, body)| body.trim_end_matches('}'));
    assert!(
        bare(&found).contains(&bare(body)),
        "the body stays for editors: {found}"
    );
}
