//! The part of a database's URL that may be shown.

use crate::error::{Error, ErrorKind};

/// Returns the scheme of a URL. `None` if there is none; the text before the `:` may then be
/// anything, even a password.
pub(crate) fn scheme(url: &str) -> Option<&str> {
    let (scheme, _) = url.split_once(':')?;
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    (scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(is_scheme))
        .then_some(scheme)
}

/// Makes the error for a URL that does not belong to `database`; `form` says how one is written.
pub(super) fn wrong_scheme(url: &str, database: &str, form: &str) -> Error {
    let begins = match scheme(url) {
        Some(scheme) => format!("the URL begins with `{scheme}:`, but this is a `Db<{database}>`"),
        None => "the URL has no scheme".to_owned(),
    };
    Error::programming(ErrorKind::Configuration, format!("{begins}; {form}"))
}
