//! The connection and the errors of rusqlite.

use std::error::Error as StdError;

use rusqlite::{Connection, Error};

use crate::blocking::connection::{Begin, Interrupt, SyncConnection, TransactionStatus};
use crate::classify;
use crate::error::{Class, Result};

impl SyncConnection for Connection {
    const SYSTEM: &'static str = "sqlite";
    const ONE_WRITER: bool = true;

    fn set_read_only(&mut self, on: bool) -> Result<()> {
        Ok(self.pragma_update(None, "query_only", on)?)
    }

    /// A transaction that may write takes the lock at once, as in [`Db`](crate::Db).
    fn begin(&mut self, begin: &Begin) -> Result<()> {
        Ok(self.execute_batch(if begin.read_only {
            "BEGIN"
        } else {
            "BEGIN IMMEDIATE"
        })?)
    }

    fn commit(&mut self) -> Result<()> {
        Ok(self.execute_batch("COMMIT")?)
    }

    fn rollback(&mut self) -> Result<()> {
        Ok(self.execute_batch("ROLLBACK")?)
    }

    fn status(&mut self) -> Result<TransactionStatus> {
        Ok(if self.is_autocommit() {
            TransactionStatus::Idle
        } else {
            TransactionStatus::InTransaction
        })
    }

    fn interrupt(&self) -> Option<Interrupt> {
        let handle = self.get_interrupt_handle();
        Some(Interrupt::at_once(move || handle.interrupt()))
    }

    fn classify(error: &(dyn StdError + 'static)) -> Option<Class> {
        error.downcast_ref::<Error>().map(classify::rusqlite)
    }
}

super::operation_error!(Error, Error::ToSqlConversionFailure, classify::rusqlite);
