//! [`Committed`]: what a call in chunks has committed, and the error that says so.

use std::fmt;

use crate::error::{Class, Error};
use crate::op::{Cause, DbError, OpResult};

/// What a `#[transactional(chunk = ..)]` has committed.
///
/// The call returns it in the end, tells it after each chunk (`progress`), and gives it with the error of
/// a call that fails half-way, as [`ChunkError::committed`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// How many items are committed, including those that an earlier call has committed.
    pub items: u64,
    /// How many transactions that took, including those of an earlier call.
    pub chunks: u64,
    /// How many of the items were committed when this call began, and so were skipped. 0 for a call that
    /// cannot be resumed.
    pub skipped: u64,
    /// How many items there are in all. `None` for a stream that does not know.
    pub total: Option<u64>,
}

impl Committed {
    /// Adds a chunk of these items.
    pub(super) fn and<T>(self, items: &[T]) -> Self {
        Self {
            items: self.items + items.len() as u64,
            chunks: self.chunks + 1,
            ..self
        }
    }
}

/// The error of a `#[transactional(chunk = ..)]`: what stopped the call, and what was committed before.
///
/// The operator `?` turns it into the error inside it, for `dbop::Error`, `sqlx::Error` and each type with
/// `#[derive(DbError)]`:
///
/// ```
/// use dbop::{ChunkError, Db, Tx, transactional};
/// use sqlx::Sqlite;
///
/// #[transactional(chunk = 500)]
/// async fn import(tx: &mut Tx<'_, Sqlite>, names: &[String]) -> dbop::Result<()> {
///     for name in names {
///         # #[dbop::allow(query_in_loop)]
///         sqlx::query("INSERT INTO users (name) VALUES (?)").bind(name).execute(&mut *tx).await?;
///     }
///     Ok(())
/// }
///
/// async fn import_all(db: &Db<Sqlite>, names: &[String]) -> dbop::Result<u64> {
///     Ok(import(db, names).await?.items)
/// }
///
/// async fn import_and_tell(db: &Db<Sqlite>, names: &[String]) {
///     if let Err(ChunkError { committed, error, .. }) = import(db, names).await {
///         println!("{} names are imported, and then: {error}", committed.items);
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ChunkError<E> {
    /// What was committed before, by this call and by those that it has resumed.
    pub committed: Committed,
    /// What has stopped the call.
    pub error: E,
}

impl<E> ChunkError<E> {
    /// Returns what has stopped the call, as [`Result::map_err`] needs it.
    pub fn into_error(self) -> E {
        self.error
    }
}

impl<E: fmt::Display> fmt::Display for ChunkError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} (after {} items in {} chunks were committed)",
            self.error, self.committed.items, self.committed.chunks
        )
    }
}

impl<E: fmt::Display + fmt::Debug> std::error::Error for ChunkError<E> {}

impl<E> From<ChunkError<E>> for Error
where
    Error: From<E>,
{
    fn from(failed: ChunkError<E>) -> Self {
        failed.error.into()
    }
}

impl<E> From<ChunkError<E>> for sqlx::Error
where
    sqlx::Error: From<E>,
{
    fn from(failed: ChunkError<E>) -> Self {
        failed.error.into()
    }
}

/// The result of a function in chunks: `Result<(), E>` for each chunk.
#[diagnostic::on_unimplemented(
    message = "the body of a function in chunks runs once for each chunk and returns `Result<(), E>`, not `{Self}`",
    label = "callers get a `Result<Committed, ChunkError<E>>` in its place",
    note = "return `Ok(())`; what each chunk finds can be told by a channel, or written to the database"
)]
pub trait ChunkResult: OpResult {
    /// What callers get: `Result<Committed, ChunkError<E>>`.
    type Whole;

    /// The result of a chunk that is committed already.
    #[doc(hidden)]
    fn committed() -> Self;

    /// The result of the whole call. `failed` is that of the chunk that has failed.
    #[doc(hidden)]
    fn whole(committed: Committed, failed: Option<Self>) -> Self::Whole;
}

impl<E> ChunkResult for Result<(), E>
where
    Self: OpResult,
{
    type Whole = Result<Committed, ChunkError<E>>;

    fn committed() -> Self {
        Ok(())
    }

    fn whole(committed: Committed, failed: Option<Self>) -> Self::Whole {
        match failed {
            Some(Err(error)) => Err(ChunkError { committed, error }),
            Some(Ok(())) | None => Ok(committed),
        }
    }
}

/// What callers of a function in chunks get, where each chunk returns `R`: for `Result<(), E>` a
/// `Result<Committed, ChunkError<E>>`.
pub type Chunked<R> = <R as ChunkResult>::Whole;

/// An operation around a call in chunks that fails before it has made that call, has committed nothing.
impl<E: From<Error>> From<Error> for ChunkError<E> {
    fn from(error: Error) -> Self {
        let committed = Committed::default();
        let error = error.into();
        Self { committed, error }
    }
}

impl<E: DbError> DbError for ChunkError<E> {
    fn cause(&self) -> Cause<'_> {
        self.error.cause()
    }

    fn error_mut(&mut self) -> Option<&mut Error> {
        self.error.error_mut()
    }

    fn own_status(&self) -> Option<u16> {
        self.error.own_status()
    }

    fn class(&self) -> Class {
        self.error.class()
    }
}
