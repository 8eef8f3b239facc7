//! [`Marker`]: what a call with a key leaves in the database, and finds there.

use super::OnceKey;
use super::running::Running;
use super::sql::marker_sql;
use crate::backend::Backend;
use crate::error::{Category, Class, Ended, Error, ErrorKind, Outcome, Result, Retry};
use crate::op::Op;
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
    /// `Some` from when the marker was set until the call ends.
    running: Option<Running>,
    /// Whether the last attempt of this call has waited in vain at the marker itself.
    waited: bool,
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
            running: None,
            waited: false,
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
        self.waited = true;
        let row = ask::<DB>(conn, state, sql.set, &set).await?;
        self.waited = false;
        if let Some(row) = row {
            self.set_at = DB::text(&row, 0)?;
            self.running = Some(Running::new(op.name, &self.key));
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
                ErrorKind::TransactionState,
                format!("the body has removed or answered its own marker in `{TABLE}`"),
            )),
        }
    }

    /// Makes `error`, with which this call gives up before its body has run, say whether it has
    /// waited for another call with its key.
    ///
    /// A call waits for such a call at the marker, or for the connection that the other call holds. At
    /// the marker nothing else makes a call wait but a server that has fallen silent, after which the
    /// caller does the same: it repeats the call with the same key.
    pub(crate) fn gave_up(&self, op: &'static Op, error: Error) -> Error {
        let waited = match error.kind() {
            ErrorKind::Timeout if self.waited => true,
            ErrorKind::Timeout | ErrorKind::Lock | ErrorKind::PoolExhausted => {
                // An earlier attempt of this call may have set the marker.
                Running::count(op.name, &self.key) > usize::from(self.running.is_some())
            }
            _ => false,
        };
        if !waited {
            return error;
        }
        let class = Class {
            category: Category::Transient,
            kind: ErrorKind::KeyInUse,
            retry: Retry::Always,
        };
        error.reclassify(class).advise(
            "another call with its key has not ended yet; repeat the call with the same key to get \
             that call's result",
        )
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
            kind: ErrorKind::KeyReused,
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
        ErrorKind::TransactionState,
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
        kind: ErrorKind::CompletionUnknown,
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
        kind: ErrorKind::Serialization,
        retry: Retry::Always,
    };
    Error::new(
        class,
        format!("the marker was deleted from `{TABLE}` meanwhile"),
    )
}

/// Whether a claim failed because the table of markers does not exist yet.
pub(crate) fn lacks_table(error: &Error) -> bool {
    error.kind() == ErrorKind::UndefinedTable && error.message().contains(TABLE)
}

/// Adds advice to the error of a call that could not create the table of markers.
pub(crate) fn advise(error: Error) -> Error {
    error.advise(format!(
        "a `once` operation needs the table `{TABLE}`; create it in a migration: its SQL is \
         `Db::<_>::ONCE_SCHEMA`"
    ))
}
