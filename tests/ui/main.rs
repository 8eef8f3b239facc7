//! What a user reads when something is wrong: every file under `fail` is compiled, and the messages
//! are compared with the `.stderr` beside it. `TRYBUILD=overwrite cargo test --test ui` writes them anew.

#[test]
fn messages() {
    let cases = trybuild::TestCases::new();
    // With a `pass` case all are built and not only checked, which evaluates the constants of generic functions.
    cases.pass("ui/*/pass/*.rs");
    cases.compile_fail("ui/*/fail/*.rs");
}
