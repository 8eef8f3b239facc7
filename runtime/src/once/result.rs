//! [`OnceResult`]: the result of a `once` operation, as JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{floats, nulls};
use crate::error::{Category, Class, Error, ErrorKind, Result, Retry};
use crate::op::{DbError, OpResult};

/// A result that can be kept for later callers: everything with serde's `Serialize` and
/// `DeserializeOwned`.
#[diagnostic::on_unimplemented(
    message = "the result of a `once` operation is stored for later callers, and `{Self}` cannot be",
    label = "must implement `serde::Serialize` and `serde::de::DeserializeOwned`",
    note = "derive `serde::Serialize` and `serde::Deserialize` for `{Self}`, or return less"
)]
pub trait Kept: Sized {
    #[doc(hidden)]
    fn to_json(&self) -> serde_json::Result<String>;
    #[doc(hidden)]
    fn from_json(json: &str) -> serde_json::Result<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Kept for T {
    fn to_json(&self) -> serde_json::Result<String> {
        let json = floats::to_json(self)?;
        // A result that cannot be read back would be an error for every later caller, for a week.
        Self::from_json(&json)?;
        nulls::check(self)?;
        Ok(json)
    }

    fn from_json(json: &str) -> serde_json::Result<Self> {
        floats::from_json(json)
    }
}

/// A `Result<T, E>` whose `T` can be kept for later callers.
pub trait OnceResult: OpResult {
    /// Returns the `Ok` value as JSON; `None` for an `Err`, which is not kept.
    #[doc(hidden)]
    fn encode(&self) -> Option<Result<String>>;
    /// Returns the `Ok` value that was stored as this JSON.
    #[doc(hidden)]
    fn decode(json: &str) -> Result<Self>;
}

impl<T: Kept, E: DbError> OnceResult for std::result::Result<T, E> {
    fn encode(&self) -> Option<Result<String>> {
        let json = self.as_ref().ok()?.to_json();
        Some(json.map_err(|_| {
            unkept(
                ErrorKind::Encode,
                "the result cannot be written as JSON and read back, so later callers with this \
                 key could not get it"
                    .to_owned(),
            )
        }))
    }

    fn decode(json: &str) -> Result<Self> {
        T::from_json(json).map(Ok).map_err(|error| {
            unkept(
                ErrorKind::Decode,
                // Leaves out the text of serde's error, which may quote the value.
                format!(
                    "this is done and committed, but the result stored for its key cannot be read \
                     as the type the function returns (line {}, column {}); did that type change?",
                    error.line(),
                    error.column()
                ),
            )
        })
    }
}

/// Returns the error for a result that cannot be stored or read back.
fn unkept(kind: ErrorKind, message: String) -> Error {
    let class = Class {
        category: Category::Data,
        kind,
        retry: Retry::Never,
    };
    Error::new(class, message)
}
