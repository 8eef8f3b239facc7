//! [`Statement`]: a query on its way from sqlx's `Executor` to the driver.

use sqlx::error::BoxDynError;
use sqlx::{Database, Execute, SqlStr};

use crate::error::{Error, ErrorKind};

/// A query taken apart, so that its text can be read before the driver gets it.
#[derive(Debug)]
pub struct Statement<DB: Database> {
    pub(crate) sql: SqlStr,
    pub(crate) prepared: Option<DB::Statement>,
    pub(crate) arguments: Option<DB::Arguments>,
    pub(crate) persistent: bool,
}

impl<DB: Database> Statement<DB> {
    /// Takes a query apart.
    ///
    /// # Errors
    ///
    /// Fails if the arguments cannot be encoded, or if the text contains a NUL character.
    pub(crate) fn of<'q>(mut query: impl Execute<'q, DB>) -> Result<Self, sqlx::Error> {
        let statement = Self {
            arguments: query.take_arguments().map_err(sqlx::Error::Encode)?,
            persistent: query.persistent(),
            prepared: query.statement().cloned(),
            sql: query.sql(),
        };
        match memchr::memchr(0, statement.sql.as_str().as_bytes()) {
            None => Ok(statement),
            // With a NUL character, one driver would never finish, and the other would lose its
            // place in the protocol.
            Some(_) => Err(Error::programming(
                ErrorKind::Syntax,
                "the text of a statement contains a NUL character; bind the value that contains it",
            )
            .into()),
        }
    }
}

impl<DB: Database> Execute<'_, DB> for Statement<DB> {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&DB::Statement> {
        self.prepared.as_ref()
    }

    fn take_arguments(&mut self) -> Result<Option<DB::Arguments>, BoxDynError> {
        Ok(self.arguments.take())
    }

    fn persistent(&self) -> bool {
        self.persistent
    }
}
