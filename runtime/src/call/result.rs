//! [`OpResult`]: what an annotated function returns.

use std::fmt::Display;

use crate::classify::Class;
use crate::db_error::DbError;
use crate::error::{Ended, Error};
use crate::once::OnceResult;

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
    pub(super) class: Class,
    pub(super) message: &'a dyn Display,
}

/// The functions of an [`OpResult`], looked up where the call is made.
#[derive(Debug)]
pub(super) struct ResultOf<R> {
    pub(super) refused: fn(Error) -> R,
    pub(super) failure: fn(&R) -> Option<Failure<'_>>,
    pub(super) finish: fn(&mut R, Ended),
    pub(super) once: Option<KeptOf<R>>,
}

/// The same of a `once` operation's [`OnceResult`].
#[derive(Debug)]
pub(super) struct KeptOf<R> {
    pub(super) encode: fn(&R) -> Option<Result<String, Error>>,
    pub(super) decode: fn(&str) -> Result<R, Error>,
}

impl<R: OnceResult> KeptOf<R> {
    pub(super) const NEW: Self = Self {
        encode: R::encode,
        decode: R::decode,
    };
}

impl<R: OpResult> ResultOf<R> {
    pub(super) const NEW: Self = Self {
        refused: R::refused,
        failure: R::failure,
        finish: R::finish,
        once: None,
    };
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
