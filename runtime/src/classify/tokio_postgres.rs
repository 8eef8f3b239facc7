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
    let source = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    if let Some(source) = source {
        return super::io(source);
    }
    of_words(&error.to_string())
}

/// The driver keeps the sort of its errors to itself, and has words for it.
fn of_words(words: &str) -> Class {
    const TABLE: [(&str, Class); 12] = [
        ("error communicating", maybe_applied(Connection)),
        ("timeout waiting", maybe_applied(Connection)),
        ("error connecting", internal(Connection)),
        ("error performing TLS", internal(Connection)),
        ("unexpected message", internal(Protocol)),
        ("error parsing response", internal(Protocol)),
        ("authentication", permission(Authentication)),
        ("invalid con", programming(Configuration)),
        ("error serializing", data(Encode)),
        ("error deserializing", data(Decode)),
        ("invalid column", programming(UndefinedColumn)),
        ("query returned an unexpected number of rows", query(Other)),
    ];
    let found = TABLE.iter().find(|(start, _)| words.starts_with(start));
    match found {
        Some((_, class)) => *class,
        None if words.starts_with("expected ") => programming(InvalidArgument),
        None => UNKNOWN,
    }
}
