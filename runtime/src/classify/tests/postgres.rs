use super::codes::POSTGRES;
use super::{assert_sound, never, retried, transient};
use crate::classify::postgres::{lookup, postgres};
use crate::error::{Category, Class, ErrorKind, Retry};

fn all() -> impl Iterator<Item = (String, Class)> {
    POSTGRES
        .iter()
        .map(|(code, _)| ((*code).to_owned(), postgres(code, "")))
}

#[test]
fn every_sqlstate_of_the_errcodes_table_has_a_deliberate_answer() {
    assert_eq!(POSTGRES.len(), 263);
    for (code, name) in POSTGRES {
        let class = lookup(code, "").unwrap_or_else(|| panic!("{code} {name} has no answer"));
        assert_sound(code, class);
    }
}

#[test]
fn exactly_these_sqlstates_had_no_effect() {
    assert_eq!(
        retried(all(), Retry::Always),
        [
            "08001", "08004", // not connected
            "40000", "40001", "40P01", // rolled back
            "53300", // not connected
            "55P03", // not locked
            "57P03", // not connected
            "57P05", // idle, so never read
        ]
    );
}

#[test]
fn exactly_these_sqlstates_may_have_had_an_effect() {
    assert_eq!(
        retried(all(), Retry::IfIdempotent),
        [
            "08000", "08003", "08006", "08007", // lost
            "25P04", // ended by the server
            "40003", // unknown
            "57P01", "57P02", // ended by the server
        ]
    );
}

#[test]
fn exactly_these_sqlstates_are_ambiguous() {
    let ambiguous: Vec<_> = all()
        .filter(|(_, class)| class.category == Category::Ambiguous)
        .map(|(code, _)| code)
        .collect();
    assert_eq!(ambiguous, ["08007", "40003"]);
}

#[test]
fn exactly_these_sqlstates_end_the_session() {
    let ending: Vec<_> = all()
        .filter(|(_, class)| class.kind.ends_session())
        .map(|(code, _)| code)
        .collect();
    assert_eq!(
        ending,
        [
            "08000", "08001", "08003", "08004", "08006", "25P03", "25P04", "57P01", "57P02",
            "57P05"
        ]
    );
}

#[test]
fn exactly_these_sqlstates_end_a_session_that_was_idle() {
    let idle: Vec<_> = all()
        .filter(|(_, class)| class.ended_while_idle())
        .map(|(code, _)| code)
        .collect();
    assert_eq!(idle, ["25P03", "57P05"]);
}

#[test]
fn a_transaction_that_lasted_too_long_may_have_been_committed_all_the_same() {
    assert_eq!(
        postgres("25P04", "terminating connection due to transaction timeout"),
        transient(ErrorKind::SessionTimeout, Retry::IfIdempotent)
    );
}

#[test]
fn a_constraint_failure_at_commit_is_not_a_serialization_failure() {
    assert_eq!(
        postgres("40002", ""),
        never(Category::Integrity, ErrorKind::Constraint)
    );
}

#[test]
fn constraints_are_told_apart() {
    for (code, kind) in [
        ("23505", ErrorKind::Unique),
        ("23503", ErrorKind::ForeignKey),
        ("23001", ErrorKind::ForeignKey),
        ("23502", ErrorKind::NotNull),
        ("23514", ErrorKind::Check),
        ("44000", ErrorKind::Check),
        ("23P01", ErrorKind::Exclusion),
    ] {
        assert_eq!(postgres(code, ""), never(Category::Integrity, kind));
    }
}

#[test]
fn a_cancelled_query_is_a_timeout_a_lock_a_conflict_or_a_wish() {
    let because = |reason: &str| postgres("57014", &format!("canceling statement due to {reason}"));
    assert_eq!(
        because("statement timeout"),
        transient(ErrorKind::Timeout, Retry::Always)
    );
    assert_eq!(
        because("lock timeout"),
        transient(ErrorKind::Lock, Retry::Always)
    );
    assert_eq!(
        because("conflict with recovery"),
        transient(ErrorKind::Serialization, Retry::Always)
    );
    let wish = never(Category::Cancelled, ErrorKind::QueryCanceled);
    assert_eq!(because("user request"), wish);
    assert_eq!(
        postgres(
            "57014",
            "storniere Anfrage wegen Zeitüberschreitung der Anfrage"
        ),
        wish
    );
}

#[test]
fn a_stale_plan_is_prepared_again_and_a_missing_feature_is_not() {
    assert_eq!(
        postgres("0A000", "cached plan must not change result type"),
        transient(ErrorKind::StalePlan, Retry::Always)
    );
    assert_eq!(
        postgres("0A000", "cannot execute COPY here"),
        never(Category::Programming, ErrorKind::Unsupported)
    );
}

#[test]
fn a_standby_that_ends_the_session_wrote_nothing() {
    assert_eq!(
        postgres(
            "40001",
            "terminating connection due to conflict with recovery"
        ),
        transient(ErrorKind::Connection, Retry::Always)
    );
}

#[test]
fn malformed_json_is_not_just_any_text() {
    let kind = |message| postgres("22P02", message).kind;
    assert_eq!(
        kind("invalid input syntax for type json"),
        ErrorKind::InvalidJson
    );
    assert_eq!(
        kind("invalid input syntax for type uuid: \"x\""),
        ErrorKind::InvalidText
    );
}

#[test]
fn a_protocol_violation_is_never_retried_unless_pgbouncer_says_what_it_means() {
    let class = |message| postgres("08P01", message);
    assert_eq!(
        class("bind message supplies 1 parameters, but prepared statement \"\" requires 2"),
        never(Category::Internal, ErrorKind::Protocol)
    );
    let crowded = transient(ErrorKind::TooManyConnections, Retry::Always);
    for (message, expected) in [
        (
            "query_wait_timeout",
            transient(ErrorKind::Connection, Retry::Always),
        ),
        (
            "server login has been failing, cached error: x (server_login_retry)",
            transient(ErrorKind::Connection, Retry::Always),
        ),
        ("no more connections allowed (max_client_conn)", crowded),
        (
            "client connections exceeded (max_db_client_connections)",
            crowded,
        ),
        (
            "client connections exceeded (max_user_client_connections)",
            crowded,
        ),
        (
            "server conn crashed?",
            transient(ErrorKind::Connection, Retry::IfIdempotent),
        ),
        (
            "server shutting down",
            transient(ErrorKind::ShuttingDown, Retry::IfIdempotent),
        ),
        (
            "query timeout",
            transient(ErrorKind::Timeout, Retry::IfIdempotent),
        ),
        (
            "query_timeout",
            transient(ErrorKind::Timeout, Retry::IfIdempotent),
        ),
        // These are like 57P05, 25P03 and 25P04 of the server.
        (
            "client_idle_timeout",
            transient(ErrorKind::SessionTimeout, Retry::Always),
        ),
        (
            "idle transaction timeout",
            never(Category::Programming, ErrorKind::SessionTimeout),
        ),
        (
            "transaction timeout",
            transient(ErrorKind::SessionTimeout, Retry::IfIdempotent),
        ),
    ] {
        assert_eq!(class(message), expected, "{message}");
    }
}

#[test]
fn what_the_application_raised_is_its_own() {
    assert_eq!(
        postgres("P0001", "insufficient funds"),
        never(Category::Application, ErrorKind::Raised)
    );
}

#[test]
fn internal_errors_of_concurrent_ddl_are_not_replayed() {
    for message in [
        "tuple concurrently updated",
        "cache lookup failed for relation 16384",
    ] {
        assert_eq!(
            postgres("XX000", message),
            never(Category::Internal, ErrorKind::Other)
        );
    }
}

#[test]
fn a_message_changes_nothing_for_a_code_that_is_clear() {
    let loud = "statement timeout, lock timeout, conflict with recovery, query_wait_timeout, \
                cached plan must not change result type";
    for (code, _) in POSTGRES {
        if !["57014", "0A000", "08P01"].contains(code) {
            assert_eq!(postgres(code, loud), postgres(code, ""), "{code}");
        }
    }
}

#[test]
fn unknown_sqlstates_are_never_retried() {
    let known = |code: &str| POSTGRES.iter().any(|(known, _)| *known == code);
    let mut classes: Vec<_> = POSTGRES.iter().map(|(code, _)| &code[..2]).collect();
    classes.push("ZZ");
    for class in classes {
        for rest in ["X9X", "ZZZ", "999"] {
            let code = format!("{class}{rest}");
            assert!(!known(&code) && lookup(&code, "").is_none());
            let answer = postgres(&code, "statement timeout");
            assert_eq!(answer.retry, Retry::Never, "{code}");
            assert_sound(&code, answer);
        }
    }
    for odd in ["", "4", "40", "40001 ", "4000", "é0001", "40p01"] {
        assert_eq!(postgres(odd, "").retry, Retry::Never, "{odd:?}");
    }
}

#[test]
fn an_unknown_code_has_the_category_of_its_class() {
    assert_eq!(postgres("23X99", "").category, Category::Integrity);
    assert_eq!(postgres("22X99", "").category, Category::Data);
    assert_eq!(postgres("42X99", "").category, Category::Programming);
    assert_eq!(postgres("53X99", "").category, Category::Resource);
    assert_eq!(postgres("08X99", "").kind, ErrorKind::Connection);
    assert_eq!(
        postgres("U0001", ""),
        never(Category::Internal, ErrorKind::Other)
    );
}
