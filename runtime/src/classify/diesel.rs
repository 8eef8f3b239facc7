//! diesel on SQLite, which keeps a word for the common codes and the message for the rest.

use ::diesel::result::{ConnectionError, DatabaseErrorKind, Error};

use super::class::{
    Class, Kind::*, UNKNOWN, data, integrity, internal, no_effect, permission, programming, query,
};
use super::sqlite;

/// Classifies what diesel reports. Of an error of SQLite it keeps no code, only its kind for
/// constraints and the message for all others.
///
/// ```
/// use dbop::{Category, Kind, classify};
///
/// let class = classify::diesel(&diesel::result::Error::NotFound);
/// assert_eq!((class.category, class.kind), (Category::Query, Kind::NoRows));
/// ```
#[must_use]
pub fn diesel(error: &Error) -> Class {
    // What travels inside knows more than its wrapper.
    if let Some(error) = crate::blocking::inside_diesel(error) {
        return error.class();
    }
    match error {
        Error::DatabaseError(kind, information) => database(kind, information.message()),
        Error::NotFound => query(NoRows),
        Error::DeserializationError(_) | Error::IntegerConversion(_) => data(Decode),
        Error::SerializationError(_) => data(Encode),
        Error::InvalidCString(_) => data(InvalidText),
        Error::QueryBuilderError(_) => programming(Syntax),
        Error::RollbackErrorOnCommit { commit_error, .. } => diesel(commit_error),
        Error::AlreadyInTransaction
        | Error::NotInTransaction
        | Error::BrokenTransactionManager
        | Error::RollbackTransaction => programming(TransactionState),
        // Variants to come.
        _ => UNKNOWN,
    }
}

fn database(kind: &DatabaseErrorKind, message: &str) -> Class {
    match kind {
        DatabaseErrorKind::UniqueViolation => integrity(Unique),
        DatabaseErrorKind::ForeignKeyViolation | DatabaseErrorKind::RestrictViolation => {
            integrity(ForeignKey)
        }
        DatabaseErrorKind::NotNullViolation => integrity(NotNull),
        DatabaseErrorKind::CheckViolation => integrity(Check),
        DatabaseErrorKind::ExclusionViolation => integrity(Exclusion),
        DatabaseErrorKind::SerializationFailure => no_effect(Serialization),
        DatabaseErrorKind::ReadOnlyTransaction => permission(ReadOnly),
        DatabaseErrorKind::UnableToSendCommand => internal(Protocol),
        DatabaseErrorKind::ClosedConnection => super::class::maybe_applied(Connection),
        _ => sqlite(code_of(message), message),
    }
}

/// The primary code whose words these are (`sqlite3_errstr`,
/// <https://www.sqlite.org/c3ref/errcode.html>); 1 for everything else, where the message decides.
fn code_of(message: &str) -> i32 {
    match message {
        "database is locked" => 5,
        "database table is locked" => 6,
        "out of memory" => 7,
        "attempt to write a readonly database" => 8,
        "interrupted" => 9,
        "disk I/O error" => 10,
        "database disk image is malformed" => 11,
        "database or disk is full" => 13,
        "unable to open database file" => 14,
        "locking protocol" => 15,
        "database schema has changed" => 17,
        "string or blob too big" => 18,
        "datatype mismatch" => 20,
        "file is not a database" => 26,
        _ if message.starts_with("database table is locked") => 6,
        _ => 1,
    }
}

/// The same of a connection that could not be opened.
#[must_use]
pub fn diesel_connection(error: &ConnectionError) -> Class {
    match error {
        ConnectionError::BadConnection(message) => sqlite(code_of(message), message),
        ConnectionError::CouldntSetupConfiguration(error) => diesel(error),
        ConnectionError::InvalidCString(_) | ConnectionError::InvalidConnectionUrl(_) => {
            programming(Configuration)
        }
        _ => UNKNOWN,
    }
}
