//! The pools of a Postgres database: one of sessions that write, and one of read-only sessions.

use std::str::FromStr;

use sqlx::Postgres;
use sqlx::postgres::PgConnectOptions;

use crate::backend::database_file::DatabaseFile;
use crate::backend::pool_plan::{Location, Plan, Plans, PoolPlan, SessionSettings};
use crate::backend::url::{is_cut_short, wrong_scheme};
use crate::error::{Error, ErrorKind, Result};
use crate::rt::milliseconds;

/// The port that the conventions of OpenTelemetry take for granted.
const USUAL_PORT: u16 = 5432;

const BEGINS: [&str; 2] = ["postgres://", "postgresql://"];

const URL_FORM: &str = "write `postgres://user:password@host:5432/database`";

const CUT_SHORT: &str = "the URL has an `@` after its host, as if the host began in the middle of the \
     password; in the user's name and the password, write `@` as `%40`, `/` as `%2F`, `:` as `%3A`, `#` \
     as `%23`, `?` as `%3F` and `%` as `%25`";

impl PoolPlan for Postgres {
    const ONE_WRITER: bool = false;
    const REMOTE: bool = true;
    const PROBE: &'static str = "SELECT 1";

    fn read_url(url: &str) -> Result<PgConnectOptions> {
        if !BEGINS.iter().any(|begin| url.starts_with(begin)) {
            return Err(wrong_scheme(url, "Postgres", &BEGINS, URL_FORM));
        }
        if is_cut_short(url) {
            let fault = Error::programming(ErrorKind::Configuration, CUT_SHORT);
            return Err(fault.advise(URL_FORM));
        }
        let options = PgConnectOptions::from_str(url);
        let options = options.map_err(|error| Error::from(error).advise(URL_FORM))?;
        Ok(without_brackets(options))
    }

    /// The server takes the last of several values of one setting, so these hold whatever the
    /// options say about them.
    fn plans(
        options: PgConnectOptions,
        connections: u32,
        settings: &SessionSettings,
    ) -> Result<Plans<Self>> {
        let ms = |duration| milliseconds(duration).to_string();
        let options = match &settings.application_name {
            Some(name) => options.application_name(name),
            None => options,
        };
        let options = settings.log_with(options).options([
            ("statement_timeout", ms(settings.statement_timeout)),
            (
                "idle_in_transaction_session_timeout",
                ms(settings.idle_in_transaction_timeout),
            ),
            ("client_connection_check_interval", "100".to_owned()),
        ]);
        let readers = options
            .clone()
            .options([("default_transaction_read_only", "on")]);
        let plan = |options| Plan {
            options,
            size: connections,
            apart: false,
            keep_forever: false,
            file: DatabaseFile::default(),
        };
        Ok(Plans {
            write: plan(options),
            read: Some(plan(readers)),
            create: None,
        })
    }

    fn place(options: &PgConnectOptions) -> String {
        match server(options) {
            (address, Some(port)) if address.contains(':') => format!("[{address}]:{port}"),
            (address, Some(port)) => format!("{address}:{port}"),
            (socket, None) => socket,
        }
    }

    /// The namespace lacks the schema, which any statement may change.
    fn location(options: &PgConnectOptions) -> Location {
        let (address, port) = server(options);
        // The server takes the user's name for the name of a database that is not given.
        let database = options.get_database();
        let database = database.unwrap_or(options.get_username());
        Location {
            address: Some(address),
            port: port.filter(|port| *port != USUAL_PORT),
            namespace: Some(database.to_owned()),
        }
    }

    fn name(options: &PgConnectOptions) -> String {
        let namespace = Self::location(options).namespace.unwrap_or_default();
        format!("postgresql://{}/{namespace}", Self::place(options))
    }

    fn advice(kind: ErrorKind, options: &PgConnectOptions) -> String {
        let place = Self::place(options);
        let user = options.get_username();
        match kind {
            ErrorKind::Authentication => {
                format!("{place} refused user `{user}`; check user and password")
            }
            ErrorKind::UndefinedObject => format!(
                "{place} has no database `{}`; create it, or correct the name",
                options.get_database().unwrap_or(user)
            ),
            ErrorKind::TooManyConnections => format!(
                "{place} has no connection left; make the pools smaller or `max_connections` larger"
            ),
            ErrorKind::Configuration => format!(
                "{place} is to be reached over TLS; enable a feature of sqlx such as `tls-rustls`, or \
                 change `sslmode` in the URL"
            ),
            _ => format!("cannot connect to {place}; is the server running and reachable?"),
        }
    }
}

/// Takes the brackets off an IPv6 address. sqlx leaves them on, and tokio takes such a text for a name.
fn without_brackets(options: PgConnectOptions) -> PgConnectOptions {
    let host = options.get_host();
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match address.map(str::to_owned) {
        Some(address) => options.host(&address),
        None => options,
    }
}

/// Returns the host's name or address and the port that a connection is opened to, or the path of the
/// Unix socket and no port.
fn server(options: &PgConnectOptions) -> (String, Option<u16>) {
    let (host, port) = (options.get_host(), options.get_port());
    let folder = match options.get_socket() {
        Some(folder) => Some(folder.to_string_lossy()),
        None => host.starts_with('/').then(|| host.into()),
    };
    match folder {
        Some(folder) => (format!("{folder}/.s.PGSQL.{port}"), None),
        None => (host.to_owned(), Some(port)),
    }
}

#[cfg(test)]
mod tests {
    use sqlx::ConnectOptions;

    use super::*;

    fn location(url: &str) -> (Option<String>, Option<u16>, Option<String>) {
        let options = PgConnectOptions::from_str(url).unwrap_or_else(|e| panic!("{url}: {e}"));
        let Location {
            address,
            port,
            namespace,
        } = Postgres::location(&options);
        (address, port, namespace)
    }

    #[test]
    fn the_location_is_the_address_that_a_connection_is_opened_to() {
        for (url, address, port) in [
            (
                "postgres://u:secret@db.example:6543/shop",
                "db.example",
                Some(6543),
            ),
            (
                "postgres://u:secret@db.example:5432/shop",
                "db.example",
                None,
            ),
            (
                "postgres://u:secret@10.1.2.80:6543/shop",
                "10.1.2.80",
                Some(6543),
            ),
            (
                "postgres://u:secret@%2Ftmp:6543/shop",
                "/tmp/.s.PGSQL.6543",
                None,
            ),
            (
                "postgres://u:secret@localhost:5432/shop?host=/run/pg",
                "/run/pg/.s.PGSQL.5432",
                None,
            ),
        ] {
            let expected = (Some(address.to_owned()), port, Some("shop".to_owned()));
            assert_eq!(location(url), expected, "{url}");
        }
    }

    #[test]
    fn errors_name_the_place_that_a_connection_is_opened_to() {
        for (url, place) in [
            ("postgres://u:secret@db.example/shop", "db.example:5432"),
            (
                "postgres://u:secret@db.example:6543/shop",
                "db.example:6543",
            ),
            (
                "postgres://u:secret@%2Fnope:55992/shop",
                "/nope/.s.PGSQL.55992",
            ),
            (
                "postgres://u:secret@h/shop?host=/run/pg",
                "/run/pg/.s.PGSQL.5432",
            ),
            ("postgres://u:secret@h/shop?host=::1", "[::1]:5432"),
            (
                "postgres://u:secret@[2001:db8::1]:6543/shop",
                "[2001:db8::1]:6543",
            ),
        ] {
            let options = Postgres::read_url(url).expect(url);
            assert_eq!(Postgres::place(&options), place, "{url}");
            let advice = Postgres::advice(ErrorKind::Connection, &options);
            assert!(
                advice.contains(&format!("cannot connect to {place};")),
                "{advice}"
            );
        }
    }

    #[tokio::test]
    async fn an_ipv6_address_in_brackets_is_connected_to() {
        let Ok(listener) = tokio::net::TcpListener::bind("[::1]:0").await else {
            return; // This machine has no IPv6.
        };
        let port = listener.local_addr().expect("a port").port();
        let url = format!("postgres://u@[::1]:{port}/shop");
        let options = Postgres::read_url(&url).expect("options");
        tokio::select! {
            accepted = listener.accept() => drop(accepted.expect("a connection")),
            failed = options.connect() => panic!("not accepted: {:?}", failed.map(drop)),
        }
    }

    #[test]
    fn a_password_that_is_not_encoded_is_not_taken_for_a_host() {
        for url in [
            "postgres://ada:p@q7/word@localhost/shop",
            "postgres://ada:p#q7@localhost/shop",
            "postgres://ada:1?q7@localhost/shop",
        ] {
            let error = Postgres::read_url(url).expect_err(url);
            assert_eq!(error.kind(), ErrorKind::Configuration, "{url}");
            assert!(error.to_string().contains("`%40`"), "{error}");
            assert!(!format!("{error} {error:?}").contains("q7"), "{error:?}");
        }
    }

    #[test]
    fn a_database_without_a_name_has_the_name_of_its_user() {
        let options = PgConnectOptions::new_without_pgpass().username("ada");
        if options.get_database().is_none() {
            let namespace = Postgres::location(&options).namespace;
            assert_eq!(namespace.as_deref(), Some("ada"));
        }
    }
}
