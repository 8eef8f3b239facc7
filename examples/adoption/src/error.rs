//! The application's error type. With dbop, it learns to say which errors may be retried.

/// What goes wrong in the library.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(feature = "dbop", derive(dbop::DbError))]
pub(crate) enum LibraryError {
    #[error("member {0} has as many books as a member may have")]
    TooManyLoans(i64),
    #[error("no copy of book {0} is in the house")]
    NoCopyLeft(i64),
    #[error("book {0} is lent to somebody")]
    IsLent(i64),
    /// The library is not as its users left it.
    #[error("{0}")]
    Unexpected(String),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

pub(crate) type Result<T, E = LibraryError> = std::result::Result<T, E>;
