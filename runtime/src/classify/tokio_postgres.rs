//! The crate `postgres`, whose error type is that of `tokio_postgres`.

use std::error::Error as _;
use std::io;

use postgres_client::Error;

use super::class::{
    Class, ErrorKind::*, UNKNOWN, data, internal, maybe_applied, permission, programming, query,
};
use super::postgres;

/// Classifies an error of the crate `postgres`, whose error type is that of `tokio_postgres`: an
/// error of the server by its SQLSTATE, and any other error by its message.
///
/// `query_one` has the same error for no rows and for too many rows, which is
/// [`ErrorKind::Other`](Other). Use `query_opt` if the row may be missing.
#[must_use]
pub fn tokio_postgres(error: &Error) -> Class {
    if let Some(error) = error.as_db_error() {
        return postgres(error.code().code(), error.message());
    }
    if error.is_closed() {
        return maybe_applied(Connection);
    }
    let words = error.to_string();
    // For a message that cannot be encoded or decoded, the driver makes an `io::Error` of its own.
    // That error says nothing about the socket.
    let of_socket = SOCKET.iter().any(|start| words.starts_with(start));
    let source = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    match source {
        Some(source) if of_socket => super::io(source),
        _ => of_words(&words),
    }
}

const SOCKET: [&str; 2] = ["error communicating", "error connecting"];

/// The beginnings of the driver's messages, because the driver does not publish the kind of an
/// error.
#[rustfmt::skip] // a table: one line a sort
pub(super) const WORDS: &[(&str, Class)] = &[
    ("error communicating",                            maybe_applied(Connection)),
    ("timeout waiting",                                maybe_applied(Connection)),
    ("connection closed",                              maybe_applied(Connection)),
    ("error connecting",                               internal(Connection)),
    ("error performing TLS",                           internal(Connection)),
    ("unexpected message",                             internal(Protocol)),
    ("error parsing response",                         internal(Protocol)),
    // The text of a statement or a parameter contains a zero byte or is too long. Nothing was sent.
    ("error encoding message",                         data(Encode)),
    ("authentication",                                 permission(Authentication)),
    ("invalid connection string",                      programming(Configuration)),
    ("invalid configuration",                          programming(Configuration)),
    ("error serializing parameter",                    data(Encode)),
    ("error deserializing column",                     data(Decode)),
    ("invalid column",                                 programming(UndefinedColumn)),
    // From `query_scalar` and similar functions.
    ("query returned an unexpected number of columns", programming(UndefinedColumn)),
    ("query returned an unexpected number of rows",    query(Other)),
];

pub(super) fn of_words(words: &str) -> Class {
    let found = WORDS.iter().find(|(start, _)| words.starts_with(start));
    match found {
        Some((_, class)) => *class,
        None if words.starts_with("expected ") => programming(InvalidArgument),
        None => UNKNOWN,
    }
}

impl From<Error> for crate::error::Error {
    /// Classifies the driver's error.
    fn from(error: Error) -> Self {
        Self::of_driver(tokio_postgres(&error), error)
    }
}
