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

/// Whether an `@` stands behind the host, which is then a part of the password: the password has a
/// character that ends the host. A parameter may contain an `@`.
#[cfg(feature = "postgres")]
pub(super) fn is_cut_short(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    let Some(end) = rest.find(['/', '?', '#']) else {
        return false;
    };
    let after = &rest[end..];
    let parameter = after.find('=').unwrap_or(after.len());
    after[..parameter].contains('@')
}

/// Makes the error for a URL that does not belong to `database`; `form` says how one is written.
pub(super) fn wrong_scheme(url: &str, database: &str, form: &str) -> Error {
    let begins = match scheme(url) {
        Some(scheme) => format!("the URL begins with `{scheme}:`, but this is a `Db<{database}>`"),
        None => "the URL has no scheme".to_owned(),
    };
    Error::programming(ErrorKind::Configuration, format!("{begins}; {form}"))
}
