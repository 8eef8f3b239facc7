use super::*;
use crate::classify;

fn of(category: Category, kind: ErrorKind) -> Error {
    let class = Class {
        category,
        kind,
        retry: Retry::Never,
    };
    Error::new(class, "table accounts, value 4711")
}

fn repeatable(outcome: Outcome) -> Ended {
    Ended {
        repeatable: true,
        ..Ended::outermost("op", 1, outcome)
    }
}

#[test]
fn a_repeat_does_no_harm_if_nothing_was_done_or_if_the_operations_involved_say_so() {
    let error = || of(Category::Ambiguous, ErrorKind::CompletionUnknown);
    let plain = |outcome| Ended::outermost("op", 1, outcome);
    assert!(!error().is_repeatable(), "a call that has not ended");
    use Outcome::{Committed, RolledBack, Unknown};
    for (inner, outer, expected) in [
        (None, plain(RolledBack), true),
        (None, plain(Unknown), false),
        (None, plain(Committed), false),
        (None, repeatable(Unknown), true),
        (None, repeatable(Committed), true),
        // A call of its own inside of another, which is repeated with the other one.
        (Some(plain(Unknown)), repeatable(RolledBack), false),
        (Some(repeatable(Unknown)), repeatable(RolledBack), true),
        (Some(repeatable(Unknown)), plain(RolledBack), false),
        (Some(plain(RolledBack)), repeatable(Unknown), true),
    ] {
        let mut error = error();
        if let Some(inner) = inner {
            error.finish(inner);
        }
        error.finish(outer);
        assert_eq!(error.is_repeatable(), expected, "{inner:?} in {outer:?}");
    }
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
        let message = of(category, ErrorKind::Other).user_message();
        assert!(message.ends_with('.'), "{message}");
        assert!(!message.contains("accounts") && !message.contains("4711"));
    }
}

#[test]
fn a_user_is_not_told_of_refusals_that_are_the_services_own() {
    let message = |category, kind| of(category, kind).user_message();
    let refused = message(Category::Permission, ErrorKind::Authentication);
    assert_eq!(refused, "Something went wrong.");
    let refused = message(Category::Permission, ErrorKind::Privilege);
    assert_eq!(refused, "This is not allowed.");
    let reused = message(Category::Integrity, ErrorKind::KeyReused);
    assert_eq!(reused, "This key was used before, for something else.");
}

#[test]
fn http_status_says_who_has_to_act() {
    for (category, kind, status) in [
        (Category::Query, ErrorKind::NoRows, 404),
        (Category::Integrity, ErrorKind::Unique, 409),
        (Category::Integrity, ErrorKind::ForeignKey, 409),
        (Category::Integrity, ErrorKind::KeyReused, 422),
        (Category::Transient, ErrorKind::KeyInUse, 409),
        (Category::Integrity, ErrorKind::NotNull, 422),
        (Category::Data, ErrorKind::InvalidText, 422),
        (Category::Application, ErrorKind::Application, 400),
        (Category::Transient, ErrorKind::Serialization, 503),
        (Category::Transient, ErrorKind::Timeout, 504),
        (Category::Resource, ErrorKind::PoolExhausted, 503),
        (Category::Permission, ErrorKind::Privilege, 500),
        (Category::Programming, ErrorKind::Syntax, 500),
        (Category::Ambiguous, ErrorKind::CompletionUnknown, 500),
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
    assert_eq!(classify::sqlx(&through).kind, ErrorKind::Timeout);
    let back = Error::from(through);
    assert_eq!(back.kind(), ErrorKind::Timeout);
    assert_eq!((back.operation(), back.attempts()), (Some("op"), 3));
    assert_eq!(back.outcome().unwrap(), Outcome::RolledBack);
}

#[test]
fn the_nearest_operation_keeps_its_name_and_an_unknown_effect_stays_unknown() {
    let mut error = of(Category::Ambiguous, ErrorKind::CompletionUnknown);
    error.finish(ended("inner", 2, Outcome::Unknown, false));
    error.finish(ended("outer", 1, Outcome::RolledBack, false));
    assert_eq!(error.operation(), Some("inner"));
    assert_eq!(error.outcome().unwrap(), Outcome::Unknown);
}

#[test]
fn an_unknown_effect_stays_unknown_through_a_call_that_joined_another() {
    let mut error = of(Category::Ambiguous, ErrorKind::CompletionUnknown);
    error.finish(ended("inner", 2, Outcome::Unknown, false));
    error.finish(ended("joined", 1, Outcome::RolledBack, true));
    error.finish(ended("outer", 1, Outcome::RolledBack, false));
    assert_eq!(error.outcome().unwrap(), Outcome::Unknown);
}

#[test]
fn what_a_joined_call_did_is_for_the_outer_one_to_say() {
    let mut error = of(Category::Application, ErrorKind::Application);
    error.finish(ended("inner", 1, Outcome::Unknown, true));
    error.finish(ended("outer", 1, Outcome::RolledBack, false));
    assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
}

#[test]
fn errors_can_be_sent_anywhere() {
    fn anywhere<T: Send + Sync + 'static>() {}
    anywhere::<Error>();
    anywhere::<crate::session::State>();
}

#[test]
fn an_error_has_no_outcome_until_its_call_has_ended() {
    let mut error = of(Category::Application, ErrorKind::Application);
    assert_eq!(error.outcome(), None);
    error.finish(ended("f", 1, Outcome::RolledBack, false));
    assert_eq!(error.outcome(), Some(Outcome::RolledBack));
}

/// Checks that no error of the chain repeats what an error above it has said.
fn says_each_thing_once(error: &Error) {
    let mut said = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        assert!(
            !said.iter().any(|said| said.contains(&text)),
            "{said:?}, {text}"
        );
        said.push(text);
        source = error.source();
    }
}

#[test]
fn a_chain_of_errors_says_each_thing_once() {
    let io = || std::io::Error::new(std::io::ErrorKind::ConnectionReset, "the line was cut");
    let inner: Box<dyn StdError + Send + Sync> = "the inner cause".into();
    for error in [
        Error::from(sqlx::Error::Io(io())),
        Error::from(sqlx::Error::Tls(Box::new(io()))),
        Error::from(sqlx::Error::Configuration(inner)),
        Error::from(sqlx::Error::PoolClosed),
        Error::deadline("a test"),
    ] {
        says_each_thing_once(&error);
    }
}

/// Checks what is shown of the database's answer to a statement that names a table which is not
/// there.
#[cfg(feature = "sqlite")]
fn says_only_that_the_table_is_not_there(error: &Error) {
    let text = error.to_string();
    assert_eq!(text.matches("no such table: nowhere").count(), 1, "{text}");
    assert!(error.source().is_none(), "{text}; {:?}", error.source());
    assert!(format!("{error:?}").contains("source: no such table: nowhere"));
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn the_chain_of_a_database_error_of_sqlx_ends_with_what_display_says() {
    use sqlx::Connection;

    let mut conn = sqlx::SqliteConnection::connect("sqlite::memory:").await;
    let conn = conn.as_mut().expect("a database in memory");
    let failed = sqlx::query("SELECT x FROM nowhere").execute(conn).await;
    says_only_that_the_table_is_not_there(&failed.expect_err("no table").into());
}

#[cfg(all(feature = "sqlite", feature = "rusqlite"))]
#[test]
fn the_chain_of_a_database_error_of_rusqlite_ends_with_what_display_says() {
    let conn = rusqlite::Connection::open_in_memory().expect("a database in memory");
    let batch = conn.execute_batch("CREATE TABLE a (x UNIQUE); SELECT x FROM nowhere");
    says_only_that_the_table_is_not_there(&batch.expect_err("no table").into());
    let twice = conn.execute("INSERT INTO a VALUES (?1), (?1)", ["hunter2"]);
    let twice = Error::from(twice.expect_err("not unique"));
    assert!(twice.source().is_none(), "{:?}", twice.source());
    assert!(!format!("{twice} {twice:?}").contains("hunter2"));
    // What is below another error of the driver is said by that error.
    let text = rusqlite::types::Type::Text;
    let convert = rusqlite::Error::FromSqlConversionFailure(0, text, "not a date".into());
    says_each_thing_once(&convert.into());
}

#[cfg(all(feature = "sqlite", feature = "diesel-sqlite"))]
#[test]
fn the_chain_of_a_database_error_of_diesel_ends_with_what_display_says() {
    use diesel::Connection;
    use diesel::connection::SimpleConnection;

    let mut conn = diesel::SqliteConnection::establish(":memory:").expect("a database in memory");
    let failed = conn.batch_execute("SELECT x FROM nowhere");
    says_only_that_the_table_is_not_there(&failed.expect_err("no table").into());
}

#[cfg(feature = "rusqlite")]
#[test]
fn an_error_has_the_code_of_the_database_wherever_it_is() {
    use crate::op::ReportedError;

    fn code(error: &dyn ReportedError) -> Option<String> {
        error.status_code().map(Into::into)
    }

    let unique = || rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(2067), None);
    let expected = Some("2067".to_owned());
    assert_eq!(code(&unique()), expected);
    assert_eq!(code(&Error::from(unique())), expected);
    assert_eq!(
        code(&rusqlite::Error::from(Error::from(unique()))),
        expected
    );
    assert_eq!(code(&sqlx::Error::from(Error::from(unique()))), expected);

    assert_eq!(code(&rusqlite::Error::QueryReturnedNoRows), None);
    assert_eq!(code(&sqlx::Error::RowNotFound), None);
    assert_eq!(code(&Error::deadline("a test")), None);
}
