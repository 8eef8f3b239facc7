//! The part of a database's URL that may be shown.

use super::dialect::KnownDatabase;
use super::sqlalchemy::translate;
use crate::error::{Error, ErrorKind, Result};

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

/// A database as its URLs name it.
struct Named {
    schemes: &'static [&'static str],
    /// How a URL of this database is written.
    form: &'static str,
    /// The cargo feature of this database.
    feature: &'static str,
    /// `None` if the feature is off.
    database: Option<KnownDatabase>,
}

const SQLITE: Named = Named {
    schemes: &["sqlite"],
    form: "`sqlite:path/to/file.db`",
    feature: "sqlite",
    #[cfg(feature = "sqlite")]
    database: Some(KnownDatabase::Sqlite),
    #[cfg(not(feature = "sqlite"))]
    database: None,
};

const POSTGRES: Named = Named {
    schemes: &["postgres", "postgresql"],
    form: "`postgres://user:password@host:5432/database`",
    feature: "postgres",
    #[cfg(feature = "postgres")]
    database: Some(KnownDatabase::Postgres),
    #[cfg(not(feature = "postgres"))]
    database: None,
};

/// Returns the database that the scheme of a URL names, in upper or lower case. Reading the rest of
/// the URL, and any mistake in it, is left to that database.
///
/// # Errors
///
/// Fails if the scheme names no database that this program was built for.
pub(crate) fn database_of(url: &str) -> Result<KnownDatabase> {
    find(&[SQLITE, POSTGRES], &translate(url)?)
        .map_err(|fault| Error::programming(ErrorKind::Configuration, fault))
}

fn find(known: &[Named], url: &str) -> Result<KnownDatabase, String> {
    let on = known.iter().filter(|named| named.database.is_some());
    let forms: Vec<_> = on.map(|named| named.form).collect();
    let forms = forms.join(" or ");
    let Some(scheme) = scheme(url) else {
        return Err(format!("the URL has no scheme; write {forms}"));
    };
    let is_own = |own: &&str| own.eq_ignore_ascii_case(scheme);
    match known.iter().find(|named| named.schemes.iter().any(is_own)) {
        None => Err(format!(
            "the URL begins with `{scheme}:`, which is neither SQLite nor PostgreSQL; write {forms}"
        )),
        Some(named) => named.database.ok_or_else(|| {
            let feature = named.feature;
            format!(
                "the URL begins with `{scheme}:`, but this program was built without the feature \
                 `{feature}` of `dbop`; add that feature in Cargo.toml, or write {forms}"
            )
        }),
    }
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

    #[test]
    fn the_scheme_alone_says_which_database_a_url_is_of() {
        let (sqlite, postgres) = (SQLITE.database, POSTGRES.database);
        for (url, database) in [
            ("sqlite::memory:", sqlite),
            ("SQLite:shop.db", sqlite),
            ("sqlite:postgres://h/shop", sqlite),
            ("postgres://h/shop", postgres),
            ("postgresql:/sqlite", postgres),
        ] {
            assert_eq!(database_of(url).ok(), database, "{url}");
        }
    }

    #[test]
    fn a_database_that_the_program_was_built_without_is_named_with_its_feature_and_the_others() {
        let off = |named| Named {
            database: None,
            ..named
        };
        let some = SQLITE.database.or(POSTGRES.database);
        let on = |named| Named {
            database: some,
            ..named
        };
        for (known, url, parts) in [
            (
                [on(SQLITE), off(POSTGRES)],
                "postgresql://ada:h0rse@h/shop",
                ["`postgresql:`", "the feature `postgres`", "write `sqlite:"],
            ),
            (
                [off(SQLITE), on(POSTGRES)],
                "sqlite:h0rse",
                ["`sqlite:`", "the feature `sqlite`", "write `postgres://"],
            ),
        ] {
            let fault = find(&known, url).unwrap_err();
            assert!(parts.iter().all(|part| fault.contains(part)), "{fault}");
            assert!(!fault.contains("h0rse"), "{fault}");
        }
    }

    #[test]
    fn a_url_of_neither_database_is_told_what_to_write_without_its_password() {
        for (url, part) in [
            (
                "mysql://ada:h0rse@h/shop",
                "begins with `mysql:`, which is neither",
            ),
            ("h0rse", "the URL has no scheme"),
            ("", "the URL has no scheme"),
            ("//ada:h0rse@h/shop", "the URL has no scheme"),
        ] {
            let error = database_of(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            let text = error.to_string();
            assert!(text.contains(part), "{text}");
            for named in [SQLITE, POSTGRES] {
                let supported = named.database.is_some();
                assert_eq!(text.contains(named.form), supported, "{text}");
            }
            assert!(!text.contains("h0rse"), "{text}");
        }
    }
}
