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
    /// The call failed without the body's doing.
    fn refused(error: Error) -> Self;

    /// What went wrong, if it did.
    fn failure(&self) -> Option<Failure<'_>>;

    /// Writes what the call knows at its end into the error, if it can hold that.
    fn finish(&mut self, ended: Ended);
}

/// An error as the runtime looks at it.
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
