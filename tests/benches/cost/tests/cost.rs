//! Counted in instructions, the cost of a call is exact, so it can be tested.

use std::process::Command;

/// Compares with the functions by hand, in a release build of its own. This takes seconds once the
/// build is there.
#[test]
#[ignore = "a release build under valgrind: run `tests/run --costs`"]
fn a_call_costs_no_more_instructions_allocations_and_bytes_than_it_did() {
    let check = [
        "run",
        "--quiet",
        "--release",
        "-p",
        "dbop-cost",
        "--",
        "check",
    ];
    let output = Command::new(env!("CARGO"))
        .args(check)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo has started this test");
    let (said, failed) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}{failed}");
    print!("{said}");
}
