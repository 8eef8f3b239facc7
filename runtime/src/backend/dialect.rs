//! [`Dialect`]: what a database is called, how it reads SQL, and what its transactions are like.

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
    /// The session was not opened by dbop.
    pub(crate) foreign: bool,
    /// How long a statement may run, where that is not what the session was opened with.
    pub(crate) statement_timeout: Option<Duration>,
}

/// How a database reads the comments in the text of a statement.
#[derive(Clone, Copy, Debug)]
pub struct CommentSyntax {
    /// A comment may stand inside a comment, as on Postgres
    /// (<https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-COMMENTS>).
    /// On SQLite the first `*/` ends all of them (<https://www.sqlite.org/lang_comment.html>).
    pub(crate) nest: bool,
}

/// The databases that dbop knows, for what is chosen by database outside of this room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownDatabase {
    #[cfg(feature = "postgres")]
    Postgres,
    #[cfg(feature = "sqlite")]
    Sqlite,
}

/// The language of a database.
pub trait Dialect: Database {
    /// Which database this is.
    const DATABASE: KnownDatabase;

    /// The name OpenTelemetry gives this database in `db.system.name`
    /// (<https://opentelemetry.io/docs/specs/semconv/database/database-spans/>).
    const SYSTEM: &'static str;

    /// The isolation of a transaction that asks for none.
    const DEFAULT_ISOLATION: Isolation;

    /// Any error of the database aborts the transaction, or the savepoint it happened in.
    const ERROR_ABORTS: bool;

    /// A statement that only reads by its text changes nothing, whatever functions it calls.
    const SELECTS_ONLY_READ: bool;

    /// How the text of a statement is read.
    const COMMENTS: CommentSyntax;

    /// Makes a session writable again that [`make_read_only`](Self::make_read_only) has changed.
    const READ_ONLY_OFF: &'static str;

    /// A session has to be made read-only for a transaction, too, because `BEGIN` cannot say it.
    const GUARDS_TRANSACTIONS: bool;

    /// The one message that begins a transaction.
    fn begin_sql(conn: &Self::Connection, begin: &BeginOptions) -> SqlStr;
}
