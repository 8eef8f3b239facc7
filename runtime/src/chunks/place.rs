//! [`ChunkScope`]: what the caller of a function in chunks passes for the transaction.

use std::fmt::Debug;
use std::sync::Arc;

use sqlx::Pool;

#[cfg(feature = "once")]
use super::position::Resumable;
use crate::backend::Backend;
use crate::db::{AnyDb, Db};
#[cfg(feature = "once")]
use crate::error::Result;
use crate::scope::HasAnySource;
use crate::scope::sealed::HasSource;

/// What the caller of a `#[transactional(chunk = ..)]` on the database `DB` may pass.
///
/// | pass | the chunks |
/// |---|---|
/// | `&db`, a [`Db`] or `Arc<Db>` | have a transaction each |
/// | `&pool`, a `sqlx::Pool` | have a transaction each |
/// | `job.chunks("name")` in a job | have a transaction each, belong to that step of the job, and are resumed by its next attempt |
///
/// A transaction of the caller's cannot be passed, because one transaction cannot be several.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not where transactions in chunks on `{DB}` can begin",
    label = "expected `&Db<{DB}>`, `&sqlx::Pool<{DB}>`, or in a job `job.chunks(\"name\")`",
    note = "a function in chunks begins and commits one transaction for each chunk, so a transaction or a connection of the caller's cannot be passed: pass `&db`",
    note = "in a job, the items implement `serde::Serialize`, so that its next attempt can tell that they are still the same"
)]
pub trait ChunkScope<DB: Backend, T>: Clone + Debug + Send + HasSource<DB> + InChunks<T> {}

/// What the caller of a `#[transactional(chunk = .., on = [Sqlite, Postgres])]` may pass: `&db`, an
/// [`AnyDb`], and for either database whatever is a [`ChunkScope`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not where transactions in chunks on any database can begin",
    label = "expected `&AnyDb`, `&Db<_>`, `&sqlx::Pool<_>`, or in a job `job.chunks(\"name\")`",
    note = "a function in chunks begins and commits one transaction for each chunk, so a transaction or a connection of the caller's cannot be passed: pass `&db`",
    note = "in a job, the items implement `serde::Serialize`, so that its next attempt can tell that they are still the same"
)]
pub trait AnyChunkScope<T>: Clone + Debug + Send + HasAnySource + InChunks<T> {}

/// Where the position is written down that the next call goes on from.
pub trait InChunks<T> {
    /// Returns how the call is resumed if the scope says that; `None` for a handle or a pool.
    #[cfg(feature = "once")]
    #[doc(hidden)]
    fn resumable(&self) -> Result<Option<Resumable<T>>> {
        Ok(None)
    }
}

/// A handle or a pool of one database.
macro_rules! of_one {
    ($type:ty) => {
        impl<DB: Backend, T> InChunks<T> for $type {}
        #[diagnostic::do_not_recommend]
        impl<DB: Backend, T> ChunkScope<DB, T> for $type {}
        #[diagnostic::do_not_recommend]
        impl<DB: Backend, T> AnyChunkScope<T> for $type {}
    };
}

/// A handle of whichever database the URL names.
macro_rules! of_any {
    ($type:ty) => {
        impl<T> InChunks<T> for $type {}
        #[diagnostic::do_not_recommend]
        impl<T> AnyChunkScope<T> for $type {}
    };
}

of_one!(&Db<DB>);
of_one!(&Arc<Db<DB>>);
of_one!(&Pool<DB>);
of_any!(&AnyDb);
of_any!(&Arc<AnyDb>);
