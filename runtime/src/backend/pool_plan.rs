//! [`PoolPlan`]: which pools a database needs, and where they lead.

use std::time::Duration;

use log::LevelFilter;
use sqlx::{Connection, Database};

use super::database_file::DatabaseFile;
use crate::error::{Kind, Result};

pub(crate) type Options<DB> = <<DB as Database>::Connection as Connection>::Options;

/// What can be set about each session.
#[derive(Clone, Copy, Debug)]
pub struct SessionSettings {
    pub(crate) statement_timeout: Duration,
    pub(crate) idle_in_transaction_timeout: Duration,
    pub(crate) log_statements: bool,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            statement_timeout: Duration::from_secs(30),
            idle_in_transaction_timeout: Duration::from_secs(60),
            log_statements: false,
        }
    }
}

impl SessionSettings {
    pub(crate) fn statement_log_level(&self) -> LevelFilter {
        if self.log_statements {
            LevelFilter::Info
        } else {
            LevelFilter::Trace
        }
    }
}

/// How the pools of a [`Db`](crate::Db) are to be made.
#[derive(Debug)]
pub struct Plans<DB: Database> {
    pub(crate) write: Plan<DB>,
    /// `None`: reads share the write pool.
    pub(crate) read: Option<Plan<DB>>,
    /// With these the database is made first, as there is none yet. The pools make none: they would
    /// make an empty one in the place of one that was removed meanwhile.
    pub(crate) create: Option<Options<DB>>,
}

/// How one pool is to be made.
#[derive(Debug)]
pub(crate) struct Plan<DB: Database> {
    pub(crate) options: Options<DB>,
    pub(crate) size: u32,
    /// What runs on a connection can only be stopped where it is the only one of its pool.
    pub(crate) apart: bool,
    /// Its one connection holds the database: never let it go.
    pub(crate) keep_forever: bool,
    /// Of the whole handle.
    pub(crate) file: DatabaseFile,
}

/// How the pools of a database are made.
pub trait PoolPlan: Database {
    /// One connection at a time may write.
    const ONE_WRITER: bool;

    /// Answers come over a network, which may stop without a word: whatever waits for one has a
    /// time limit.
    const REMOTE: bool;

    /// Whether closing a connection with these options may destroy the database.
    fn is_in_memory(options: &Options<Self>) -> bool {
        let _ = options;
        false
    }

    /// How the pools for this URL are to be made.
    fn plans(url: &str, connections: u32, settings: &SessionSettings) -> Result<Plans<Self>>;

    /// Where connections with these options lead, without a password.
    fn place(options: &Options<Self>) -> String;

    /// What to do about a connection that was refused, naming the place it was to be
    /// opened to but never the password.
    fn advice(kind: Kind, options: &Options<Self>) -> String;
}
