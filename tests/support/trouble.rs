//! [`Trouble`]: the error of operations in whose suites only its sort matters.

use dbop::{DbError, Kind};

#[derive(Debug, thiserror::Error, DbError)]
pub enum Trouble {
    /// The application's own.
    #[error("no, as a matter of policy")]
    Refused,
    /// The application's own, and worth another attempt.
    #[error("not now")]
    #[db_error(category = transient)]
    NotNow,
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

impl Trouble {
    /// What dbop says about it.
    ///
    /// # Panics
    ///
    /// If it is the application's own.
    #[must_use]
    #[track_caller]
    pub fn database(&self) -> &dbop::Error {
        match self {
            Self::Database(error) => error,
            other => panic!("not an error of the database: {other}"),
        }
    }

    /// The same of its kind.
    ///
    /// # Panics
    ///
    /// If it is the application's own.
    #[must_use]
    #[track_caller]
    pub fn kind(&self) -> Kind {
        self.database().kind()
    }
}
