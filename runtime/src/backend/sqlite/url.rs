//! What a `sqlite:` URL or the options of a connection name. The name is read as sqlx and SQLite read it (`options/parse.rs` of
//! sqlx-sqlite, <https://www.sqlite.org/uri.html>).

use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx_core::url::form_urlencoded;

use crate::backend::url::wrong_scheme;
use crate::error::{Error, ErrorKind, Result};

const BEGIN: &str = "sqlite:";

const FORM: &str = "write `sqlite:path/to/file.db`, with `?mode=rwc` to create the file";

/// Reads a URL.
///
/// # Errors
///
/// Fails if the URL is of another database, or is not valid.
pub(super) fn read(url: &str) -> Result<SqliteConnectOptions> {
    if !url.starts_with(BEGIN) {
        return Err(wrong_scheme(url, "Sqlite", &[BEGIN], FORM));
    }
    SqliteConnectOptions::from_str(url).map_err(|error| Error::from(error).advise(FORM))
}

/// The database that the options of a connection name, and how to open it.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) options: SqliteConnectOptions,
    /// The absolute path of the database's file. `None` for a database in memory.
    pub(super) file: Option<PathBuf>,
    /// Whether the options say that the file is created if it is missing, and the file is one of
    /// the file system.
    pub(super) create: bool,
}

impl Named {
    /// Finds out what the options name.
    ///
    /// A relative path is made absolute here. SQLite would do that anew for each connection, and
    /// the process may have changed its folder by then.
    ///
    /// # Errors
    ///
    /// Fails if the options name no file of this machine, and if a relative path cannot be made
    /// absolute.
    pub(super) fn by(options: SqliteConnectOptions) -> Result<Self> {
        let name = options.get_filename().to_string_lossy().into_owned();
        let Name { path, query } = Name::read(&name)?;
        let parameters = parameters(&options);
        let in_memory = path == ":memory:"
            || says(&parameters, "mode", "memory")
            || says(&query, "mode", "memory");
        if in_memory {
            return Ok(Self {
                options,
                file: None,
                create: false,
            });
        }
        if path.is_empty() {
            return Err(Error::programming(
                ErrorKind::Configuration,
                "the place that was given names no file, and SQLite would give each connection an empty database of \
                 its own, which goes away with it; write `sqlite:path/to/file.db?mode=rwc`, or \
                 `sqlite::memory:` for a database in memory",
            ));
        }
        let file = std::path::absolute(&path).map_err(|error| {
            Error::programming(
                ErrorKind::Configuration,
                format!(
                    "the current folder of this process, in which `{path}` would be, is not known \
                     ({error}); write an absolute path"
                ),
            )
        })?;
        let options = match query.is_empty() {
            true => options.filename(&file),
            false => options.filename(uri(&file.to_string_lossy(), &query)),
        };
        // If a VFS of the application's own opens the database, it may not be a file at all.
        let own_vfs = form_urlencoded::parse(parameters.as_bytes()).any(|(key, _)| key == "vfs");
        Ok(Self {
            options,
            file: Some(file),
            create: says(&parameters, "mode", "rwc") && !own_vfs,
        })
    }
}

/// Returns what the options say beside the name, as the parameters of a URL, which is the only form
/// in which they can be read. The name is left out, because sqlx panics where it makes no URL of a
/// name.
fn parameters(options: &SqliteConnectOptions) -> String {
    let url = options.clone().filename("name").to_url_lossy();
    url.query().unwrap_or_default().to_owned()
}

/// Returns the name by which spans call the database at this path or `file:` URI: the file's name
/// without its folder, which may name a user. `None` if there is no name.
pub(super) fn database_name(name: &str) -> Option<String> {
    // The name that sqlx gives to a database in memory counts up.
    if name.starts_with("file:sqlx-in-memory-") {
        return Some(":memory:".to_owned());
    }
    let Name { path, .. } = Name::read(name).ok()?;
    let file = Path::new(&path).file_name()?;
    Some(file.to_string_lossy().into_owned())
}

fn says(parameters: &str, key: &str, value: &str) -> bool {
    form_urlencoded::parse(parameters.as_bytes()).any(|(k, v)| k == key && v == value)
}

/// The name of a database, as SQLite reads it.
struct Name {
    path: String,
    /// The parameters of a `file:` URI. sqlx hands them on if their `?` is written `%3F`.
    query: String,
}

impl Name {
    fn read(name: &str) -> Result<Self> {
        let Some(uri) = name.strip_prefix("file:") else {
            return Ok(Self {
                path: name.to_owned(),
                query: String::new(),
            });
        };
        let uri = uri.split('#').next().unwrap_or_default();
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let path = match path.strip_prefix("//") {
            None => path,
            Some(rest) => {
                let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                if !host.is_empty() && host != "localhost" {
                    return Err(Error::programming(
                        ErrorKind::Configuration,
                        format!(
                            "`{host}` stands where a `file:` URI names a machine, and SQLite opens \
                             only files of this machine; write `file:` and the path, or {FORM}"
                        ),
                    ));
                }
                path
            }
        };
        let path = decode(path);
        // The path of `file:///C:/folder` begins with a slash too many.
        let drive = cfg!(windows) && path.get(2..3) == Some(":");
        Ok(Self {
            path: path
                .get(usize::from(drive)..)
                .unwrap_or_default()
                .to_owned(),
            query: query.to_owned(),
        })
    }
}

/// The inverse of [`Name::read`].
fn uri(path: &str, query: &str) -> String {
    let path = path
        .replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23");
    format!("file:{path}?{query}")
}

/// Decodes a text as SQLite does, which keeps a `%` that is not followed by two hexadecimal digits.
fn decode(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).filter(|digits| {
            let mut digits = digits.bytes();
            digits.all(|digit| digit.is_ascii_hexdigit())
        });
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => {
                bytes.push(b'%');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    // The driver accepts only names in UTF-8.
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(url: &str) -> Named {
        read(url)
            .and_then(Named::by)
            .unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    #[test]
    fn a_relative_path_is_made_absolute_whatever_its_spelling() {
        let here = std::env::current_dir().unwrap();
        for (url, name) in [
            ("sqlite:a.db", "a.db"),
            ("sqlite://a.db", "a.db"),
            ("sqlite:folder/a.db?mode=rwc", "folder/a.db"),
            ("sqlite:a%20%3F%23b.db", "a ?#b.db"),
            ("sqlite:file:a.db", "a.db"),
            ("sqlite:file:a%2520b.db?mode=ro", "a b.db"),
            ("sqlite:file:a.db%23fragment", "a.db"),
            ("sqlite:100%25.db", "100%.db"),
            ("sqlite:file:100%25.db", "100%.db"),
            ("sqlite::memory:.db", ":memory:.db"),
            ("sqlite:mode=memory", "mode=memory"),
        ] {
            let Named { options, file, .. } = named(url);
            assert_eq!(file, Some(here.join(name)), "{url}");
            assert_eq!(options.get_filename(), here.join(name), "{url}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn an_absolute_path_stays() {
        for url in [
            "sqlite:/a/b.db",
            "sqlite:///a/b.db",
            "sqlite:file:/a/b.db",
            "sqlite:file:///a/b.db",
            "sqlite:file://localhost/a/b.db",
        ] {
            let Named { options, file, .. } = named(url);
            assert_eq!(file, Some("/a/b.db".into()), "{url}");
            assert_eq!(options.get_filename(), "/a/b.db", "{url}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_parameters_of_a_uri_are_handed_on() {
        let Named { options, file, .. } = named("sqlite:file:/a%2525/b.db%3Fnolock=1");
        assert_eq!(file, Some("/a%/b.db".into()));
        let name = options.get_filename().to_str().unwrap();
        assert_eq!(name, "file:/a%25/b.db?nolock=1");
        let Name { path, query } = Name::read(name).unwrap();
        assert_eq!((&*path, &*query), ("/a%/b.db", "nolock=1"));
    }

    #[test]
    fn a_database_in_memory_has_no_file() {
        for url in [
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite:%3Amemory%3A",
            "sqlite:file::memory:",
            "sqlite:file::memory:?cache=shared",
            "sqlite:?mode=memory",
            "sqlite://?mode=memory&cache=private",
            "sqlite:name?mode=%6Demory",
            "sqlite:file:name%3Fmode=memory",
        ] {
            assert_eq!(named(url).file, None, "{url}");
        }
    }

    #[test]
    fn a_file_is_created_only_where_the_url_says_so() {
        assert!(named("sqlite:a.db?mode=rwc").create);
        assert!(!named("sqlite:a.db").create);
        assert!(!named("sqlite:a.db?mode=rw").create);
        assert!(!named("sqlite:mode=rwc").create);
        assert!(!named("sqlite:/a?mode=rwc&vfs=memdb").create);
    }

    #[test]
    fn a_database_is_called_by_the_name_of_its_file_alone() {
        for (url, name) in [
            ("sqlite:a.db", "a.db"),
            ("sqlite:/home/ada/a%20b.db?mode=rwc", "a b.db"),
            ("sqlite:file:/home/ada/a%2525.db%3Fnolock=1", "a%.db"),
            ("sqlite::memory:", ":memory:"),
            ("sqlite:file::memory:", ":memory:"),
            ("sqlite:shared?mode=memory", "shared"),
        ] {
            let options = named(url).options;
            let called = database_name(&options.get_filename().to_string_lossy());
            assert_eq!(called.as_deref(), Some(name), "{url}");
        }
        assert_eq!(database_name(""), None);
    }

    #[test]
    fn a_file_of_another_machine_is_refused() {
        let error = read("sqlite:file://server/a.db")
            .and_then(Named::by)
            .unwrap_err();
        assert!(error.to_string().contains("`server`"), "{error}");
    }
}
