//! [`ResultOf`]: what a call does with the result of an operation.

use crate::error::{Ended, Error};
use crate::once::OnceResult;
use crate::op::{Failure, OpResult};

/// The functions of an [`OpResult`], looked up where the call is made, so that the rest of the call
/// asks for no bounds.
#[derive(Debug)]
pub(crate) struct ResultOf<R> {
    pub(crate) refused: fn(Error) -> R,
    pub(crate) failure: fn(&R) -> Option<Failure<'_>>,
    pub(crate) finish: fn(&mut R, Ended),
    pub(crate) once: Option<KeptOf<R>>,
}

/// The functions of the [`OnceResult`] of a `once` operation.
#[derive(Debug)]
pub(crate) struct KeptOf<R> {
    pub(crate) encode: fn(&R) -> Option<Result<String, Error>>,
    pub(crate) decode: fn(&str) -> Result<R, Error>,
}

impl<R: OnceResult> KeptOf<R> {
    pub(crate) const NEW: Self = Self {
        encode: R::encode,
        decode: R::decode,
    };
}

impl<R: OpResult> ResultOf<R> {
    pub(crate) const NEW: Self = Self {
        refused: R::refused,
        failure: R::failure,
        finish: R::finish,
        once: None,
    };
}
