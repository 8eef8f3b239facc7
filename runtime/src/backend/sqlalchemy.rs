//! URLs as SQLAlchemy writes them, with a driver of Python in the scheme
//! (<https://docs.sqlalchemy.org/en/20/core/engines.html#database-urls>).

use std::borrow::Cow;

use crate::error::{Error, ErrorKind, Result};

/// The drivers for which a URL means what it means to dbop, once the driver is left out.
const POSTGRES_DRIVERS: [&str; 6] = [
    "asyncpg",
    "psycopg",
    "psycopg_async",
    "psycopg2",
    "psycopg2cffi",
    "pg8000",
];

/// The drivers of plain SQLite files. `pysqlcipher` is none: its files are encrypted.
const SQLITE_DRIVERS: [&str; 2] = ["aiosqlite", "pysqlite"];

/// The parameters that mean the same to SQLAlchemy's drivers and to sqlx. Others are refused and not
/// left out: `?ssl=require`, for example, is asyncpg's word for `?sslmode=require`.
const PARAMETERS: [&str; 9] = [
    "application_name",
    "dbname",
    "host",
    "options",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
];

/// Returns the URL without what only SQLAlchemy understands. A URL that names no driver stays as it
/// is, but for a path that can only have been meant for SQLAlchemy.
///
/// # Errors
///
/// Fails if the URL would mean something else to dbop, or if its driver or a parameter is not known.
pub(crate) fn translate(url: &str) -> Result<Cow<'_, str>> {
    let refused = |fault: String| Error::programming(ErrorKind::Configuration, fault);
    if let Some(path) = url.strip_prefix("sqlite:///")
        && (path.starts_with("./") || path.starts_with("../"))
    {
        return Err(refused(
            "the URL begins with `sqlite:///.`, which is a relative path in SQLAlchemy, and an \
             absolute one here; write `sqlite:./path/to/file.db`"
                .to_owned(),
        ));
    }
    let Some((dialect, driver, rest)) = parts(url) else {
        return Ok(Cow::Borrowed(url));
    };
    let (drivers, translated) = match dialect {
        "postgresql" | "postgres" => (&POSTGRES_DRIVERS[..], postgres(rest)),
        "sqlite" => (&SQLITE_DRIVERS[..], sqlite(rest)),
        // Another database is refused by its name, where its URL is read.
        _ => return Ok(Cow::Borrowed(url)),
    };
    if !drivers.contains(&driver) {
        return Err(refused(format!(
            "the URL begins with `{dialect}+{driver}:`, and dbop does not know what that driver makes of \
             a URL; write `{dialect}:`, with what that is to mean"
        )));
    }
    translated.map(Cow::Owned).map_err(refused)
}

/// Takes a URL apart that names a driver: the dialect, the driver, and what follows the `://`.
fn parts(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let (dialect, driver) = scheme.split_once('+')?;
    Some((dialect, driver, rest))
}

fn postgres(rest: &str) -> Result<String, String> {
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let name = parameter.split('=').next().unwrap_or_default();
        if name == "ssl" {
            return Err(
                "the URL has the parameter `ssl` of the driver of Python, which dbop does not know; \
                 write `sslmode=`, with `disable`, `prefer`, `require`, `verify-ca` or `verify-full`"
                    .to_owned(),
            );
        }
        if !PARAMETERS.contains(&name) {
            return Err(format!(
                "the URL has a parameter that is not one of {}; leave it out, or write a URL that \
                 begins with `postgres://`",
                PARAMETERS.join(", ")
            ));
        }
    }
    Ok(format!("postgres://{rest}"))
}

/// The path follows a third slash, and so is relative unless there is a fourth. Nothing in it is
/// encoded. The file is created if it is not there, and no path means a database in memory.
fn sqlite(rest: &str) -> Result<String, String> {
    if rest.contains('?') {
        return Err(
            "the URL has parameters of the driver of Python, which dbop does not know; write \
             `sqlite:path/to/file.db`, with `?mode=rwc` to create the file"
                .to_owned(),
        );
    }
    match rest.strip_prefix('/') {
        Some("" | ":memory:") => Ok("sqlite::memory:".to_owned()),
        None if rest.is_empty() => Ok("sqlite::memory:".to_owned()),
        // SQLAlchemy gives this to SQLite as a name, and only a parameter makes a URI of it.
        Some(path) if path.starts_with("file:") => Err(
            "the URL has a `file:` URI for its path; write `sqlite:` and the path alone".to_owned(),
        ),
        Some(path) => Ok(format!("sqlite:{}?mode=rwc", path.replace('%', "%25"))),
        None => Err(
            "the URL has a host, and SQLite has none; write three slashes before a relative path, and \
             four before an absolute one"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_sqlalchemy_mean_what_they_mean_there() {
        for (url, expected) in [
            (
                "postgresql+asyncpg://ada:p%40w@h:6543/shop",
                "postgres://ada:p%40w@h:6543/shop",
            ),
            (
                "postgresql+psycopg2://ada@h/shop?sslmode=require&application_name=x",
                "postgres://ada@h/shop?sslmode=require&application_name=x",
            ),
            ("sqlite+aiosqlite:///./shop.db", "sqlite:./shop.db?mode=rwc"),
            ("sqlite+aiosqlite:///shop.db", "sqlite:shop.db?mode=rwc"),
            (
                "sqlite+aiosqlite:////var/shop.db",
                "sqlite:/var/shop.db?mode=rwc",
            ),
            ("sqlite+pysqlite:///100%.db", "sqlite:100%25.db?mode=rwc"),
            ("sqlite+aiosqlite:///:memory:", "sqlite::memory:"),
            ("sqlite+aiosqlite:///", "sqlite::memory:"),
            ("sqlite+aiosqlite://", "sqlite::memory:"),
        ] {
            assert_eq!(translate(url).expect(url), expected, "{url}");
        }
    }

    #[test]
    fn urls_without_a_driver_stay_as_they_are() {
        for url in [
            "postgres://ada:a+b@h/shop?unknown=1",
            "postgresql://h/shop",
            "sqlite:shop.db",
            "sqlite:///var/shop.db",
            "sqlite:a+b://c.db",
            "mysql+aiomysql://h/shop",
            "shop.db",
            "",
        ] {
            assert_eq!(translate(url).expect(url), url);
        }
    }

    #[test]
    fn a_url_that_would_mean_something_else_is_refused_with_what_to_write() {
        for (url, part) in [
            ("sqlite:///./shop.db", "write `sqlite:./path"),
            ("sqlite:///../shop.db?mode=rwc", "write `sqlite:./path"),
            (
                "sqlite+pysqlcipher://:h0rse@/shop.db",
                "begins with `sqlite+pysqlcipher:`",
            ),
            ("postgresql+h0rse2://ada@h/shop", "write `postgresql:`"),
            (
                "postgresql+asyncpg://ada:h0rse@h/shop?ssl=require",
                "write `sslmode=`",
            ),
            (
                "postgresql+asyncpg://ada@h/shop?h0rse=h0rse",
                "one of application_name, dbname",
            ),
            ("sqlite+aiosqlite:///shop.db?timeout=5", "`?mode=rwc`"),
            ("sqlite+aiosqlite:///file:shop.db", "the path alone"),
            ("sqlite+aiosqlite://shop.db", "three slashes"),
        ] {
            let error = translate(url).expect_err(url);
            assert_eq!(error.kind(), ErrorKind::Configuration);
            let text = error.to_string();
            assert!(text.contains(part), "{text}");
            assert!(!text.replace("+h0rse2", "").contains("h0rse"), "{text}");
        }
    }
}
