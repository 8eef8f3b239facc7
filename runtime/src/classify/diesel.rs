//! diesel on SQLite. It keeps a name for the common codes, and only the message for all others.

use ::diesel::result::{ConnectionError, DatabaseErrorKind, Error};

use super::class::{
    Class, ErrorKind::*, UNKNOWN, data, integrity, internal, no_effect, permission, programming,
    query,
};
use super::sqlite;

/// Classifies an error of diesel. diesel does not keep the code of an SQLite error. It keeps a kind
/// for a violated constraint, and only the message for any other error.
///
/// ```
/// use dbop::{Category, ErrorKind, classify};
///
/// let class = classify::diesel(&diesel::result::Error::NotFound);
/// assert_eq!((class.category, class.kind), (Category::Query, ErrorKind::NoRows));
/// ```
#[must_use]
pub fn diesel(error: &Error) -> Class {
    // A `dbop::Error` inside knows more than the error around it.
    if let Some(error) = inside(error) {
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
        // Variants that diesel may add.
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

/// Returns the code that belongs to a message of SQLite (`sqlite3_errstr`,
/// <https://www.sqlite.org/c3ref/errcode.html>, and the messages about constraints). For all other
/// messages the code is 1, whose message decides.
fn code_of(message: &str) -> i32 {
    #[rustfmt::skip] // a table: one line a code
    const BEGINNINGS: &[(&str, i32)] = &[
        ("database table is locked",      6),
        ("unable to open database",       14),
        // diesel has kinds for the most common constraints, but not for `ON DELETE RESTRICT`, a
        // `rowid` that exists already, the types of a STRICT table, and the constraints of a
        // virtual table.
        ("FOREIGN KEY constraint failed", 787),
        ("UNIQUE constraint failed",      2067),
        ("cannot store ",                 3091),
        ("constraint failed",             19),
    ];
    match message {
        "access permission denied" => 3,
        "query aborted" => 4,
        "abort due to ROLLBACK" => 516,
        "database is locked" => 5,
        "out of memory" => 7,
        "attempt to write a readonly database" => 8,
        "interrupted" => 9,
        "disk I/O error" => 10,
        "database disk image is malformed" => 11,
        "unknown operation" => 12,
        "database or disk is full" => 13,
        "locking protocol" => 15,
        "database schema has changed" => 17,
        "string or blob too big" => 18,
        "datatype mismatch" => 20,
        "bad parameter or other API misuse" => 21,
        "large file support is disabled" => 22,
        "authorization denied" => 23,
        "column index out of range" => 25,
        "file is not a database" => 26,
        _ => BEGINNINGS
            .iter()
            .find(|(words, _)| message.starts_with(words))
            .map_or(1, |(_, code)| *code),
    }
}

/// Classifies diesel's error for a connection that could not be opened.
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

super::carried::conversions!(Error, Error::QueryBuilderError, diesel);
