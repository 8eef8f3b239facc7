//! [`PoolPlan`]: which pools a database needs, and where they lead.

use std::time::Duration;

use log::LevelFilter;
use sqlx::{ConnectOptions, Connection, Database};

use super::database_file::DatabaseFile;
use super::sqlalchemy::translate;
use crate::error::{ErrorKind, Result};

/// The level of statements in the log, unless somebody asks for another one.
const QUIET: LevelFilter = LevelFilter::Trace;

/// The options with which a connection is opened.
pub(crate) type Options<DB> = <<DB as Database>::Connection as Connection>::Options;

/// The settings of each session.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    pub(crate) statement_timeout: Duration,
    pub(crate) idle_in_transaction_timeout: Duration,
    /// The name that the server shows for each session. `None` leaves that to the options of the
    /// connection.
    pub(crate) application_name: Option<Box<str>>,
    /// Whether every statement is logged at level info. `None` leaves that to the options of the
    /// connection.
    pub(crate) log_statements: Option<bool>,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            statement_timeout: Duration::from_secs(30),
            idle_in_transaction_timeout: Duration::from_secs(60),
            application_name: None,
            log_statements: None,
        }
    }
}

impl SessionSettings {
    /// Returns these options with the level that the settings give to statements in the log.
    pub(crate) fn log_with<O: ConnectOptions>(&self, options: O) -> O {
        match self.log_statements {
            Some(true) => options.log_statements(LevelFilter::Info),
            Some(false) => options.log_statements(QUIET),
            None => options,
        }
    }
}

/// The plan for the pools of a [`Db`](crate::Db).
#[derive(Debug)]
pub struct Plans<DB: Database> {
    pub(crate) write: Plan<DB>,
    /// The pool of sessions that only read. `None` if reads share the write pool.
    pub(crate) read: Option<Plan<DB>>,
    /// The options with which the database is created before the pools are opened. `None` if the
    /// database is not to be created. The pools never create a database, because they might then
    /// put an empty one in the place of one that was removed meanwhile.
    pub(crate) create: Option<Options<DB>>,
}

/// The plan for the pool of one sort of session.
#[derive(Debug)]
pub(crate) struct Plan<DB: Database> {
    pub(crate) options: Options<DB>,
    /// The number of connections.
    pub(crate) size: u32,
    /// Whether each connection gets a sub-pool of its own, because a statement can only be stopped
    /// on a connection that is the only one of its pool.
    pub(crate) apart: bool,
    /// Whether the pool's one connection holds the database, and must therefore never be closed.
    pub(crate) keep_forever: bool,
    /// The file of the database, which all pools of a handle share.
    pub(crate) file: DatabaseFile,
}

/// Where a database is, as the spans of its calls say it. Holds neither a user nor a password.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// The host's name or address, or the path of the server's Unix socket. `None` if there is no
    /// server, or if its address is not known.
    pub(crate) address: Option<String>,
    /// The port. `None` if it is the usual one, which the conventions of OpenTelemetry leave out,
    /// or if there is none.
    pub(crate) port: Option<u16>,
    /// The name of the database; `None` if it is not known.
    pub(crate) namespace: Option<String>,
}

/// Returns the options that a URL describes, with the level that statements have in dbop's log.
pub(crate) fn options_of<DB: PoolPlan>(url: &str) -> Result<Options<DB>> {
    let options = DB::read_url(&translate(url)?)?;
    Ok(options.log_statements(QUIET))
}

/// How the pools of a database are made.
pub trait PoolPlan: Database {
    /// Whether only one connection at a time may write.
    const ONE_WRITER: bool;

    /// Whether answers come over a network. A network may fail silently, so each wait for an answer
    /// has a time limit.
    const REMOTE: bool;

    /// Whether closing a connection with these options may destroy the database.
    fn is_in_memory(options: &Options<Self>) -> bool {
        let _ = options;
        false
    }

    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// Fails if the URL is not one of this database.
    fn read_url(url: &str) -> Result<Options<Self>>;

    /// Plans the pools for the database to which these options lead, of `connections` connections
    /// each. What the settings do not mention stays as the options say.
    ///
    /// # Errors
    ///
    /// Fails if the options lead to no database of which a handle could hold several connections.
    fn plans(
        options: Options<Self>,
        connections: u32,
        settings: &SessionSettings,
    ) -> Result<Plans<Self>>;

    /// A statement that the database answers only if it is there.
    const PROBE: &'static str;

    /// Returns the options of a connection on which the database is asked whether it is there. Such a
    /// connection neither writes nor creates anything. `None` if the database exists only in the
    /// connection that has these options.
    fn probe_options(options: Options<Self>) -> Option<Options<Self>> {
        Some(options)
    }

    /// Returns where connections with these options lead, without a password.
    fn place(options: &Options<Self>) -> String;

    /// Returns where the database is, as the spans of its calls say it.
    fn location(options: &Options<Self>) -> Location;

    /// Returns the name of the database in metrics, which no other database has: for example
    /// `postgresql://db.example:5432/bank` or `sqlite:/data/bank.db`. Without user and password.
    fn name(options: &Options<Self>) -> String;

    /// Returns what to do about a connection that was refused. The text names the place that the
    /// connection was to lead to, but never the password.
    fn advice(kind: ErrorKind, options: &Options<Self>) -> String;
}
