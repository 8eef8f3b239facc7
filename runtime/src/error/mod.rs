//! What went wrong: [`Error`], its [`Class`], and the [`Outcome`] of the call that failed.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use sqlx::migrate::MigrateError;

mod class;
#[cfg(feature = "blocking")]
pub(crate) mod driver;
mod ended;
mod outcome;
mod shared;
#[cfg(test)]
mod tests;
mod told;

pub use class::{Category, Class, ErrorKind, Retry};
pub(crate) use ended::Ended;
pub(crate) use outcome::Effect;
pub use outcome::Outcome;
pub(crate) use shared::SharedError;

/// A `Result` whose error is [`dbop::Error`](Error).
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed database call: what went wrong, in which operation, after how many attempts, and what
/// is known about its effect.
///
/// `Display` is meant for a log: it shows the operation, the cause, and what to do. It never shows
/// a password, and it shows a bound value only where the database's own message quotes it. That
/// message may also name tables. To an end user, show [`user_message`](Self::user_message) instead.
///
/// ```
/// let error = dbop::Error::from(sqlx::Error::RowNotFound);
/// assert_eq!(error.category(), dbop::Category::Query);
/// assert_eq!(error.kind(), dbop::ErrorKind::NoRows);
/// assert_eq!(error.http_status(), 404);
/// ```
pub struct Error(Box<Details>);

struct Details {
    class: Class,
    reason: Reason,
    advice: Option<Cow<'static, str>>,
    call: Option<CallRecord>,
}

struct CallRecord {
    operation: Cow<'static, str>,
    attempts: u32,
    outcome: Outcome,
    /// Whether the call had joined another, which determines the outcome.
    joined: bool,
    /// Whether a second call does no harm, even if the first one had its effect.
    repeatable: bool,
}

enum Reason {
    Sqlx(sqlx::Error),
    /// An error of a driver other than sqlx's.
    #[cfg(feature = "blocking")]
    Driver(Box<dyn StdError + Send + Sync>),
    Message(Cow<'static, str>),
}

const RAISE_TIMEOUT: &str = "raise it with `timeout = \"..\"` if the work needs longer";

impl Error {
    /// Creates an error of dbop's own, with a message for developers.
    pub(crate) fn new(class: Class, message: impl Into<Cow<'static, str>>) -> Self {
        Self::because(class, Reason::Message(message.into()))
    }

    fn because(class: Class, reason: Reason) -> Self {
        Self(Box::new(Details {
            class,
            reason,
            advice: None,
            call: None,
        }))
    }

    /// Wraps an error of a driver other than sqlx's, for your own implementation of
    /// [`SyncConnection`](crate::blocking::SyncConnection). `Display` repeats the message of
    /// `error`, which must not contain secrets.
    ///
    /// ```
    /// # #[derive(Debug)]
    /// # struct MyError;
    /// # impl std::fmt::Display for MyError {
    /// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("no") }
    /// # }
    /// # impl std::error::Error for MyError {}
    /// # impl MyError { fn number(&self) -> u16 { 1213 } }
    /// impl From<MyError> for dbop::Error {
    ///     fn from(error: MyError) -> Self {
    ///         let class = dbop::classify::mysql(error.number(), "40001", "");
    ///         Self::of_driver(class, error)
    ///     }
    /// }
    /// # assert_eq!(dbop::Error::from(MyError).kind(), dbop::ErrorKind::Deadlock);
    /// ```
    #[cfg(feature = "blocking")]
    pub fn of_driver(class: Class, error: impl StdError + Send + Sync + 'static) -> Self {
        Self::because(class, Reason::Driver(Box::new(error)))
    }

    /// Returns the driver's error that this error wraps. `Err` gives this error back if it wraps
    /// none.
    #[cfg(any(feature = "rusqlite", feature = "diesel-sqlite"))]
    pub(crate) fn into_driver<E: StdError + 'static>(self) -> Result<E, Self> {
        match self.0.reason {
            Reason::Driver(error) if error.is::<E>() => {
                Ok(*error.downcast().expect("checked just above"))
            }
            _ => Err(self),
        }
    }

    /// Wraps an error of sqlx, of this class.
    pub(crate) fn of_sqlx(class: Class, error: sqlx::Error) -> Self {
        Self::because(class, Reason::Sqlx(error))
    }

    /// Takes the `dbop::Error` inside a `sqlx::Error` out again. `Err` gives the error back if
    /// there is none inside.
    pub(crate) fn take_from(error: sqlx::Error) -> std::result::Result<Self, sqlx::Error> {
        match error {
            sqlx::Error::Io(io) if io.get_ref().is_some_and(|inner| inner.is::<Self>()) => {
                let inner = io.into_inner().expect("checked just above");
                Ok(*inner.downcast().expect("checked just above"))
            }
            other => Err(other),
        }
    }

    /// Creates the error for a use of dbop that cannot work.
    pub(crate) fn programming(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        let class = Class {
            category: Category::Programming,
            kind,
            retry: Retry::Never,
        };
        Self::new(class, message)
    }

    /// Returns the error once more, for another who waits for the same. It has the cause in words alone.
    #[cfg(feature = "jobs")]
    pub(crate) fn copy(&self) -> Self {
        let mut copy = Self::new(self.0.class, self.0.reason.to_string());
        copy.0.advice.clone_from(&self.0.advice);
        copy
    }

    /// Creates the error for a call whose deadline passed while it was `waiting_for` something.
    pub(crate) fn deadline(waiting_for: &str) -> Self {
        Self::new(
            Class {
                category: Category::Transient,
                kind: ErrorKind::Timeout,
                retry: Retry::IfIdempotent,
            },
            format!("the deadline passed while waiting for {waiting_for}; {RAISE_TIMEOUT}"),
        )
    }

    /// Creates the error for an attempt that has taken longer than the `attempt_timeout` of its function.
    pub(crate) fn attempt_timeout() -> Self {
        Self::new(
            Class {
                category: Category::Transient,
                kind: ErrorKind::Timeout,
                retry: Retry::IfIdempotent,
            },
            "the attempt took longer than its `attempt_timeout`; raise that if the service needs more time",
        )
    }

    /// Creates the error for a call whose connection was taken back.
    pub(crate) fn reclaimed() -> Self {
        Self::new(
            Class {
                category: Category::Cancelled,
                kind: ErrorKind::Reclaimed,
                retry: Retry::Never,
            },
            "the call has held its connection for longer than `leak_threshold`, so the connection was \
             taken back; wait for slow things before the call or after it, or raise `leak_threshold`",
        )
    }

    /// Creates the error for a database that has not answered a question in this time.
    pub(crate) fn unanswered(within: Duration) -> Self {
        Self::new(
            Class {
                category: Category::Transient,
                kind: ErrorKind::Timeout,
                retry: Retry::Always,
            },
            format!("it has not answered within {:.3} s", within.as_secs_f64()),
        )
    }

    /// Changes the class of this error, for a call that knows more than the error itself.
    pub(crate) fn reclassify(mut self, class: Class) -> Self {
        self.0.class = class;
        self
    }

    /// Makes this the error of a COMMIT whose answer did not arrive, for whatever reason. It is
    /// then not known whether the transaction was committed.
    pub(crate) fn commit_unanswered(self) -> Self {
        self.reclassify(Class::OUTCOME_UNKNOWN).advise(
            "the answer to COMMIT was lost, so whether it was applied is not known; look before \
             doing it again, or declare the operation `idempotent`",
        )
    }

    /// Returns what happened, without the operation and the category that `Display` adds.
    pub(crate) fn message(&self) -> String {
        self.0.reason.to_string()
    }

    /// Adds what to do about this error.
    pub(crate) fn advise(mut self, advice: impl Into<Cow<'static, str>>) -> Self {
        self.0.advice = Some(advice.into());
        self
    }

    /// Returns the family of this failure, which tells who has to act.
    #[must_use]
    pub fn category(&self) -> Category {
        self.0.class.category
    }

    /// Returns the precise name of this failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.class.kind
    }

    /// Returns whether the failed statement may be run again, as far as the error alone can tell.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.0.class.retry
    }

    /// Returns [`category`](Self::category), [`kind`](Self::kind) and [`retry`](Self::retry)
    /// together.
    #[must_use]
    pub fn class(&self) -> Class {
        self.0.class
    }

    /// Returns what is known about the effect of the call. `None` until the call has ended: an
    /// error that has not left the body yet has no outcome.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.0.call.as_ref().map(|call| call.outcome)
    }

    /// Whether the call may be made again without harm, with the same arguments: nothing of it is in
    /// the database, or its operation is declared `read_only`, `idempotent` or `once`, and a second
    /// call changes nothing that the first one has done. `false` until the call has ended, and if the
    /// body has written past its `read_only` guard or past the transaction with the marker of `once`.
    ///
    /// ```
    /// # use dbop::{Db, db_op};
    /// # use sqlx::Sqlite;
    /// #[db_op(read_only)]
    /// async fn count(conn: &mut dbop::Conn<'_, Sqlite>) -> dbop::Result<i64> {
    ///     Ok(sqlx::query_scalar("SELECT COUNT(*) FROM absent").fetch_one(&mut *conn).await?)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> dbop::Result<()> {
    /// let db = Db::<Sqlite>::connect("sqlite::memory:").await?;
    /// assert!(count(&db).await.unwrap_err().is_repeatable());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        let call = self.0.call.as_ref();
        call.is_some_and(|call| call.repeatable || call.outcome == Outcome::RolledBack)
    }

    /// Returns the operation that failed: the name of its function, or the value of its option
    /// `name`. `None` until the call has ended.
    #[must_use]
    pub fn operation(&self) -> Option<&str> {
        self.0.call.as_ref().map(|call| &*call.operation)
    }

    /// Returns the number of attempts, the last one included. 0 until the call has ended, and for a
    /// call that was refused before its first attempt.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.call.as_ref().map_or(0, |call| call.attempts)
    }

    /// Returns the error of sqlx that this error wraps. `None` if it wraps none.
    #[must_use]
    pub fn as_sqlx(&self) -> Option<&sqlx::Error> {
        match &self.0.reason {
            Reason::Sqlx(error) => Some(error),
            _ => None,
        }
    }

    /// Returns the driver's error, if this wraps an error of this driver, which is not sqlx.
    #[cfg(feature = "blocking")]
    #[must_use]
    pub fn as_driver<E: StdError + 'static>(&self) -> Option<&E> {
        match &self.0.reason {
            Reason::Driver(error) => error.downcast_ref(),
            _ => None,
        }
    }

    /// Returns the message if it is one of dbop's own.
    pub(crate) fn own_message(&self) -> Option<&str> {
        match &self.0.reason {
            Reason::Message(message) => Some(message),
            _ => None,
        }
    }

    /// Returns the code that the database has given this error, such as the SQLSTATE `40001` or
    /// SQLite's `2067`. `None` if the error is not the database's, or if the driver does not pass
    /// the code on.
    pub(crate) fn status_code(&self) -> Option<Cow<'_, str>> {
        match &self.0.reason {
            Reason::Sqlx(error) => Self::status_code_of(error),
            #[cfg(feature = "blocking")]
            Reason::Driver(error) => driver::status_code(&**error),
            Reason::Message(_) => None,
        }
    }

    /// Like [`status_code`](Self::status_code), for an error of sqlx.
    pub(crate) fn status_code_of(error: &sqlx::Error) -> Option<Cow<'_, str>> {
        match Self::inside(error) {
            Some(inside) => inside.status_code(),
            None => cause(error).as_database_error()?.code(),
        }
    }

    /// Returns a short text that may be shown to an end user. It contains no SQL, names or values.
    #[must_use]
    pub fn user_message(&self) -> &'static str {
        self.0.class.user_message()
    }

    /// Returns the HTTP status that fits; see [`Class::http_status`].
    #[must_use]
    pub fn http_status(&self) -> u16 {
        self.0.class.http_status()
    }

    /// Records what a call knows at its end. If a call inside this one has already recorded its
    /// name, that name stays, because it is closer to the failure. If that inner call had not
    /// joined this one, and its effect is not known, the outcome stays unknown as well.
    pub(crate) fn finish(&mut self, ended: Ended) {
        let Ended {
            operation,
            attempts,
            outcome,
            joined,
            repeatable,
            limited,
        } = ended;
        if limited && self.0.call.is_none() && self.class().is_own_limit() {
            // The call is too late, even if the database noticed that before the call's own timer.
            self.0.class = Self::deadline("a statement").class();
            self.0.advice = Some(RAISE_TIMEOUT.into());
        }
        let inner = self.0.call.take();
        let unknown = inner
            .as_ref()
            .is_some_and(|inner| !inner.joined && inner.outcome == Outcome::Unknown);
        let inner_is_repeatable = inner.as_ref().is_none_or(|inner| inner.repeatable);
        self.0.call = Some(CallRecord {
            operation: inner.map_or(operation.into(), |inner| inner.operation),
            attempts,
            outcome: if unknown { Outcome::Unknown } else { outcome },
            joined: joined && !unknown,
            repeatable: repeatable && (inner_is_repeatable || !unknown),
        });
    }

    /// Notes that a repeat of the call that failed does no harm, because whoever was called knows the
    /// repeat by its key.
    #[cfg(feature = "jobs")]
    pub(crate) fn has_a_key(&mut self) {
        if let Some(call) = &mut self.0.call {
            call.repeatable = true;
        }
    }

    /// Whether the call that failed may have had an effect, and a repeat could do harm.
    pub(crate) fn is_lost(&self) -> bool {
        self.outcome() == Some(Outcome::Unknown) && !self.is_repeatable()
    }

    /// Returns the `dbop::Error` inside a `sqlx::Error`. `None` if there is none.
    pub(crate) fn inside(error: &sqlx::Error) -> Option<&Self> {
        match error {
            sqlx::Error::Io(io) => io.get_ref()?.downcast_ref(),
            _ => None,
        }
    }

    /// Like [`inside`](Self::inside), as a mutable reference.
    pub(crate) fn inside_mut(error: &mut sqlx::Error) -> Option<&mut Self> {
        match error {
            sqlx::Error::Io(io) => io.get_mut()?.downcast_mut(),
            _ => None,
        }
    }
}

impl From<Error> for sqlx::Error {
    /// Gives back a wrapped `sqlx::Error` unchanged. An error of dbop's own (a deadline, a refused
    /// join) is put into `sqlx::Error::Io`, from which converting back restores it. The text of that
    /// `sqlx::Error` begins with sqlx's words for this variant, `error communicating with database: `,
    /// whatever the error is.
    fn from(error: Error) -> Self {
        match error.0.reason {
            Reason::Sqlx(inner) => inner,
            _ => {
                let kind = match error.kind() {
                    ErrorKind::Timeout => std::io::ErrorKind::TimedOut,
                    _ => std::io::ErrorKind::Other,
                };
                Self::Io(std::io::Error::new(kind, error))
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlx(error) => describe(error, f),
            #[cfg(feature = "blocking")]
            Self::Driver(error) => driver::describe(&**error, f),
            Self::Message(message) => f.write_str(message),
        }
    }
}

/// Returns the error that a migration has failed with, and any other error as it is.
fn cause(error: &sqlx::Error) -> &sqlx::Error {
    match error {
        sqlx::Error::Migrate(failed) => match &**failed {
            MigrateError::Execute(inner) | MigrateError::ExecuteMigration(inner, _) => inner,
            _ => error,
        },
        _ => error,
    }
}

fn describe(error: &sqlx::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let sqlx::Error::Migrate(failed) = error
        && let MigrateError::ExecuteMigration(_, version) = &**failed
    {
        write!(f, "migration {version}: ")?;
    }
    match cause(error) {
        // The driver's own `Display` shows a line number of the server's source, and no code.
        sqlx::Error::Database(error) => match error.code() {
            Some(code) => write!(f, "{} ({code})", error.message()),
            None => f.write_str(error.message()),
        },
        error => write!(f, "{error}"),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(call) = &self.0.call {
            write!(f, "`{}`", call.operation)?;
            if call.attempts > 1 {
                write!(f, " (attempt {})", call.attempts)?;
            }
            f.write_str(": ")?;
        }
        write!(f, "{}", self.0.reason)?;
        if let Some(advice) = &self.0.advice {
            write!(f, "; {advice}")?;
        }
        write!(f, " [{}/{}]", self.category(), self.kind().as_str())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("category", &self.category())
            .field("kind", &self.kind())
            .field("retry", &self.retry());
        if let Some(call) = &self.0.call {
            out.field("operation", &call.operation)
                .field("attempts", &call.attempts)
                .field("outcome", &call.outcome);
        }
        match &self.0.reason {
            Reason::Message(message) => out.field("message", message),
            // The driver's own `Debug` is not used: it repeats statements and the values of rows.
            driver => out.field("source", &format_args!("{driver}")),
        };
        out.finish()
    }
}

impl StdError for Error {
    /// Returns what is below the driver's error and says something that `Display` has not said. The
    /// driver's error itself is a part of what `Display` says; [`as_sqlx`](Error::as_sqlx) and
    /// `as_driver` return it.
    ///
    /// Nothing of an error of the database itself is a source. `Display` says its message and its
    /// code in other words than drivers do, and some drivers add the values of the row.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let said = self.0.reason.to_string();
        let mut source = match &self.0.reason {
            Reason::Sqlx(error) => match cause(error) {
                sqlx::Error::Database(_) => None,
                error => error.source(),
            },
            #[cfg(feature = "blocking")]
            Reason::Driver(error) => driver::source(&**error),
            Reason::Message(_) => None,
        };
        while let Some(error) = source
            && said.contains(&error.to_string())
        {
            source = error.source();
        }
        source
    }
}
