//! `postgres::Client`.

use std::error::Error as StdError;

use postgres_client::error::{DbError, Severity};
use postgres_client::{Client, Error, NoTls, SimpleQueryMessage};

use crate::backend::begin_sql;
use crate::blocking::connection::{Begin, Interrupt, SyncConnection, TransactionStatus};
use crate::classify;
use crate::error::{Class, Kind, Result};
use crate::op::{Cause, DriverError};

impl SyncConnection for Client {
    const SYSTEM: &'static str = "postgresql";
    const GUARDS_TRANSACTIONS: bool = false;

    /// Back to what the session began with, which may be read-only.
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
        );
        Ok(self.batch_execute(&sql)?)
    }

    /// FATAL and PANIC end the session whatever their code is, and then nobody has said whether it
    /// was committed, unless the session had ended before the `COMMIT` was read.
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

    /// The driver keeps the server's word on this to itself. A statement that is refused outside of
    /// a transaction would tell, but every operation would leave an error in the server's log. The
    /// time at which a transaction began is that of its first message, and outside of one that is
    /// this message; in one that has failed, this is refused (25P02).
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
                Kind::TransactionAborted => Ok(TransactionStatus::Failed),
                _ => Err(error.into()),
            },
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

impl DriverError for Error {
    fn driver_cause(&self) -> Cause<'_> {
        Cause::Class(classify::tokio_postgres(self))
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
