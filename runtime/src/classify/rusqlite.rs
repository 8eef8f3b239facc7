//! rusqlite: the codes of SQLite, and the errors of the driver itself.

use ::rusqlite::Error;

use super::class::{Class, ErrorKind::*, UNKNOWN, data, internal, programming, query};
use super::sqlite;

/// Classifies an error of rusqlite: an error of SQLite by its extended code, and any other error by
/// its variant.
///
/// ```
/// use dbop::{Category, ErrorKind, classify};
///
/// let class = classify::rusqlite(&rusqlite::Error::QueryReturnedNoRows);
/// assert_eq!((class.category, class.kind), (Category::Query, ErrorKind::NoRows));
/// ```
#[must_use]
pub fn rusqlite(error: &Error) -> Class {
    // A `dbop::Error` inside knows more than the error around it.
    if let Some(error) = inside(error) {
        return error.class();
    }
    match error {
        Error::SqliteFailure(error, message) => {
            sqlite(error.extended_code, message.as_deref().unwrap_or_default())
        }
        Error::SqlInputError { error, msg, .. } => sqlite(error.extended_code, msg),
        Error::QueryReturnedNoRows => query(NoRows),
        Error::QueryReturnedMoreThanOneRow => query(MultipleRows),
        Error::StatementChangedRows(_) => query(Other),

        // Values.
        Error::FromSqlConversionFailure(..)
        | Error::InvalidColumnType(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::Utf8Error(..) => data(Decode),
        Error::ToSqlConversionFailure(_) => data(Encode),
        Error::NulError(_) => data(InvalidText),

        // The program.
        Error::InvalidColumnIndex(_) | Error::InvalidColumnName(_) => programming(UndefinedColumn),
        Error::InvalidParameterName(_)
        | Error::InvalidParameterCount(..)
        | Error::InvalidDatabaseIndex(_) => programming(InvalidArgument),
        Error::ExecuteReturnedResults | Error::MultipleStatement | Error::InvalidQuery => {
            programming(Syntax)
        }
        Error::InvalidPath(_) | Error::SqliteSingleThreadedMode => programming(Configuration),
        Error::UnwindingPanic => internal(Other),

        // Variants behind features of rusqlite, and variants that rusqlite may add.
        _ => UNKNOWN,
    }
}

super::carried::conversions!(Error, Error::ToSqlConversionFailure, rusqlite);
