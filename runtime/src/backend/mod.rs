//! [`Backend`]: the databases dbop speaks, and everything that differs between them.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx::{Connection, Database, Describe, Either, SqlStr};

use crate::classify::{Class, Kind};
use crate::error::{Error, Outcome, Result};
use crate::isolation::Isolation;
use crate::settings::Settings;
use crate::signals::Signals;
use crate::sql::Dialect;
use crate::statement::Statement;

mod database_file;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

pub(crate) use database_file::DatabaseFile;

pub(crate) type Options<DB> = <<DB as Database>::Connection as Connection>::Options;

/// A database that dbop supports: `sqlx::Sqlite` and `sqlx::Postgres`, each behind the feature of
/// its name. Sealed: the promises of this crate are kept database by database.
pub trait Backend: Database<Connection: Debug + Sync> + sealed::Driver {}

// One by one, and not for every `Driver`: the compiler then proves what `Backend` asks for once, here,
// and not again, down to the last field of a connection, wherever a user's function names a session.
#[cfg(feature = "postgres")]
impl Backend for sqlx::Postgres {}
#[cfg(feature = "sqlite")]
impl Backend for sqlx::Sqlite {}

/// How a transaction begins.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(feature = "postgres"),
    expect(dead_code, reason = "SQLite's BEGIN takes only `read_only`")
)]
pub struct Begin {
    pub(crate) isolation: Option<Isolation>,
    pub(crate) read_only: bool,
    pub(crate) deferrable: bool,
    /// The session was not opened by dbop.
    pub(crate) foreign: bool,
    /// How long a statement may run, where that is not what the session was opened with.
    pub(crate) statement_timeout: Option<Duration>,
}

/// Whether the transaction that dbop began is still open on its connection.
#[derive(Debug)]
pub enum Liveness {
    /// It is.
    Open,
    /// It has ended, and another one may have begun.
    Ended,
    /// The question failed.
    Failed(sqlx::Error),
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

/// The scheme of a URL. `None` if it has none: then what stands there may be anything, a password
/// too.
pub(crate) fn scheme(url: &str) -> Option<&str> {
    let (scheme, _) = url.split_once(':')?;
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    (scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(is_scheme))
        .then_some(scheme)
}

/// A URL that is not one of this database.
fn wrong_scheme(url: &str, database: &str, form: &str) -> Error {
    let begins = match scheme(url) {
        Some(scheme) => format!("the URL begins with `{scheme}:`, but this is a `Db<{database}>`"),
        None => "the URL has no scheme".to_owned(),
    };
    Error::programming(Kind::Configuration, format!("{begins}; {form}"))
}

/// `BEGIN` of Postgres, and the settings that travel with it.
#[cfg(any(feature = "postgres", feature = "postgres-client"))]
pub(crate) fn begin_sql(
    isolation: Option<Isolation>,
    read_only: bool,
    deferrable: bool,
    statement_timeout: Option<Duration>,
) -> String {
    use std::fmt::Write;

    let mut sql = String::from("BEGIN");
    if let Some(isolation) = isolation {
        let _ = write!(sql, " ISOLATION LEVEL {isolation}");
    }
    if read_only {
        sql.push_str(" READ ONLY");
    }
    if deferrable {
        sql.push_str(" DEFERRABLE");
    }
    if let Some(limit) = statement_timeout {
        let ms = crate::rt::milliseconds(limit);
        // A lock is given up a little earlier than the statement, so that the error says that it
        // was a lock.
        let lock = (ms * 4 / 5).max(1);
        let _ = write!(
            sql,
            "; SET LOCAL statement_timeout = {ms}; SET LOCAL lock_timeout = {lock}"
        );
    }
    sql
}

/// See [`Driver::texts`](sealed::Driver::texts).
fn texts<A>(texts: &[&str]) -> sqlx::Result<A>
where
    A: sqlx::Arguments,
    for<'q> String: sqlx::Encode<'q, A::Database> + sqlx::Type<A::Database>,
{
    let mut arguments = A::default();
    for text in texts {
        let added = arguments.add((*text).to_owned());
        added.map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

pub(crate) mod sealed {
    use super::{
        Arc, Begin, BoxFuture, BoxStream, Class, Database, Debug, Describe, Dialect, Duration,
        Either, Future, Isolation, Kind, Liveness, Options, Outcome, Plans, Result, Settings,
        Signals, SqlStr, Statement,
    };

    /// What [`Backend`](super::Backend) asks of a driver, out of reach of other crates.
    pub trait Driver: Database + Debug {
        /// The name OpenTelemetry gives this database in `db.system.name`
        /// (<https://opentelemetry.io/docs/specs/semconv/database/database-spans/>).
        const SYSTEM: &'static str;
        /// The isolation of a transaction that asks for none.
        const DEFAULT_ISOLATION: Isolation;
        /// Any error of the database aborts the transaction, or the savepoint it happened in.
        const ERROR_ABORTS: bool;
        /// Makes a session writable again that [`make_read_only`](Self::make_read_only) has changed.
        const READ_ONLY_OFF: &'static str;
        /// A session has to be made read-only for a transaction, too, because `BEGIN` cannot say it.
        const GUARDS_TRANSACTIONS: bool;

        /// How long after a connection was lost the database has noticed that, and has ended what
        /// ran on it.
        const UNTIL_ENDED: Duration;
        /// One connection at a time may write.
        const ONE_WRITER: bool;
        /// How the text of a statement is read.
        const DIALECT: Dialect;
        /// Answers come over a network, which may stop without a word: whatever waits for one has a
        /// time limit.
        const REMOTE: bool;
        /// A statement whose rows nobody reads any more runs to its end all the same, and
        /// [`drain`](Self::drain) tells how it ended.
        const FINISHES_UNREAD: bool;
        /// A statement that only reads by its text changes nothing, whatever functions it calls.
        const SELECTS_ONLY_READ: bool;
        /// A connection takes [`Signals`], and with them orders to stop the statement that runs.
        const HAS_SIGNALS: bool;
        /// Makes the table that keeps the markers of `once` operations, if there is none.
        const ONCE_SCHEMA: &'static str;
        /// Sets a marker, and says when, in the same words for every session.
        const ONCE_SET: &'static str;
        /// What a marker holds, with the same words.
        const ONCE_READ: &'static str;
        /// Deletes some of the markers that are older than a week.
        const ONCE_CLEAN_UP: &'static str;

        /// `Executor::fetch_many` of this driver's connection.
        fn fetch_many<'e>(
            conn: &'e mut Self::Connection,
            statement: Statement<Self>,
        ) -> BoxStream<'e, sqlx::Result<Either<Self::QueryResult, Self::Row>>>;

        /// `Executor::fetch_optional` of this driver's connection.
        fn fetch_optional<'e>(
            conn: &'e mut Self::Connection,
            statement: Statement<Self>,
        ) -> BoxFuture<'e, sqlx::Result<Option<Self::Row>>>;

        /// `Executor::prepare_with` of this driver's connection.
        fn prepare_with<'e>(
            conn: &'e mut Self::Connection,
            sql: SqlStr,
            parameters: &'e [Self::TypeInfo],
        ) -> BoxFuture<'e, sqlx::Result<Self::Statement>>;

        /// `Executor::describe` of this driver's connection.
        fn describe(
            conn: &mut Self::Connection,
            sql: SqlStr,
        ) -> BoxFuture<'_, sqlx::Result<Describe<Self>>>;

        /// Runs statements that take no arguments and return nothing, and says how many rows they
        /// changed.
        fn run(
            conn: &mut Self::Connection,
            sql: SqlStr,
        ) -> impl Future<Output = sqlx::Result<u64>> + Send;

        /// The same for one statement of dbop's own that is run again and again on a connection,
        /// which may keep it prepared.
        fn run_again(
            conn: &mut Self::Connection,
            sql: SqlStr,
        ) -> impl Future<Output = sqlx::Result<u64>> + Send {
            Self::run(conn, sql)
        }

        /// These texts as the arguments of a statement.
        fn texts(texts: &[&str]) -> sqlx::Result<Self::Arguments>;

        /// The text in one column of a row.
        fn text(row: &Self::Row, column: usize) -> sqlx::Result<Option<String>>;

        /// The one message that begins a transaction.
        fn begin_sql(conn: &Self::Connection, begin: &Begin) -> SqlStr;

        /// Asks whether the transaction that [`begin_sql`](Self::begin_sql) began is still open.
        fn liveness(conn: &mut Self::Connection) -> impl Future<Output = Liveness> + Send;

        /// Throws away the rows of a statement that was let go before its end, and says how the
        /// statement ended.
        fn drain(conn: &mut Self::Connection) -> impl Future<Output = sqlx::Result<()>> + Send;

        /// What is known of a limit that was set on a caller's own connection.
        type RawLimit: Debug + Send + Sync;

        /// Limits what runs on a caller's own connection from now on to this time.
        fn limit_raw(
            conn: &mut Self::Connection,
            limit: Duration,
        ) -> impl Future<Output = sqlx::Result<Self::RawLimit>> + Send;

        /// The statement that runs is to stop now, if the database does not end it by itself.
        fn stop_at_limit(limit: &Self::RawLimit);

        /// Waits for the end of a statement that was cut off, and lifts the limit.
        fn lift_limit(
            conn: &mut Self::Connection,
            limit: Self::RawLimit,
        ) -> impl Future<Output = sqlx::Result<()>> + Send;

        /// Makes a session read-only, and says whether it was so before.
        fn make_read_only(
            conn: &mut Self::Connection,
        ) -> impl Future<Output = sqlx::Result<bool>> + Send;

        /// Sets how long each statement outside a transaction may run from now on, where the
        /// database has such a limit.
        fn limit_statements(
            conn: &mut Self::Connection,
            limit: Duration,
        ) -> impl Future<Output = sqlx::Result<()>> + Send {
            let _ = (conn, limit);
            std::future::ready(Ok(()))
        }

        /// What an error means for a call that may write (`writes`), where its code alone does
        /// not say.
        fn refine(class: Class, writes: bool) -> Class {
            let _ = writes;
            class
        }

        /// What an error of `COMMIT` says about the transaction's effect.
        fn outcome_of_failed_commit(error: &sqlx::Error) -> Outcome;

        /// Whether a connection ended with this error.
        fn ends_session(error: &sqlx::Error) -> bool;

        /// Whether an error is the answer of a server that goes on.
        fn has_answered(error: &sqlx::Error) -> bool {
            matches!(error, sqlx::Error::Database(_)) && !Self::ends_session(error)
        }

        /// Whether the statement that has just failed a constraint, outside a transaction, has left
        /// rows behind all the same.
        fn has_kept_rows(conn: &mut Self::Connection) -> impl Future<Output = bool> + Send {
            let _ = conn;
            std::future::ready(false)
        }

        /// Forgets what was prepared on a connection, for a schema that has changed since.
        fn forget_plans(
            conn: &mut Self::Connection,
        ) -> impl Future<Output = sqlx::Result<()>> + Send;

        /// Makes a connection obey these signals, and report its ends of transactions if the
        /// connection is one of ours: the application may have set handlers of its own for those.
        fn connect_signals(
            conn: &mut Self::Connection,
            signals: Arc<Signals>,
            ours: bool,
        ) -> impl Future<Output = sqlx::Result<()>> + Send;

        /// Undoes whatever was left open or running on a connection. `false` if it has to be
        /// closed for that.
        fn recover(conn: &mut Self::Connection) -> impl Future<Output = bool> + Send;

        /// Leaves a transaction that may be open on a connection on which nothing runs. `false` if
        /// it has to be closed for that.
        fn leave_transaction(conn: &mut Self::Connection) -> impl Future<Output = bool> + Send;

        /// Undoes what calls may have left in the session of a connection of ours on which nothing
        /// runs: a transaction, settings, locks, subscriptions, temporary tables. `false` if the
        /// connection has to be closed for that. `read_only`: the session was opened so.
        fn reset_session(
            conn: &mut Self::Connection,
            read_only: bool,
        ) -> impl Future<Output = bool> + Send;

        /// Whether closing a connection with these options may destroy the database.
        fn is_in_memory(options: &Options<Self>) -> bool {
            let _ = options;
            false
        }

        /// How the pools for this URL are to be made.
        fn plans(url: &str, settings: &Settings) -> Result<Plans<Self>>;

        /// Where connections with these options lead, without a password.
        fn place(options: &Options<Self>) -> String;

        /// What to do about a connection that was refused, naming the place it was to be
        /// opened to but never the password.
        fn advice(kind: Kind, options: &Options<Self>) -> String;
    }
}
