//! What a user reads when something is wrong: every file under `fail` and `warn` is compiled, and
//! the messages are compared with the `.stderr` beside it. `TRYBUILD=overwrite cargo test --test ui`
//! writes them anew.

#[test]
fn messages() {
    let cases = trybuild::TestCases::new();
    // With a `pass` case all are built and not only checked, which evaluates the constants of generic functions.
    cases.pass("ui/*/pass/*.rs");
    cases.compile_fail("ui/*/fail/*.rs");
    cases.pass("ui/lints/*/pass/*.rs");
    cases.compile_fail("ui/lints/*/fail/*.rs");
    // A warning is the use of something deprecated. These files deny it, so that its text is compared.
    cases.compile_fail("ui/*/warn/*.rs");
    cases.compile_fail("ui/lints/*/warn/*.rs");
}
