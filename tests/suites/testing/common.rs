//! What a test under `#[dbop::test]` prints and leaves behind, on each database.

use super::child::{run, run_on_server};
use super::{TEST, forget_kept};

#[test]
fn a_test_that_passes_prints_nothing() {
    let ran = run(&format!("passing::{TEST}"));
    assert!(ran.passed, "{}", ran.printed);
    assert!(
        !ran.printed.contains("What has happened"),
        "{}",
        ran.printed
    );
    assert!(!ran.printed.contains("is kept"), "{}", ran.printed);
}

#[test]
fn a_test_that_returns_an_error_prints_its_operations_its_statements_and_where_its_database_is() {
    let ran = run(&format!("failing::{TEST}"));
    assert!(!ran.passed, "{}", ran.printed);
    for part in [
        "Unique".to_owned(),
        format!("INFO on_{TEST}::suites::testing::children: about to put twice id=7"),
        format!("put_{TEST} > INSERT INTO accounts (id, cents) VALUES"),
        format!("put_{TEST} took"),
        "dbop.outcome=rolled_back".to_owned(),
        format!("children::failing::{TEST} is kept for 7 days"),
    ] {
        assert!(
            ran.printed.contains(&part),
            "no `{part}` in {}",
            ran.printed
        );
    }
    forget_kept(&ran);
}

#[test]
fn a_test_that_panics_prints_what_tasks_on_other_threads_have_done() {
    let ran = run(&format!("panicking::{TEST}"));
    assert!(!ran.passed, "{}", ran.printed);
    let inserted = format!("put_{TEST} > INSERT INTO accounts");
    for part in ["the sky falls", inserted.as_str(), "is kept for 7 days"] {
        assert!(ran.printed.contains(part), "no `{part}` in {}", ran.printed);
    }
    forget_kept(&ran);
}

#[test]
fn a_test_that_leaves_a_connection_in_use_fails_and_names_its_holder() {
    let ran = run(&format!("leaking::{TEST}"));
    assert!(!ran.passed, "{}", ran.printed);
    let holder = format!(
        "1 connection(s) of the test's database still in use 1 s after its end, held by `hold_{TEST}`"
    );
    assert!(ran.printed.contains(&holder), "{}", ran.printed);
    forget_kept(&ran);
}

#[test]
fn a_fixture_that_fails_is_named_with_the_database_s_message() {
    let ran = run(&format!("never_begun::{TEST}"));
    assert!(!ran.passed, "{}", ran.printed);
    for part in ["the test has not begun", "`broken`", "acounts"] {
        assert!(ran.printed.contains(part), "no `{part}` in {}", ran.printed);
    }
}

#[test]
fn a_test_that_should_panic_fails_if_it_has_not_begun() {
    let ran = run(&format!("never_begun_to_panic::{TEST}"));
    assert!(!ran.passed, "{}", ran.printed);
    assert!(
        ran.printed.contains("the test has not begun"),
        "{}",
        ran.printed
    );
}

#[test]
fn a_test_that_should_panic_fails_as_any_other_if_it_panics_otherwise_or_not_at_all() {
    let ran = run(&format!("not_panicking::{TEST}"));
    assert!(!ran.passed, "{}", ran.printed);
    assert!(
        ran.printed.contains("did not panic as it should"),
        "{}",
        ran.printed
    );
    forget_kept(&ran);
    let ran = run(&format!("panicking_otherwise::{TEST}"));
    assert!(!ran.passed, "{}", ran.printed);
    let inserted = format!("put_{TEST} > INSERT INTO accounts");
    for part in [
        "contains `as it should`",
        inserted.as_str(),
        "is kept for 7 days",
    ] {
        assert!(ran.printed.contains(part), "no `{part}` in {}", ran.printed);
    }
    forget_kept(&ran);
}

#[test]
fn only_a_test_on_postgres_needs_a_server_and_it_says_so() {
    let sqlite = run_on_server("passing::sqlite", None);
    assert!(sqlite.passed, "{}", sqlite.printed);
    let postgres = run_on_server("passing::postgres", None);
    assert!(!postgres.passed, "{}", postgres.printed);
    let advice = "DBOP_TEST_DATABASE_URL is not set";
    assert!(postgres.printed.contains(advice), "{}", postgres.printed);
}
