//! Tests of what each error of the synchronous drivers means. Errors that only the drivers
//! themselves can make are covered by the test suites.

use super::{Category, ErrorKind, Retry, assert_sound, never, transient};
use crate::error::Class;

#[cfg(feature = "rusqlite")]
mod rusqlite {
    use ::rusqlite::{Error, ffi, types::Type};

    use super::*;
    use crate::classify::rusqlite;

    fn other() -> Box<dyn std::error::Error + Send + Sync> {
        "what it was".into()
    }

    fn all() -> Vec<(Error, Class)> {
        use Category::*;
        let data = |kind| never(Data, kind);
        let programming = |kind| never(Programming, kind);
        let utf8 = String::from_utf8(vec![0xff]).unwrap_err().utf8_error();
        let nul = std::ffi::CString::new("a\0b").unwrap_err();
        vec![
            (Error::QueryReturnedNoRows, never(Query, ErrorKind::NoRows)),
            (
                Error::QueryReturnedMoreThanOneRow,
                never(Query, ErrorKind::MultipleRows),
            ),
            (
                Error::StatementChangedRows(2),
                never(Query, ErrorKind::Other),
            ),
            (
                Error::SqliteSingleThreadedMode,
                programming(ErrorKind::Configuration),
            ),
            (
                Error::InvalidPath("x".into()),
                programming(ErrorKind::Configuration),
            ),
            (
                Error::FromSqlConversionFailure(0, Type::Text, other()),
                data(ErrorKind::Decode),
            ),
            (
                Error::IntegralValueOutOfRange(0, 7),
                data(ErrorKind::Decode),
            ),
            (
                Error::InvalidColumnType(0, "a".into(), Type::Text),
                data(ErrorKind::Decode),
            ),
            (Error::Utf8Error(0, utf8), data(ErrorKind::Decode)),
            (
                Error::ToSqlConversionFailure(other()),
                data(ErrorKind::Encode),
            ),
            (Error::NulError(nul), data(ErrorKind::InvalidText)),
            (
                Error::InvalidColumnIndex(3),
                programming(ErrorKind::UndefinedColumn),
            ),
            (
                Error::InvalidColumnName("a".into()),
                programming(ErrorKind::UndefinedColumn),
            ),
            (
                Error::InvalidParameterName("a".into()),
                programming(ErrorKind::InvalidArgument),
            ),
            (
                Error::InvalidParameterCount(1, 2),
                programming(ErrorKind::InvalidArgument),
            ),
            (
                Error::InvalidDatabaseIndex(9),
                programming(ErrorKind::InvalidArgument),
            ),
            (
                Error::ExecuteReturnedResults,
                programming(ErrorKind::Syntax),
            ),
            (Error::MultipleStatement, programming(ErrorKind::Syntax)),
            (Error::InvalidQuery, programming(ErrorKind::Syntax)),
            (Error::UnwindingPanic, never(Internal, ErrorKind::Other)),
        ]
    }

    #[test]
    fn every_variant_has_a_deliberate_answer() {
        for (error, expected) in all() {
            assert_eq!(rusqlite(&error), expected, "{error}");
            assert_sound(&error.to_string(), expected);
        }
    }

    #[test]
    fn an_error_of_sqlite_is_judged_by_its_extended_code() {
        let failure = |code, message: &str| {
            Error::SqliteFailure(ffi::Error::new(code), Some(message.to_owned()))
        };
        for (code, class) in [
            (5, transient(ErrorKind::Lock, Retry::Always)),
            (517, transient(ErrorKind::Serialization, Retry::Always)),
            (2067, never(Category::Integrity, ErrorKind::Unique)),
            (13, never(Category::Resource, ErrorKind::DiskFull)),
        ] {
            assert_eq!(rusqlite(&failure(code, "")), class, "{code}");
            let silent = Error::SqliteFailure(ffi::Error::new(code), None);
            assert_eq!(rusqlite(&silent), class, "{code}");
        }
        let missing = rusqlite(&failure(1, "no such table: a"));
        assert_eq!(missing.kind, ErrorKind::UndefinedTable);
    }

    #[test]
    fn a_message_does_not_repeat_the_statement() {
        let error = crate::Error::from(Error::SqlInputError {
            error: ffi::Error::new(1),
            msg: "near \"x\": syntax error".to_owned(),
            sql: "SELECT 'very secret' x x".to_owned(),
            offset: 7,
        });
        assert_eq!(error.kind(), ErrorKind::Syntax);
        for words in [error.to_string(), error.message(), format!("{error:?}")] {
            assert!(!words.contains("very secret"), "{words}");
        }
    }

    #[test]
    fn an_error_of_ours_survives_the_way_through_the_driver() {
        let mut error = crate::Error::deadline("a test");
        let ended = crate::error::Ended::outermost("op", 3, crate::Outcome::RolledBack);
        error.finish(ended);
        let through = Error::from(error);
        assert_eq!(rusqlite(&through).kind, ErrorKind::Timeout);
        let back = crate::Error::from(through);
        assert_eq!((back.operation(), back.attempts()), (Some("op"), 3));
        let same = Error::from(crate::Error::from(Error::QueryReturnedNoRows));
        assert!(matches!(same, Error::QueryReturnedNoRows), "{same}");
    }
}

#[cfg(feature = "diesel-sqlite")]
mod diesel {
    use ::diesel::result::{ConnectionError, DatabaseErrorKind as Of, Error};

    use super::*;
    use crate::classify::{diesel, diesel_connection, sqlite};

    fn of(kind: Of, message: &str) -> Error {
        Error::DatabaseError(kind, Box::new(message.to_owned()))
    }

    #[test]
    fn every_variant_has_a_deliberate_answer() {
        use Category::*;
        let nul = || std::ffi::CString::new("a\0b").unwrap_err();
        let integer = i8::try_from(300).unwrap_err();
        let other = || -> Box<dyn std::error::Error + Send + Sync> { "what it was".into() };
        let state = never(Programming, ErrorKind::TransactionState);
        for (error, expected) in [
            (Error::NotFound, never(Query, ErrorKind::NoRows)),
            (
                Error::InvalidCString(nul()),
                never(Data, ErrorKind::InvalidText),
            ),
            (
                Error::DeserializationError(other()),
                never(Data, ErrorKind::Decode),
            ),
            (
                Error::IntegerConversion(integer),
                never(Data, ErrorKind::Decode),
            ),
            (
                Error::SerializationError(other()),
                never(Data, ErrorKind::Encode),
            ),
            (
                Error::QueryBuilderError(other()),
                never(Programming, ErrorKind::Syntax),
            ),
            (Error::RollbackTransaction, state),
            (Error::AlreadyInTransaction, state),
            (Error::NotInTransaction, state),
            (Error::BrokenTransactionManager, state),
            (
                of(Of::UniqueViolation, ""),
                never(Integrity, ErrorKind::Unique),
            ),
            (
                of(Of::ForeignKeyViolation, ""),
                never(Integrity, ErrorKind::ForeignKey),
            ),
            (
                of(Of::RestrictViolation, ""),
                never(Integrity, ErrorKind::ForeignKey),
            ),
            (
                of(Of::NotNullViolation, ""),
                never(Integrity, ErrorKind::NotNull),
            ),
            (
                of(Of::CheckViolation, ""),
                never(Integrity, ErrorKind::Check),
            ),
            (
                of(Of::ExclusionViolation, ""),
                never(Integrity, ErrorKind::Exclusion),
            ),
            (
                of(Of::ReadOnlyTransaction, ""),
                never(Permission, ErrorKind::ReadOnly),
            ),
            (
                of(Of::UnableToSendCommand, ""),
                never(Internal, ErrorKind::Protocol),
            ),
            (
                of(Of::SerializationFailure, ""),
                transient(ErrorKind::Serialization, Retry::Always),
            ),
            (
                of(Of::ClosedConnection, ""),
                transient(ErrorKind::Connection, Retry::IfIdempotent),
            ),
        ] {
            assert_eq!(diesel(&error), expected, "{error:?}");
            assert_sound(&format!("{error:?}"), expected);
        }
        let failed = Error::RollbackErrorOnCommit {
            rollback_error: Box::new(Error::NotInTransaction),
            commit_error: Box::new(of(Of::Unknown, "database is locked")),
        };
        assert_eq!(diesel(&failed), sqlite(5, ""));
    }

    /// These are errors whose codes diesel does not keep.
    #[test]
    fn the_words_of_sqlite_have_the_class_of_their_code() {
        for (words, code) in [
            ("database is locked", 5),
            ("database table is locked: notes", 6),
            ("out of memory", 7),
            ("attempt to write a readonly database", 8),
            ("interrupted", 9),
            ("disk I/O error", 10),
            ("database disk image is malformed", 11),
            ("database or disk is full", 13),
            ("unable to open database file", 14),
            ("unable to open database: x.db", 14),
            ("locking protocol", 15),
            ("database schema has changed", 17),
            ("string or blob too big", 18),
            ("datatype mismatch", 20),
            ("bad parameter or other API misuse", 21),
            ("authorization denied", 23),
            ("column index out of range", 25),
            ("file is not a database", 26),
            ("FOREIGN KEY constraint failed", 787),
            ("UNIQUE constraint failed: t.rowid", 2067),
            ("cannot store TEXT value in INTEGER column t.a", 3091),
            ("abort due to ROLLBACK", 516),
        ] {
            assert_eq!(
                diesel(&of(Of::Unknown, words)),
                sqlite(code, words),
                "{words}"
            );
        }
        for (words, kind) in [
            ("no such table: a", ErrorKind::UndefinedTable),
            ("near \"SELEC\": syntax error", ErrorKind::Syntax),
            ("what a trigger says", ErrorKind::Other),
        ] {
            assert_eq!(diesel(&of(Of::Unknown, words)).kind, kind, "{words}");
        }
    }

    #[test]
    fn a_connection_that_cannot_be_opened_has_the_class_of_its_cause() {
        let bad = ConnectionError::BadConnection("unable to open database file".to_owned());
        assert_eq!(diesel_connection(&bad), sqlite(14, ""));
        let setup = ConnectionError::CouldntSetupConfiguration(Error::NotFound);
        assert_eq!(diesel_connection(&setup).kind, ErrorKind::NoRows);
        let url = ConnectionError::InvalidConnectionUrl("x".to_owned());
        let expected = never(Category::Programming, ErrorKind::Configuration);
        assert_eq!(diesel_connection(&url), expected);
    }
}

#[cfg(feature = "postgres-sync")]
mod tokio_postgres {
    use super::*;
    use crate::classify::tokio_postgres::{WORDS, of_words};

    /// These are the messages of the driver's kinds of errors, as in
    /// `tokio_postgres::error::Error`.
    #[test]
    fn every_sort_has_a_deliberate_answer() {
        use Category::*;
        let lost = transient(ErrorKind::Connection, Retry::IfIdempotent);
        for (words, expected) in [
            ("error communicating with the server", lost),
            ("timeout waiting for server", lost),
            ("connection closed", lost),
            (
                "unexpected message from server",
                never(Internal, ErrorKind::Protocol),
            ),
            (
                "error parsing response from server",
                never(Internal, ErrorKind::Protocol),
            ),
            (
                "error performing TLS handshake",
                never(Internal, ErrorKind::Connection),
            ),
            (
                "error connecting to server",
                never(Internal, ErrorKind::Connection),
            ),
            (
                "error serializing parameter 3",
                never(Data, ErrorKind::Encode),
            ),
            (
                "error encoding message to server",
                never(Data, ErrorKind::Encode),
            ),
            (
                "error deserializing column 3",
                never(Data, ErrorKind::Decode),
            ),
            (
                "invalid column `a`",
                never(Programming, ErrorKind::UndefinedColumn),
            ),
            (
                "query returned an unexpected number of columns",
                never(Programming, ErrorKind::UndefinedColumn),
            ),
            (
                "expected 1 parameters but got 2",
                never(Programming, ErrorKind::InvalidArgument),
            ),
            (
                "authentication error",
                never(Permission, ErrorKind::Authentication),
            ),
            (
                "invalid connection string",
                never(Programming, ErrorKind::Configuration),
            ),
            (
                "invalid configuration",
                never(Programming, ErrorKind::Configuration),
            ),
            (
                "query returned an unexpected number of rows",
                never(Query, ErrorKind::Other),
            ),
            ("db error", never(Internal, ErrorKind::Other)),
            ("something new", never(Internal, ErrorKind::Other)),
        ] {
            assert_eq!(of_words(words), expected, "{words}");
            assert_sound(words, expected);
        }
    }

    #[test]
    fn no_words_hide_those_after_them() {
        for (place, (words, _)) in WORDS.iter().enumerate() {
            let earlier = WORDS[..place]
                .iter()
                .find(|(start, _)| words.starts_with(start));
            assert!(earlier.is_none(), "{words} is hidden by {earlier:?}");
        }
    }

    #[test]
    fn a_setting_that_is_wrong_is_one() {
        let error = "host=a port=x"
            .parse::<postgres_client::Config>()
            .unwrap_err();
        let class = crate::classify::tokio_postgres(&error);
        assert_eq!(
            class,
            never(Category::Programming, ErrorKind::Configuration)
        );
    }
}
