//! [`OpResult`]: what an annotated function returns.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use super::db_error::{Cause, DbError};
use crate::error::{Class, Ended, Error};

/// `Result<T, E>` where `E` implements [`DbError`].
#[diagnostic::on_unimplemented(
    message = "a database operation returns a `Result` whose error implements `dbop::DbError`, not `{Self}`",
    label = "not the result of a database operation",
    note = "write `Result<{Self}, dbop::Error>`, or derive `dbop::DbError` for your error type"
)]
pub trait OpResult: Sized {
    /// Makes the result of a call that failed outside its body.
    fn refused(error: Error) -> Self;

    /// Returns what went wrong. `None` if nothing did.
    fn failure(&self) -> Option<Failure<'_>>;

    /// Writes what the call knows at its end into the error, if the error has room for that.
    fn finish(&mut self, ended: Ended);
}

/// What the runtime needs to know about an operation's error.
#[expect(missing_debug_implementations, reason = "holds a `dyn ReportedError`")]
pub struct Failure<'a> {
    pub(crate) class: Class,
    pub(crate) error: &'a dyn ReportedError,
}

/// An operation's error, as messages and spans report it.
pub(crate) trait ReportedError: Display {
    /// Returns the code that the database has given the error. `None` if the error is not the
    /// database's, or if its driver does not pass the code on.
    fn status_code(&self) -> Option<Cow<'_, str>>;

    /// Returns the message of the error of dbop's that this error carries. `None` if it carries one of
    /// a database, or none.
    fn own_message(&self) -> Option<&str>;

    /// Returns how long a service asks to be left alone. `None` if the error does not say.
    fn retry_after(&self) -> Option<Duration>;

    /// Returns where the error comes from.
    fn provenance(&self) -> Provenance;
}

/// Where an error comes from, as far as a call of another service has to know that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Provenance {
    /// The application, which has given the error its class.
    Application,
    /// A call inside, of which it is known what became of it, or of which a repeat does no harm.
    Call,
    /// A call inside, or a database, which may have done something that must not be done again.
    Lost,
}

impl<E: DbError> ReportedError for E {
    fn status_code(&self) -> Option<Cow<'_, str>> {
        match self.cause() {
            Cause::Dbop(error) => error.status_code(),
            Cause::Sqlx(error) => Error::status_code_of(error),
            #[cfg(feature = "blocking")]
            Cause::Driver(_, error) => crate::error::driver::status_code(error),
            _ => None,
        }
    }

    fn own_message(&self) -> Option<&str> {
        match self.cause() {
            Cause::Dbop(error) => error.own_message(),
            _ => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        DbError::retry_after(self)
    }

    fn provenance(&self) -> Provenance {
        let call = match self.cause() {
            Cause::Category(_) | Cause::Class(_) => return Provenance::Application,
            Cause::Dbop(error) => Some(error),
            Cause::Sqlx(error) => Error::inside(error),
            Cause::Driver(..) => None,
        };
        match call {
            Some(call) if call.outcome().is_some() && !call.is_lost() => Provenance::Call,
            _ => Provenance::Lost,
        }
    }
}

impl<T, E: DbError> OpResult for Result<T, E> {
    fn refused(error: Error) -> Self {
        Err(E::from(error))
    }

    fn failure(&self) -> Option<Failure<'_>> {
        let error = self.as_ref().err()?;
        Some(Failure {
            class: error.class(),
            error,
        })
    }

    fn finish(&mut self, ended: Ended) {
        if let Err(error) = self
            && let Some(error) = error.error_mut()
        {
            error.finish(ended);
        }
    }
}
