//! A database error that can be reported more than once.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use sqlx::error::{DatabaseError, ErrorKind as SqlxErrorKind};

use super::class::Class;

/// The first error of a transaction, kept so that every later statement can be refused with it. It
/// is a copy, because `sqlx::Error` cannot be cloned, and the original has gone to the body.
#[derive(Clone, Debug)]
pub(crate) struct SharedError(Arc<SharedDetails>);

#[derive(Debug)]
struct SharedDetails {
    class: Class,
    message: String,
    code: Option<String>,
    constraint: Option<String>,
    table: Option<String>,
    is_unique: bool,
    is_foreign_key: bool,
    is_check: bool,
}

impl SharedError {
    /// Copies what can be copied of `error`, whose class and message are given.
    pub(crate) fn new(class: Class, message: String, error: &sqlx::Error) -> Self {
        let database = error.as_database_error();
        Self(Arc::new(SharedDetails {
            class,
            message,
            code: database.and_then(|e| e.code()).map(Cow::into_owned),
            constraint: database.and_then(|e| e.constraint()).map(str::to_owned),
            table: database.and_then(|e| e.table()).map(str::to_owned),
            is_unique: database.is_some_and(DatabaseError::is_unique_violation),
            is_foreign_key: database.is_some_and(DatabaseError::is_foreign_key_violation),
            is_check: database.is_some_and(DatabaseError::is_check_violation),
        }))
    }

    /// Returns the shared error inside a `sqlx::Error`. `None` if there is none.
    pub(crate) fn inside(error: &sqlx::Error) -> Option<&Self> {
        error.as_database_error()?.try_downcast_ref()
    }

    pub(crate) fn class(&self) -> Class {
        self.0.class
    }

    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    pub(crate) fn to_sqlx(&self) -> sqlx::Error {
        sqlx::Error::Database(Box::new(self.clone()))
    }
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "refused: the transaction was already aborted by: {}",
            self.0.message
        )
    }
}

impl StdError for SharedError {}

impl DatabaseError for SharedError {
    fn message(&self) -> &str {
        &self.0.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        self.0.code.as_deref().map(Cow::Borrowed)
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }

    fn constraint(&self) -> Option<&str> {
        self.0.constraint.as_deref()
    }

    fn table(&self) -> Option<&str> {
        self.0.table.as_deref()
    }

    fn kind(&self) -> SqlxErrorKind {
        match &*self.0 {
            said if said.is_unique => SqlxErrorKind::UniqueViolation,
            said if said.is_foreign_key => SqlxErrorKind::ForeignKeyViolation,
            said if said.is_check => SqlxErrorKind::CheckViolation,
            _ => SqlxErrorKind::Other,
        }
    }
}
