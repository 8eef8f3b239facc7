use super::*;
use crate::classify;

fn of(category: Category, kind: Kind) -> Error {
    let class = Class {
        category,
        kind,
        retry: Retry::Never,
    };
    Error::new(class, "table accounts, value 4711")
}

fn ended(operation: &'static str, attempts: u32, outcome: Outcome, joined: bool) -> Ended {
    Ended {
        joined,
        ..Ended::outermost(operation, attempts, outcome)
    }
}

#[test]
fn what_a_user_is_shown_holds_nothing_of_the_cause() {
    for category in [
        Category::Transient,
        Category::Integrity,
        Category::Query,
        Category::Programming,
        Category::Data,
        Category::Permission,
        Category::Resource,
        Category::Ambiguous,
        Category::Cancelled,
        Category::Internal,
        Category::Application,
    ] {
        let message = of(category, Kind::Other).user_message();
        assert!(message.ends_with('.'), "{message}");
        assert!(!message.contains("accounts") && !message.contains("4711"));
    }
}

#[test]
fn http_status_says_who_has_to_act() {
    for (category, kind, status) in [
        (Category::Query, Kind::NoRows, 404),
        (Category::Integrity, Kind::Unique, 409),
        (Category::Integrity, Kind::ForeignKey, 409),
        (Category::Integrity, Kind::NotNull, 422),
        (Category::Data, Kind::InvalidText, 422),
        (Category::Application, Kind::Application, 400),
        (Category::Transient, Kind::Serialization, 503),
        (Category::Transient, Kind::Timeout, 504),
        (Category::Resource, Kind::PoolExhausted, 503),
        (Category::Permission, Kind::Privilege, 500),
        (Category::Programming, Kind::Syntax, 500),
        (Category::Ambiguous, Kind::CompletionUnknown, 500),
    ] {
        assert_eq!(
            of(category, kind).http_status(),
            status,
            "{category}/{kind}"
        );
    }
}

#[test]
fn a_wrapped_sqlx_error_comes_back_unchanged() {
    let back = sqlx::Error::from(Error::from(sqlx::Error::PoolClosed));
    assert!(matches!(back, sqlx::Error::PoolClosed));
}

#[test]
fn an_error_of_ours_survives_the_way_through_sqlx() {
    let mut error = Error::deadline("a test");
    error.finish(ended("op", 3, Outcome::RolledBack, false));
    let through = sqlx::Error::from(error);
    assert_eq!(classify::sqlx(&through).kind, Kind::Timeout);
    let back = Error::from(through);
    assert_eq!(back.kind(), Kind::Timeout);
    assert_eq!((back.operation(), back.attempts()), (Some("op"), 3));
    assert_eq!(back.outcome(), Outcome::RolledBack);
}

#[test]
fn the_nearest_operation_keeps_its_name_and_an_unknown_effect_stays_unknown() {
    let mut error = of(Category::Ambiguous, Kind::CompletionUnknown);
    error.finish(ended("inner", 2, Outcome::Unknown, false));
    error.finish(ended("outer", 1, Outcome::RolledBack, false));
    assert_eq!(error.operation(), Some("inner"));
    assert_eq!(error.outcome(), Outcome::Unknown);
}

#[test]
fn an_unknown_effect_stays_unknown_through_a_call_that_joined_another() {
    let mut error = of(Category::Ambiguous, Kind::CompletionUnknown);
    error.finish(ended("inner", 2, Outcome::Unknown, false));
    error.finish(ended("joined", 1, Outcome::RolledBack, true));
    error.finish(ended("outer", 1, Outcome::RolledBack, false));
    assert_eq!(error.outcome(), Outcome::Unknown);
}

#[test]
fn what_a_joined_call_did_is_for_the_outer_one_to_say() {
    let mut error = of(Category::Application, Kind::Application);
    error.finish(ended("inner", 1, Outcome::Unknown, true));
    error.finish(ended("outer", 1, Outcome::RolledBack, false));
    assert_eq!(error.outcome(), Outcome::RolledBack);
}

#[test]
fn errors_can_be_sent_anywhere() {
    fn anywhere<T: Send + Sync + 'static>() {}
    anywhere::<Error>();
    anywhere::<crate::session::State>();
}
