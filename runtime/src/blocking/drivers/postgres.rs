//! The connection and the errors of the crate `postgres`.

use std::error::Error as StdError;

use postgres_client::error::{DbError, Severity};
use postgres_client::{Client, Error, NoTls, SimpleQueryMessage};

use crate::backend::begin_sql;
use crate::blocking::connection::{Begin, Interrupt, SyncConnection, TransactionStatus};
use crate::classify;
use crate::error::{Class, ErrorKind, Result};
use crate::op::{Cause, DriverError};

impl SyncConnection for Client {
    const SYSTEM: &'static str = "postgresql";
    const GUARDS_TRANSACTIONS: bool = false;

    /// Takes the guard off with `RESET`, which restores what the session began with. That may be
    /// read-only.
    fn set_read_only(&mut self, on: bool) -> Result<()> {
        Ok(self.batch_execute(if on {
            "SET default_transaction_read_only = on"
        } else {
            "RESET default_transaction_read_only"
        })?)
    }

    fn begin(&mut self, begin: &Begin) -> Result<()> {
        let sql = begin_sql(
            begin.isolation,
            begin.read_only,
            begin.deferrable,
            Some(begin.time_left),
            true,
        );
        Ok(self.batch_execute(&sql)?)
    }

    /// An error of severity FATAL or PANIC ends the session, whatever its code is. Whether the
    /// transaction was committed is then unknown, unless the session had ended before the server
    /// read the `COMMIT`.
    fn commit(&mut self) -> Result<()> {
        self.batch_execute("COMMIT").map_err(|error| {
            let severity = error.as_db_error().and_then(DbError::parsed_severity);
            let ended = matches!(severity, Some(Severity::Fatal | Severity::Panic));
            let error = crate::error::Error::from(error);
            if ended && !error.class().ended_while_idle() {
                error.commit_unanswered()
            } else {
                error
            }
        })
    }

    fn rollback(&mut self) -> Result<()> {
        Ok(self.batch_execute("ROLLBACK")?)
    }

    /// The server reports the status with every answer, but the driver does not pass it on. A
    /// statement that fails outside of a transaction would tell, but would leave an error in the
    /// server's log for every operation. So this compares two times. `transaction_timestamp()` is
    /// the time of the transaction's first message, and outside of a transaction block that is this
    /// very message. In a transaction that has failed, the query is refused (25P02).
    fn status(&mut self) -> Result<TransactionStatus> {
        match self.simple_query("SELECT transaction_timestamp() = statement_timestamp()") {
            Ok(answer) => {
                let same = answer.iter().any(|message| match message {
                    SimpleQueryMessage::Row(row) => row.get(0) == Some("t"),
                    _ => false,
                });
                Ok(if same {
                    TransactionStatus::Idle
                } else {
                    TransactionStatus::InTransaction
                })
            }
            Err(error) => match classify::tokio_postgres(&error).kind {
                ErrorKind::TransactionAborted => Ok(TransactionStatus::Failed),
                _ => Err(error.into()),
            },
        }
    }

    /// Sends the cancel request over a connection of its own without TLS. A server may refuse that
    /// connection; the statement then runs to its end or to its `statement_timeout`.
    fn interrupt(&self) -> Option<Interrupt> {
        let token = self.cancel_token();
        Some(Interrupt::eventually(move || {
            let token = token.clone();
            // Sending the request opens a connection, which blocks.
            std::thread::spawn(move || drop(token.cancel_query(NoTls)));
        }))
    }

    fn classify(error: &(dyn StdError + 'static)) -> Option<Class> {
        error.downcast_ref::<Error>().map(classify::tokio_postgres)
    }
}

impl DriverError for Error {
    fn driver_cause(&self) -> Cause<'_> {
        Cause::Driver(classify::tokio_postgres(self), self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Outcome;

    #[test]
    fn a_commit_is_rolled_back_where_the_session_had_ended_for_idling() {
        let outcome = |code| Client::outcome_of_failed_commit(classify::postgres(code, ""));
        for code in ["25P03", "57P05", "40001", "23505"] {
            assert_eq!(outcome(code), Outcome::RolledBack, "{code}");
        }
        for code in ["25P04", "57P01", "57P02", "08006", "40003"] {
            assert_eq!(outcome(code), Outcome::Unknown, "{code}");
        }
    }
}
