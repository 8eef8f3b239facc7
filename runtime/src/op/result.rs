//! [`OpResult`]: what an annotated function returns.

use std::fmt::Display;

use super::db_error::DbError;
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
#[expect(missing_debug_implementations, reason = "holds a `dyn Display`")]
pub struct Failure<'a> {
    pub(crate) class: Class,
    pub(crate) message: &'a dyn Display,
}

impl<T, E: DbError> OpResult for Result<T, E> {
    fn refused(error: Error) -> Self {
        Err(E::from(error))
    }

    fn failure(&self) -> Option<Failure<'_>> {
        let error = self.as_ref().err()?;
        Some(Failure {
            class: error.class(),
            message: error,
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
