use super::{assert_sound, never, retried, transient};
use crate::classify::mysql::{lookup, mysql};
use crate::error::{Category, Class, ErrorKind, Retry};

/// Every number for which there is an answer.
fn all() -> impl Iterator<Item = (String, Class)> {
    (0..=u16::MAX).filter_map(|errno| Some((errno.to_string(), lookup(errno, "")?)))
}

#[test]
fn every_answer_is_sound() {
    for (errno, class) in all() {
        assert_sound(&errno, class);
    }
}

#[test]
fn the_errors_an_application_meets_have_a_deliberate_answer() {
    for errno in [
        1020, 1021, 1040, 1044, 1045, 1048, 1053, 1054, 1062, 1064, 1114, 1142, 1146, 1158, 1159,
        1160, 1161, 1180, 1203, 1205, 1213, 1226, 1264, 1290, 1292, 1317, 1365, 1366, 1406, 1451,
        1452, 1637, 1792, 1836, 1927, 1969, 2002, 2003, 2006, 2013, 3024, 3058, 3101, 3572, 3819,
        4025, 4031,
    ] {
        assert!(lookup(errno, "").is_some(), "{errno}");
    }
}

#[test]
fn exactly_these_numbers_had_no_effect() {
    assert_eq!(
        retried(all(), Retry::Always),
        [
            "1020", "1040", "1203", "1205", "1213", "1412", "1613", "1614", "1615", "1637", "2002",
            "2003", "3058", "3101", "3572"
        ]
    );
}

#[test]
fn exactly_these_numbers_may_have_had_an_effect() {
    assert_eq!(
        retried(all(), Retry::IfIdempotent),
        [
            "1053", "1152", "1154", "1158", "1159", "1160", "1161", "1180", "1184", "1297", "1401",
            "1927", "1969", "2006", "2013", "2045", "2048", "2055", "3024", "3032", "3168", "3169"
        ]
    );
}

#[test]
fn a_lock_wait_timeout_is_a_lock_although_its_sqlstate_says_nothing() {
    assert_eq!(
        mysql(1205, "HY000", "Lock wait timeout exceeded"),
        transient(ErrorKind::Lock, Retry::Always)
    );
}

#[test]
fn a_statement_that_was_ended_by_its_limit_may_stay_applied_in_part() {
    let timeout = transient(ErrorKind::Timeout, Retry::IfIdempotent);
    for (errno, message) in [
        (
            1969,
            "Query execution was interrupted (max_statement_time exceeded)",
        ),
        (
            3024,
            "Query execution was interrupted, maximum statement execution time exceeded",
        ),
        (
            1028,
            "Sort aborted: Query execution was interrupted, maximum statement execution time exceeded",
        ),
        (
            1028,
            "Sort aborted: Query execution was interrupted (max_statement_time exceeded)",
        ),
    ] {
        assert_eq!(mysql(errno, "HY000", message), timeout, "{message}");
    }
}

#[test]
fn a_statement_that_somebody_has_cancelled_is_not_run_again() {
    let wish = never(Category::Cancelled, ErrorKind::QueryCanceled);
    let message = "Query execution was interrupted";
    assert_eq!(mysql(1317, "70100", message), wish);
    assert_eq!(
        mysql(
            1028,
            "HY000",
            "Sort aborted: Query execution was interrupted"
        ),
        wish
    );
}

#[test]
fn a_session_that_was_killed_is_a_lost_connection() {
    let lost = transient(ErrorKind::Connection, Retry::IfIdempotent);
    assert_eq!(mysql(1927, "70100", "Connection was killed"), lost);
    assert_eq!(mysql(3169, "HY000", "The session was killed"), lost);
}

#[test]
fn a_session_that_was_ended_for_idling_has_not_run_what_came_then() {
    let message = "The client was disconnected by the server because of inactivity. See \
        wait_timeout and interactive_timeout for configuring this behavior.";
    assert!(mysql(4031, "HY000", message).ended_while_idle());
}

#[test]
fn a_name_server_that_is_away_passes_and_an_unknown_host_does_not() {
    assert_eq!(
        mysql(2005, "HY000", "Unknown MySQL server host 'db' (-3)"),
        transient(ErrorKind::Connection, Retry::Always)
    );
    assert_eq!(
        mysql(2005, "HY000", "Unknown MySQL server host 'db' (-2)"),
        never(Category::Programming, ErrorKind::Configuration)
    );
}

#[test]
fn constraints_are_told_apart() {
    for (errno, kind) in [
        (1062, ErrorKind::Unique),
        (1569, ErrorKind::Unique),
        (1048, ErrorKind::NotNull),
        (3673, ErrorKind::NotNull),
        (1215, ErrorKind::ForeignKey),
        (1451, ErrorKind::ForeignKey),
        (1557, ErrorKind::ForeignKey),
        (1761, ErrorKind::ForeignKey),
        (1762, ErrorKind::ForeignKey),
        (1830, ErrorKind::ForeignKey),
        (1834, ErrorKind::ForeignKey),
        (3819, ErrorKind::Check),
    ] {
        assert_eq!(
            mysql(errno, "HY000", ""),
            never(Category::Integrity, kind),
            "{errno}"
        );
    }
}

#[test]
fn these_numbers_are_in_the_category_in_which_others_have_them() {
    for (errno, category, kind) in [
        (1036, Category::Programming, ErrorKind::ReadOnly),
        (1095, Category::Permission, ErrorKind::Privilege),
        (1129, Category::Resource, ErrorKind::LimitExceeded),
        (1141, Category::Programming, ErrorKind::UndefinedObject),
        (1176, Category::Programming, ErrorKind::UndefinedObject),
        (1211, Category::Permission, ErrorKind::Privilege),
        (1223, Category::Programming, ErrorKind::TransactionState),
        (1263, Category::Data, ErrorKind::NotNull),
        (1289, Category::Programming, ErrorKind::Unsupported),
        (1822, Category::Programming, ErrorKind::InvalidDefinition),
        (3147, Category::Data, ErrorKind::InvalidJson),
        (3150, Category::Data, ErrorKind::TooLong),
        (3780, Category::Programming, ErrorKind::InvalidDefinition),
    ] {
        assert_eq!(mysql(errno, "HY000", ""), never(category, kind), "{errno}");
    }
}

#[test]
fn a_table_that_cannot_be_created_for_its_foreign_key_is_badly_defined() {
    let class = |errno| {
        mysql(
            1005,
            "HY000",
            &format!("Can't create table (errno: {errno})"),
        )
    };
    assert_eq!(
        class("150 \"Foreign key constraint is incorrectly formed\""),
        never(Category::Programming, ErrorKind::InvalidDefinition)
    );
    assert_eq!(class("13"), never(Category::Internal, ErrorKind::Io));
}

#[test]
fn a_commit_that_failed_half_way_is_ambiguous() {
    assert_eq!(mysql(1180, "HY000", "").category, Category::Ambiguous);
}

#[test]
fn the_number_of_connections_passes_and_an_hourly_limit_does_not() {
    let class = |what: &str| {
        let message = format!("User 'a' has exceeded the '{what}' resource (current value: 5)");
        mysql(1226, "42000", &message)
    };
    assert_eq!(
        class("max_user_connections"),
        transient(ErrorKind::TooManyConnections, Retry::Always)
    );
    assert_eq!(
        class("max_queries_per_hour"),
        never(Category::Resource, ErrorKind::LimitExceeded)
    );
}

#[test]
fn numbers_that_the_two_servers_use_differently_are_told_apart() {
    assert_eq!(
        mysql(
            4031,
            "HY000",
            "The client was disconnected by the server because of inactivity."
        ),
        transient(ErrorKind::SessionTimeout, Retry::Always)
    );
    assert_eq!(
        mysql(4031, "HY000", "Referenced trigger 't' does not exist").retry,
        Retry::Never
    );
    assert_eq!(
        mysql(4025, "23000", "CONSTRAINT `positive` failed for `a`.`b`"),
        never(Category::Integrity, ErrorKind::Check)
    );
    assert_eq!(
        mysql(4025, "HY000", "AUTOEXTEND_SIZE should be between").category,
        Category::Programming
    );
}

#[test]
fn a_read_only_server_is_not_a_missing_privilege() {
    let class = |option: &str| {
        let message = format!("The MySQL server is running with the {option} option");
        mysql(1290, "HY000", &message)
    };
    assert_eq!(
        class("--super-read-only"),
        never(Category::Programming, ErrorKind::ReadOnly)
    );
    assert_eq!(class("--secure-file-priv").category, Category::Permission);
}

#[test]
fn a_galera_node_that_is_not_ready_refuses_before_it_runs() {
    assert_eq!(
        mysql(
            1047,
            "08S01",
            "WSREP has not yet prepared node for application use"
        ),
        transient(ErrorKind::StartingUp, Retry::Always)
    );
    assert_eq!(mysql(1047, "08S01", "Unknown command").retry, Retry::Never);
}

#[test]
fn a_signal_is_the_application_whatever_number_it_picked() {
    assert_eq!(
        mysql(1213, "45000", "out of stock"),
        never(Category::Application, ErrorKind::Raised)
    );
}

#[test]
fn unknown_numbers_are_never_retried() {
    for errno in 0..=u16::MAX {
        if lookup(errno, "").is_none() {
            for state in ["40001", "08S01", "HY000", "XA102", "70100", "", "é"] {
                let class = mysql(errno, state, "try restarting transaction");
                assert_eq!(class.retry, Retry::Never, "{errno} {state}");
            }
        }
    }
    assert_eq!(mysql(9999, "23000", "").category, Category::Integrity);
    assert_eq!(mysql(9999, "22001", "").category, Category::Data);
}
