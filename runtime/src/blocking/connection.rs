//! [`SyncConnection`]: what dbop asks of a synchronous driver.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::error::{Category, Class, Kind, Outcome, Result};
use crate::isolation::Isolation;

/// A connection of a synchronous driver, as [`BlockingDb`](super::BlockingDb) pools them.
///
/// Implemented for `rusqlite::Connection`, diesel's `SqliteConnection` and `postgres::Client`, each
/// behind a feature of dbop: `rusqlite`, `diesel-sqlite`, `postgres-client`. For another driver,
/// implement it for a type of your own around its connection, and `r2d2::ManageConnection` for what
/// opens that.
///
/// Everything here is called on a thread that may block.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a connection that dbop can hand to a plain `fn`",
    label = "does not implement `dbop::blocking::SyncConnection`",
    note = "take `&mut rusqlite::Connection`, diesel's `&mut SqliteConnection` or `&mut postgres::Client`, and enable dbop's feature `rusqlite`, `diesel-sqlite` or `postgres-client`",
    note = "for another driver, implement `SyncConnection` for a type of your own around its connection"
)]
pub trait SyncConnection: Send + 'static {
    /// The name OpenTelemetry gives this database in `db.system.name`
    /// (<https://opentelemetry.io/docs/specs/semconv/database/database-spans/>).
    const SYSTEM: &'static str;

    /// Only one connection writes at a time, so calls that may write take turns rather than run
    /// into its lock. `false`.
    const ONE_WRITER: bool = false;

    /// A `read_only` transaction needs [`set_read_only`](Self::set_read_only), because the
    /// database's `BEGIN` does not refuse writes by itself. `true`.
    const GUARDS_TRANSACTIONS: bool = true;

    /// Lets the database refuse writes on this connection, or puts back what was before: the guard
    /// of a `read_only` operation, which stays until one that may write gets the connection.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn set_read_only(&mut self, on: bool) -> Result<()>;

    /// Begins a transaction.
    ///
    /// # Errors
    ///
    /// What the database says. A connection lost here has applied nothing.
    fn begin(&mut self, begin: &Begin) -> Result<()>;

    /// Commits the open transaction.
    ///
    /// # Errors
    ///
    /// What the database says; [`outcome_of_failed_commit`](Self::outcome_of_failed_commit) judges
    /// what became of it.
    fn commit(&mut self) -> Result<()>;

    /// Rolls back the open transaction.
    ///
    /// # Errors
    ///
    /// What the database says. The connection is then closed.
    fn rollback(&mut self) -> Result<()>;

    /// Whether a transaction is open on it, whoever began it.
    ///
    /// # Errors
    ///
    /// What the database says. The connection is then closed.
    fn status(&mut self) -> Result<TransactionStatus>;

    /// What stops the statement that runs on it, if the driver can do that. It is asked before a
    /// body runs and used while that runs, from another thread, again and again until the body
    /// returns: it may have been between two statements.
    fn interrupt(&self) -> Option<Interrupt> {
        None
    }

    /// What became of a transaction whose COMMIT failed like this.
    fn outcome_of_failed_commit(class: Class) -> Outcome {
        let lost = class.kind.ends_session() && !class.ended_while_idle();
        let torn = matches!(
            class.kind,
            Kind::Io | Kind::Corrupt | Kind::TransactionState
        );
        let unsaid = matches!(class.category, Category::Ambiguous | Category::Internal);
        if lost || torn || unsaid {
            Outcome::Unknown
        } else {
            Outcome::RolledBack
        }
    }

    /// What an error of this driver means, such as one that its manager returned when it connected;
    /// `None` for an error of somebody else.
    fn classify(error: &(dyn StdError + 'static)) -> Option<Class>;
}

/// Whether a transaction is open on a connection, in the words of libpq's `PQtransactionStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    /// None is.
    Idle,
    /// One is.
    InTransaction,
    /// One is that has failed and can only be rolled back.
    Failed,
}

/// How a transaction begins.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Begin {
    /// `None`: the database's default.
    pub isolation: Option<Isolation>,
    /// It writes nothing.
    pub read_only: bool,
    /// It waits until it can run without conflicts (PostgreSQL).
    pub deferrable: bool,
    /// Until the call's deadline.
    pub time_left: Duration,
}

/// Stops the statement that runs on a connection.
pub struct Interrupt {
    stop: Box<dyn Fn() + Send>,
    /// It may arrive late, when the connection does something else.
    pub(super) spoils: bool,
}

impl Interrupt {
    /// One that takes effect before it returns, and none where nothing is running, as
    /// `sqlite3_interrupt` (<https://www.sqlite.org/c3ref/interrupt.html>). It must not block.
    pub fn at_once(stop: impl Fn() + Send + 'static) -> Self {
        Self {
            stop: Box::new(stop),
            spoils: false,
        }
    }

    /// One that may arrive after the statement has ended, as a cancel request of PostgreSQL
    /// (<https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS>):
    /// a connection on which it was used is closed. It must not block.
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
