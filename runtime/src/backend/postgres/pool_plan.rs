//! The pools of a Postgres database: one of sessions that write, and one of read-only sessions.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Postgres};

use crate::backend::database_file::DatabaseFile;
use crate::backend::pool_plan::{Plan, Plans, PoolPlan, SessionSettings};
use crate::backend::url::wrong_scheme;
use crate::error::{Error, ErrorKind, Result};
use crate::rt::milliseconds;

const URL_FORM: &str = "write `postgres://user:password@host:5432/database`";

impl PoolPlan for Postgres {
    const ONE_WRITER: bool = false;
    const REMOTE: bool = true;

    fn plans(url: &str, connections: u32, settings: &SessionSettings) -> Result<Plans<Self>> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(wrong_scheme(url, "Postgres", URL_FORM));
        }
        let ms = |duration| milliseconds(duration).to_string();
        let options = PgConnectOptions::from_str(url)
            .map_err(|error| Error::from(error).advise(URL_FORM))?
            .log_statements(settings.statement_log_level())
            .options([
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
        format!("{}:{}", options.get_host(), options.get_port())
    }

    fn advice(kind: ErrorKind, options: &PgConnectOptions) -> String {
        let place = Self::place(options);
        let user = options.get_username();
        match kind {
            ErrorKind::Authentication => {
                format!("{place} refused user `{user}`; check user and password in the URL")
            }
            ErrorKind::UndefinedObject => format!(
                "{place} has no database `{}`; create it, or correct the URL",
                options.get_database().unwrap_or(user)
            ),
            ErrorKind::TooManyConnections => format!(
                "{place} has no connection left; make the pools smaller or `max_connections` larger"
            ),
            _ => format!("cannot connect to {place}; is the server running and reachable?"),
        }
    }
}
