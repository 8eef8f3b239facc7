//! How an error of a synchronous driver is displayed.

use std::error::Error as StdError;
use std::fmt;

/// Writes a driver's error without the text of a statement, and with the code that the database
/// gave.
pub(super) fn describe(
    error: &(dyn StdError + 'static),
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    #[cfg(feature = "rusqlite")]
    if let Some(error) = error.downcast_ref() {
        return describe_rusqlite(error, f);
    }
    #[cfg(feature = "postgres-client")]
    if let Some(error) = error.downcast_ref() {
        return describe_postgres(error, f);
    }
    write!(f, "{error}")
}

#[cfg(feature = "rusqlite")]
fn describe_rusqlite(error: &rusqlite::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use rusqlite::Error;
    match error {
        Error::SqliteFailure(error, Some(message)) => {
            write!(f, "{message} ({})", error.extended_code)
        }
        // The driver's own text repeats the statement.
        Error::SqlInputError { error, msg, .. } => write!(f, "{msg} ({})", error.extended_code),
        other => write!(f, "{other}"),
    }
}

/// The driver's own text leaves out what the server said.
#[cfg(feature = "postgres-client")]
fn describe_postgres(error: &postgres_client::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match (error.as_db_error(), error.source()) {
        (Some(error), _) => write!(f, "{} ({})", error.message(), error.code().code()),
        (None, Some(source)) => write!(f, "{error}: {source}"),
        (None, None) => write!(f, "{error}"),
    }
}
