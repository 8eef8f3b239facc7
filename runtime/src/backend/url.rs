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

/// Makes the error for a URL that begins with none of `begins`, as those of `database` do; `form` says
/// how a URL is written.
pub(super) fn wrong_scheme(url: &str, database: &str, begins: &[&str], form: &str) -> Error {
    let own = |scheme: &str| {
        let same = |begin: &&str| begin.trim_end_matches("://").trim_end_matches(':') == scheme;
        begins.iter().any(same)
    };
    let fault = match scheme(url) {
        None => "the URL has no scheme".to_owned(),
        Some(scheme) if own(scheme) => format!("the URL lacks `//` after `{scheme}:`"),
        Some(scheme) if own(&scheme.to_ascii_lowercase()) => {
            format!("the URL begins with `{scheme}:`, which has to be written in lower case")
        }
        Some(scheme) => {
            format!("the URL begins with `{scheme}:`, but this is a `Db<{database}>`")
        }
    };
    Error::programming(ErrorKind::Configuration, format!("{fault}; {form}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_with_nearly_the_right_scheme_is_told_what_is_wrong_with_it() {
        let postgres = ["postgres://", "postgresql://"];
        for (url, begins, part) in [
            (
                "postgres:/ada@h/shop",
                &postgres[..],
                "lacks `//` after `postgres:`",
            ),
            (
                "postgresql:h/shop",
                &postgres[..],
                "lacks `//` after `postgresql:`",
            ),
            (
                "POSTGRES://h/shop",
                &postgres[..],
                "begins with `POSTGRES:`, which has to be written in lower case",
            ),
            (
                "SQLite:shop.db",
                &["sqlite:"],
                "begins with `SQLite:`, which has to be written in lower case",
            ),
            (
                "mysql://h/shop",
                &postgres[..],
                "begins with `mysql:`, but this is a `Db<X>`",
            ),
            ("shop.db", &["sqlite:"], "the URL has no scheme"),
        ] {
            let text = wrong_scheme(url, "X", begins, "write it").to_string();
            assert!(text.contains(part) && text.contains("; write it"), "{text}");
        }
    }
}
