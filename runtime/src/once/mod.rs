//! `once = key`: a transaction that takes effect once for each key.
//!
//! The first statement of the transaction sets a marker in the table `dbop_once`, whose primary key
//! lets one transaction at a time through. A call that inserts the marker runs the body, stores the
//! body's result beside the marker, and commits both. A call that finds a marker returns the result
//! that is stored there. Concurrent callers wait in that first statement.
//!
//! If a marker could be set, no earlier attempt of this call or of any other was committed,
//! whatever became of the answer to its COMMIT.

mod key;
mod nulls;
mod sql;

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use key::OnceKey;
pub(crate) use sql::{BATCH, marker_sql};

use crate::backend::Backend;
use crate::error::{Category, Class, Ended, Error, Kind, Outcome, Result, Retry};
use crate::op::{DbError, Op, OpResult};
use crate::session::{OpenMarker, State, View, ask};

/// The name of the table of markers, for messages.
pub(crate) const TABLE: &str = "dbop_once";

/// Stores the result of a call beside its marker.
const STORE: &str =
    "UPDATE dbop_once SET result = $3 WHERE op = $1 AND key = $2 AND result IS NULL RETURNING op";

/// The marker that a call leaves in the table.
#[derive(Debug)]
pub(crate) struct Marker {
    key: String,
    fingerprint: String,
    /// When the last attempt of this call set the marker, in the database's own format; `None` if
    /// no attempt has. The time tells this call's marker from one that another call has set since.
    set_at: Option<String>,
}

/// Whether the body is to run.
#[derive(Debug)]
pub(crate) enum Claim<T> {
    /// The marker was set, and the body is to run with this value.
    Won(T),
    /// The marker was there already.
    Settled(Answer),
}

impl<T> Claim<T> {
    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> Claim<U> {
        match self {
            Self::Won(it) => Claim::Won(f(it)),
            Self::Settled(answer) => Claim::Settled(answer),
        }
    }
}

/// What an earlier call has left beside its marker.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The result as JSON; or why this call gets none, and the outcome to report with that error.
    pub(crate) result: std::result::Result<String, (Error, Outcome)>,
    /// Whether an earlier attempt of this call has set the marker, and the answer to its COMMIT was
    /// lost.
    pub(crate) own: bool,
}

impl Marker {
    /// Returns a marker that has yet to be set. Fails if an argument could not be written for the
    /// fingerprint.
    pub(crate) fn new(key: OnceKey) -> Result<Self> {
        let (key, fingerprint) = key.finish()?;
        Ok(Self {
            key,
            fingerprint,
            set_at: None,
        })
    }

    /// Sets the marker, or reads the one that is there. This is the first statement of the
    /// transaction.
    pub(crate) async fn claim<DB: Backend>(
        &mut self,
        view: View<'_, DB>,
        op: &'static Op,
    ) -> Result<Claim<()>> {
        let View { conn, state } = view;
        let sql = marker_sql(DB::DATABASE);
        let set = [op.name, &self.key, &self.fingerprint];
        if let Some(row) = ask::<DB>(conn, state, sql.set, &set).await? {
            self.set_at = DB::text(&row, 0)?;
            if let Some(tx) = &mut state.tx {
                tx.markers.push(OpenMarker {
                    depth: tx.depth,
                    operation: op.name,
                    key: self.key.clone(),
                });
            }
            return Ok(Claim::Won(()));
        }
        let marker = [op.name, &self.key];
        let Some(row) = ask::<DB>(conn, state, sql.read, &marker).await? else {
            return Err(deleted());
        };
        let [fingerprint, stored, set_at] = [0, 1, 2].map(|column| DB::text(&row, column));
        let own = self.set_at.is_some() && self.set_at == set_at?;
        let result = match stored? {
            _ if fingerprint?.as_ref() != Some(&self.fingerprint) => {
                Err((Self::reused(), Outcome::RolledBack))
            }
            Some(result) => Ok(result),
            None if self.is_open(state, op) => Err((inside_itself(), Outcome::RolledBack)),
            None => Err((unanswered(op), Outcome::Unknown)),
        };
        Ok(Claim::Settled(Answer { result, own }))
    }

    /// Stores the result beside the marker. This is the last statement of the transaction.
    pub(crate) async fn store<DB: Backend>(
        &self,
        view: View<'_, DB>,
        op: &'static Op,
        result: &str,
    ) -> Result<()> {
        let View { conn, state } = view;
        let marker = [op.name, &self.key, result];
        match ask::<DB>(conn, state, STORE, &marker).await? {
            Some(_) => {
                if let Some(tx) = &mut state.tx {
                    tx.markers.pop();
                }
                Ok(())
            }
            None => Err(Error::programming(
                Kind::TransactionState,
                format!("the body has removed or answered its own marker in `{TABLE}`"),
            )),
        }
    }

    /// Whether the marker was set by a call that this call runs inside. A transaction sees its own
    /// markers, and those that other transactions have committed.
    fn is_open(&self, state: &State, op: &'static Op) -> bool {
        let markers = state.tx.as_ref().map(|tx| &*tx.markers);
        let mut markers = markers.unwrap_or_default().iter();
        markers.any(|marker| marker.operation == op.name && marker.key == self.key)
    }

    fn reused() -> Error {
        let class = Class {
            category: Category::Integrity,
            kind: Kind::KeyReused,
            retry: Retry::Never,
        };
        Error::new(
            class,
            "its key was used before, with other arguments or by another function of this name; \
             give each piece of work a key of its own, and functions a `name` of their own",
        )
    }
}

/// Returns the error for a call inside itself: the body that would store the result waits for this
/// call.
fn inside_itself() -> Error {
    Error::programming(
        Kind::TransactionState,
        "it was called inside itself with the same key, whose result is there only when the outer \
         call has ended; give the inner call a key of its own, or move what both do to a function \
         without `once`",
    )
}

/// Returns the error for a marker without a result. What the transaction that set the marker did is
/// not known, so the outcome is unknown even if this call's own transaction rolls back.
fn unanswered(op: &'static Op) -> Error {
    let class = Class {
        category: Category::Ambiguous,
        kind: Kind::CompletionUnknown,
        retry: Retry::Never,
    };
    let message = format!(
        "the marker of its key in `{TABLE}` has no result, because the transaction that set the \
         marker was committed by something other than dbop; check what that transaction has done, \
         and delete the marker if the work is to be done again"
    );
    let mut error = Error::new(class, message);
    error.finish(Ended::outermost(op.name, 1, Outcome::Unknown));
    error
}

/// Returns the error for a marker that was deleted, because it was a week old, after it was found
/// and before it was read. The key is free now.
fn deleted() -> Error {
    let class = Class {
        category: Category::Transient,
        kind: Kind::Serialization,
        retry: Retry::Always,
    };
    Error::new(
        class,
        format!("the marker was deleted from `{TABLE}` meanwhile"),
    )
}

/// Whether a claim failed because the table of markers does not exist yet.
pub(crate) fn lacks_table(error: &Error) -> bool {
    error.kind() == Kind::UndefinedTable && error.message().contains(TABLE)
}

/// Adds advice to the error of a call that could not create the table of markers.
pub(crate) fn advise(error: Error) -> Error {
    error.advise(format!(
        "a `once` operation needs the table `{TABLE}`; create it in a migration: its SQL is \
         `Db::<_>::ONCE_SCHEMA`"
    ))
}

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
        let json = serde_json::to_string(self)?;
        // A result that cannot be read back would be an error for every later caller, for a week.
        Self::from_json(&json)?;
        nulls::check(self)?;
        Ok(json)
    }

    fn from_json(json: &str) -> serde_json::Result<Self> {
        serde_json::from_str(json)
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
                Kind::Encode,
                "the result cannot be written as JSON and read back, so later callers with this \
                 key could not get it"
                    .to_owned(),
            )
        }))
    }

    fn decode(json: &str) -> Result<Self> {
        T::from_json(json).map(Ok).map_err(|error| {
            unkept(
                Kind::Decode,
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
fn unkept(kind: Kind, message: String) -> Error {
    let class = Class {
        category: Category::Data,
        kind,
        retry: Retry::Never,
    };
    Error::new(class, message)
}
