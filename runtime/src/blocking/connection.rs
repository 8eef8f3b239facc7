//! [`SyncConnection`]: what dbop asks of a synchronous driver.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::error::{Category, Class, ErrorKind, Outcome, Result};
use crate::isolation::Isolation;

/// A connection of a synchronous driver, for the pool of a [`BlockingDb`](super::BlockingDb).
///
/// The trait is implemented for `rusqlite::Connection`, diesel's `SqliteConnection` and
/// `postgres::Client`, each behind a feature of dbop: `rusqlite`, `diesel-sqlite`,
/// `postgres-sync`. For another driver, implement the trait for a type of your own around the
/// driver's connection, and implement `r2d2::ManageConnection` for the type that opens connections.
///
/// All methods of a connection are called on a thread that may block.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a connection that dbop can hand to a plain `fn`",
    label = "does not implement `dbop::blocking::SyncConnection`",
    note = "take `&mut rusqlite::Connection`, diesel's `&mut SqliteConnection` or `&mut postgres::Client`, and enable dbop's feature `rusqlite`, `diesel-sqlite` or `postgres-sync`",
    note = "for another driver, implement `SyncConnection` for a type of your own around its connection"
)]
pub trait SyncConnection: Send + 'static {
    /// The name OpenTelemetry gives this database in `db.system.name`
    /// (<https://opentelemetry.io/docs/specs/semconv/database/database-spans/>).
    const SYSTEM: &'static str;

    /// Whether the database lets only one connection write at a time. Calls that may write then
    /// take turns, so that they do not run into the database's lock. The default is `false`.
    const ONE_WRITER: bool = false;

    /// Whether a `read_only` transaction needs [`set_read_only`](Self::set_read_only): the default,
    /// `true`, says that [`begin`](Self::begin) alone does not make the database refuse writes.
    const GUARDS_TRANSACTIONS: bool = true;

    /// Makes the database refuse writes on this connection, or, with `on` false, restores what was
    /// before. This is the guard of a `read_only` operation. The guard stays on until an operation
    /// that may write gets the connection.
    ///
    /// # Errors
    ///
    /// Returns the database's error. The connection is then closed.
    fn set_read_only(&mut self, on: bool) -> Result<()>;

    /// Begins a transaction.
    ///
    /// # Errors
    ///
    /// Returns the database's error. If the connection is lost here, nothing has been applied.
    fn begin(&mut self, begin: &Begin) -> Result<()>;

    /// Commits the open transaction.
    ///
    /// # Errors
    ///
    /// Returns the database's error.
    /// [`outcome_of_failed_commit`](Self::outcome_of_failed_commit) decides from that error what
    /// became of the transaction.
    fn commit(&mut self) -> Result<()>;

    /// Rolls back the open transaction.
    ///
    /// # Errors
    ///
    /// Returns the database's error. The connection is then closed.
    fn rollback(&mut self) -> Result<()>;

    /// Returns whether a transaction is open on this connection, whoever began it.
    ///
    /// # Errors
    ///
    /// Returns the database's error. The connection is then closed.
    fn status(&mut self) -> Result<TransactionStatus>;

    /// Returns what stops the statement that runs on this connection; `None` if the driver cannot
    /// do that, which is the default.
    ///
    /// dbop calls this method before the body of a transaction or of a `read_only` operation runs.
    /// If the body is abandoned, dbop uses the interrupt from another thread, again and again until
    /// the body returns, because an interrupt between two statements stops neither.
    fn interrupt(&self) -> Option<Interrupt> {
        None
    }

    /// Returns what became of a transaction whose COMMIT failed with an error of this class.
    ///
    /// By default the outcome is unknown if the connection was lost while COMMIT ran, if a file
    /// failed or is damaged, if COMMIT did not fit the state of the transaction, and for the
    /// categories [`Category::Ambiguous`] and [`Category::Internal`]. After any other error the
    /// transaction counts as rolled back.
    fn outcome_of_failed_commit(class: Class) -> Outcome {
        let lost = class.kind.ends_session() && !class.ended_while_idle();
        let torn = matches!(
            class.kind,
            ErrorKind::Io | ErrorKind::Corrupt | ErrorKind::TransactionState
        );
        let unsaid = matches!(class.category, Category::Ambiguous | Category::Internal);
        if lost || torn || unsaid {
            Outcome::Unknown
        } else {
            Outcome::RolledBack
        }
    }

    /// Classifies an error of this driver or of its manager, for example an error that the manager
    /// returned when it opened a connection; `None` if the error comes from elsewhere.
    fn classify(error: &(dyn StdError + 'static)) -> Option<Class>;
}

/// Whether a transaction is open on a connection. The names are those of libpq's
/// `PQtransactionStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    /// No transaction is open.
    Idle,
    /// A transaction is open.
    InTransaction,
    /// A transaction is open that has failed and can only be rolled back.
    Failed,
}

/// How a transaction begins.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Begin {
    /// The isolation level; `None` for the database's default.
    pub isolation: Option<Isolation>,
    /// Whether the transaction writes nothing.
    pub read_only: bool,
    /// Whether the transaction waits until it can run without conflicts (PostgreSQL).
    pub deferrable: bool,
    /// The time that is left until the call's deadline.
    pub time_left: Duration,
}

/// Stops the statement that runs on a connection.
pub struct Interrupt {
    stop: Box<dyn Fn() + Send>,
    /// Whether the interrupt may arrive late, when the connection already does something else.
    pub(super) spoils: bool,
}

impl Interrupt {
    /// Makes an interrupt that takes effect before `stop` returns, and does nothing if no statement
    /// is running, like `sqlite3_interrupt` (<https://www.sqlite.org/c3ref/interrupt.html>). `stop`
    /// must not block.
    pub fn at_once(stop: impl Fn() + Send + 'static) -> Self {
        Self {
            stop: Box::new(stop),
            spoils: false,
        }
    }

    /// Makes an interrupt that may arrive after the statement has ended, like a cancel request of
    /// PostgreSQL
    /// (<https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS>).
    /// A connection on which the interrupt was used is closed. `stop` must not block.
    pub fn eventually(stop: impl Fn() + Send + 'static) -> Self {
        Self {
            stop: Box::new(stop),
            spoils: true,
        }
    }

    pub(super) fn stop(&self) {
        (self.stop)();
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupt").finish_non_exhaustive()
    }
}
