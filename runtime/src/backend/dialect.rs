//! [`Dialect`]: what a database is called, how it reads SQL, and how its transactions behave.

use std::time::Duration;

use sqlx::{Database, SqlStr};

use crate::isolation::Isolation;

/// How a transaction begins.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(feature = "postgres"),
    expect(dead_code, reason = "SQLite's BEGIN takes only `read_only`")
)]
pub struct BeginOptions {
    pub(crate) isolation: Option<Isolation>,
    pub(crate) read_only: bool,
    pub(crate) deferrable: bool,
    /// Whether the session was opened by the application and not by dbop.
    pub(crate) foreign: bool,
    /// How long a statement may run. `None` leaves the limit that the session already has, as it
    /// does below.
    pub(crate) statement_timeout: Option<Duration>,
    /// How long the whole transaction may take.
    pub(crate) transaction_timeout: Option<Duration>,
    /// How long the transaction may be idle.
    pub(crate) idle_timeout: Option<Duration>,
}

/// How a database reads the comments in the text of a statement.
#[derive(Clone, Copy, Debug)]
pub struct CommentSyntax {
    /// Whether a comment may contain another comment, as on Postgres
    /// (<https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-COMMENTS>).
    /// On SQLite the first `*/` ends the comment (<https://www.sqlite.org/lang_comment.html>).
    pub(crate) nest: bool,
}

/// The databases that dbop knows, for choices outside this module that depend on the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownDatabase {
    #[cfg(feature = "postgres")]
    Postgres,
    #[cfg(feature = "sqlite")]
    Sqlite,
}

/// How one statement is written for many values, in words for a message.
#[derive(Debug)]
pub struct BatchedForms {
    pub(crate) read: &'static str,
    pub(crate) insert: &'static str,
    pub(crate) update: &'static str,
}

/// The name of a database, the way it reads SQL, and the way its transactions behave.
pub trait Dialect: Database {
    /// Which database this is.
    const DATABASE: KnownDatabase;

    /// What the types of this database say about which database there is.
    #[cfg(all(feature = "sqlite", feature = "postgres"))]
    type Choice: super::choice::Choice;

    /// The isolation level of a transaction that asks for none.
    const DEFAULT_ISOLATION: Isolation;

    /// Whether every error of the database aborts the transaction, or the savepoint in which the
    /// error happened.
    const ERROR_ABORTS: bool;

    /// Whether a statement whose text only reads changes nothing, whatever functions it calls.
    const SELECTS_ONLY_READ: bool;

    /// How comments in the text of a statement are read.
    const COMMENTS: CommentSyntax;

    /// The statement that makes a session writable again after
    /// [`make_read_only`](super::SessionControl::make_read_only).
    const READ_ONLY_OFF: &'static str;

    /// How one statement is written for many values.
    const BATCHED: BatchedForms;

    /// Whether the session has to be made read-only for a read-only transaction as well, because
    /// `BEGIN` has no option for that.
    const GUARDS_TRANSACTIONS: bool;

    /// Returns the SQL that begins a transaction, to be sent in one message.
    fn begin_sql(conn: &Self::Connection, begin: &BeginOptions) -> SqlStr;
}
