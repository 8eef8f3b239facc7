//! The URL of a database, as far as it can be shown.

use crate::error::{Error, Kind};

/// The scheme of a URL. `None` if it has none: then what stands there may be anything, a password
/// too.
pub(crate) fn scheme(url: &str) -> Option<&str> {
    let (scheme, _) = url.split_once(':')?;
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    (scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(is_scheme))
        .then_some(scheme)
}

/// A URL that is not one of this database.
pub(super) fn wrong_scheme(url: &str, database: &str, form: &str) -> Error {
    let begins = match scheme(url) {
        Some(scheme) => format!("the URL begins with `{scheme}:`, but this is a `Db<{database}>`"),
        None => "the URL has no scheme".to_owned(),
    };
    Error::programming(Kind::Configuration, format!("{begins}; {form}"))
}
