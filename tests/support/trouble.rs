//! [`Trouble`]: an error type for suites in which only the sort of an error matters.

use dbop::{DbError, ErrorKind};

#[derive(Debug, thiserror::Error, DbError)]
pub enum Trouble {
    /// The application refuses.
    #[error("no, as a matter of policy")]
    Refused,
    /// The application refuses, and another attempt is worth making.
    #[error("not now")]
    #[db_error(category = transient)]
    NotNow,
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

impl Trouble {
    /// Returns the error of the database.
    ///
    /// # Panics
    ///
    /// If the error is the application's own.
    #[must_use]
    #[track_caller]
    pub fn database(&self) -> &dbop::Error {
        match self {
            Self::Database(error) => error,
            other => panic!("not an error of the database: {other}"),
        }
    }

    /// Returns the kind of the database's error.
    ///
    /// # Panics
    ///
    /// If the error is the application's own.
    #[must_use]
    #[track_caller]
    pub fn kind(&self) -> ErrorKind {
        self.database().kind()
    }
}
