//! `postgres::Client`.

use std::error::Error as StdError;
use std::fmt;

use postgres_client::{Client, Error, NoTls};

use crate::backend::begin_sql;
use crate::blocking::{Begin, Interrupt, SyncConnection, TransactionStatus};
use crate::classify::{self, Class, Kind};
use crate::db_error::{Cause, DriverError};
use crate::error::Result;

impl SyncConnection for Client {
    const SYSTEM: &'static str = "postgresql";

    fn set_read_only(&mut self, on: bool) -> Result<()> {
        Ok(self.batch_execute(if on {
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"
        } else {
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"
        })?)
    }

    fn begin(&mut self, begin: &Begin) -> Result<()> {
        let sql = begin_sql(
            begin.isolation,
            begin.read_only,
            begin.deferrable,
            Some(begin.time_left),
        );
        Ok(self.batch_execute(&sql)?)
    }

    fn commit(&mut self) -> Result<()> {
        Ok(self.batch_execute("COMMIT")?)
    }

    fn rollback(&mut self) -> Result<()> {
        Ok(self.batch_execute("ROLLBACK")?)
    }

    /// `SAVEPOINT` is refused outside a transaction (25P01) and in one that has failed (25P02).
    fn status(&mut self) -> Result<TransactionStatus> {
        let asked = self.batch_execute("SAVEPOINT dbop_alive; RELEASE SAVEPOINT dbop_alive");
        let Err(error) = asked else {
            return Ok(TransactionStatus::InTransaction);
        };
        match classify::tokio_postgres(&error).kind {
            Kind::TransactionState => Ok(TransactionStatus::Idle),
            Kind::TransactionAborted => Ok(TransactionStatus::Failed),
            _ => Err(error.into()),
        }
    }

    /// Over a connection of its own without TLS, which a server may refuse; then the statement runs
    /// to its end or to its `statement_timeout`.
    fn interrupt(&self) -> Option<Interrupt> {
        let token = self.cancel_token();
        Some(Interrupt::eventually(move || {
            let token = token.clone();
            // It connects, which blocks.
            std::thread::spawn(move || drop(token.cancel_query(NoTls)));
        }))
    }

    fn classify(error: &(dyn StdError + 'static)) -> Option<Class> {
        error.downcast_ref::<Error>().map(classify::tokio_postgres)
    }
}

impl From<Error> for crate::error::Error {
    /// Classifies the driver's error.
    fn from(error: Error) -> Self {
        Self::of_driver(classify::tokio_postgres(&error), error)
    }
}

impl DriverError for Error {
    fn driver_cause(&self) -> Cause<'_> {
        Cause::Class(classify::tokio_postgres(self))
    }
}

/// The driver's own words leave out what the server said.
pub(super) fn describe(error: &Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match (error.as_db_error(), error.source()) {
        (Some(error), _) => write!(f, "{} ({})", error.message(), error.code().code()),
        (None, Some(source)) => write!(f, "{error}: {source}"),
        (None, None) => write!(f, "{error}"),
    }
}
