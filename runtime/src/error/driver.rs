//! What the errors of synchronous drivers say: how they are displayed, their codes, and their sources.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

/// Writes a driver's error with the code that the database gave, but without the text of a
/// statement.
pub(super) fn describe(
    error: &(dyn StdError + 'static),
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    #[cfg(feature = "rusqlite")]
    if let Some(error) = error.downcast_ref() {
        return describe_rusqlite(error, f);
    }
    #[cfg(feature = "postgres-sync")]
    if let Some(error) = error.downcast_ref() {
        return describe_postgres(error, f);
    }
    write!(f, "{error}")
}

/// Returns the code that the database has given a driver's error. `None` if the error is not the
/// database's, or if the driver does not pass the code on, as diesel does not.
pub(crate) fn status_code<'a>(error: &'a (dyn StdError + 'static)) -> Option<Cow<'a, str>> {
    #[cfg(feature = "rusqlite")]
    if let Some(error) = error.downcast_ref::<rusqlite::Error>() {
        let (rusqlite::Error::SqliteFailure(error, _)
        | rusqlite::Error::SqlInputError { error, .. }) = error
        else {
            return None;
        };
        return Some(error.extended_code.to_string().into());
    }
    #[cfg(feature = "postgres-sync")]
    if let Some(error) = error.downcast_ref::<postgres_client::Error>() {
        return Some(error.code()?.code().into());
    }
    let _ = error;
    None
}

/// Returns what is below a driver's error. `None` if that is an error of the database itself, which
/// [`describe`] has said.
pub(super) fn source<'a>(
    error: &'a (dyn StdError + 'static),
) -> Option<&'a (dyn StdError + 'static)> {
    match status_code(error) {
        Some(_) => None,
        None => error.source(),
    }
}

#[cfg(feature = "rusqlite")]
fn describe_rusqlite(error: &rusqlite::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use rusqlite::Error;
    match error {
        Error::SqliteFailure(error, Some(message)) => {
            write!(f, "{message} ({})", error.extended_code)
        }
        // The driver's own `Display` repeats the statement.
        Error::SqlInputError { error, msg, .. } => write!(f, "{msg} ({})", error.extended_code),
        other => write!(f, "{other}"),
    }
}

/// Writes an error of `postgres` with the server's message, which the driver's own `Display` omits.
#[cfg(feature = "postgres-sync")]
fn describe_postgres(error: &postgres_client::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match (error.as_db_error(), error.source()) {
        (Some(error), _) => write!(f, "{} ({})", error.message(), error.code().code()),
        (None, Some(source)) => write!(f, "{error}: {source}"),
        (None, None) => write!(f, "{error}"),
    }
}
