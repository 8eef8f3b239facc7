//! The crate `postgres`, whose errors are those of `tokio_postgres`.

use std::error::Error as _;
use std::io;

use postgres_client::Error;

use super::class::{
    Class, Kind::*, UNKNOWN, data, internal, maybe_applied, permission, programming, query,
};
use super::postgres;

/// Classifies what the crate `postgres` reports (its error is that of `tokio_postgres`): an error of
/// the server by its SQLSTATE, any other by where it was found.
///
/// `query_one` has one error for no rows and for too many, so that is [`Kind::Other`](Other); use
/// `query_opt` where a row may be missing.
#[must_use]
pub fn tokio_postgres(error: &Error) -> Class {
    if let Some(error) = error.as_db_error() {
        return postgres(error.code().code(), error.message());
    }
    if error.is_closed() {
        return maybe_applied(Connection);
    }
    let words = error.to_string();
    // A message that could not be read or written has an `io::Error` of the driver's own making.
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

/// The driver keeps the sort of its errors to itself, and has words for it.
#[rustfmt::skip] // a table: one line a sort
pub(super) const WORDS: &[(&str, Class)] = &[
    ("error communicating",                            maybe_applied(Connection)),
    ("timeout waiting",                                maybe_applied(Connection)),
    ("connection closed",                              maybe_applied(Connection)),
    ("error connecting",                               internal(Connection)),
    ("error performing TLS",                           internal(Connection)),
    ("unexpected message",                             internal(Protocol)),
    ("error parsing response",                         internal(Protocol)),
    // The text of a statement or a parameter holds a zero byte, or is too long; nothing was sent.
    ("error encoding message",                         data(Encode)),
    ("authentication",                                 permission(Authentication)),
    ("invalid connection string",                      programming(Configuration)),
    ("invalid configuration",                          programming(Configuration)),
    ("error serializing parameter",                    data(Encode)),
    ("error deserializing column",                     data(Decode)),
    ("invalid column",                                 programming(UndefinedColumn)),
    // Of `query_scalar` and its like.
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
