//! The connection and the errors of diesel on SQLite.

use std::error::Error as StdError;
use std::num::NonZeroU32;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::r2d2;
use diesel::result::{ConnectionError, Error};
use diesel::sqlite::SqliteConnection;

use crate::blocking::connection::{Begin, SyncConnection, TransactionStatus};
use crate::classify;
use crate::error::{Class, Result};

impl SyncConnection for SqliteConnection {
    const SYSTEM: &'static str = "sqlite";
    const ONE_WRITER: bool = true;

    fn set_read_only(&mut self, on: bool) -> Result<()> {
        Ok(self.batch_execute(if on {
            "PRAGMA query_only = ON"
        } else {
            "PRAGMA query_only = OFF"
        })?)
    }

    /// Uses diesel's own transaction manager, so that `conn.transaction(..)` in a body is a
    /// savepoint. A transaction that may write takes the lock at once.
    fn begin(&mut self, begin: &Begin) -> Result<()> {
        let sql = if begin.read_only {
            "BEGIN"
        } else {
            "BEGIN IMMEDIATE"
        };
        Ok(AnsiTransactionManager::begin_transaction_sql(self, sql)?)
    }

    fn commit(&mut self) -> Result<()> {
        Ok(AnsiTransactionManager::commit_transaction(self)?)
    }

    fn rollback(&mut self) -> Result<()> {
        while depth(self) > 1 {
            // If this fails because the savepoint is gone, diesel stops counting it all the same.
            let _ = AnsiTransactionManager::rollback_transaction(self);
        }
        match depth(self) {
            0 => Ok(self.batch_execute("ROLLBACK")?),
            _ => Ok(AnsiTransactionManager::rollback_transaction(self)?),
        }
    }

    /// Finds out by `BEGIN`, which SQLite refuses while a transaction is open. diesel's own count
    /// does not tell: diesel knows neither of a transaction that was begun as text, nor that SQLite
    /// has ended a transaction in answer to an error.
    fn status(&mut self) -> Result<TransactionStatus> {
        match self.batch_execute("BEGIN") {
            Ok(()) => {
                // If diesel counts a transaction that SQLite has ended, diesel now has one to roll
                // back, and then counts right again.
                self.rollback()?;
                Ok(TransactionStatus::Idle)
            }
            // The body has left a savepoint open.
            Err(error) if is_inside(&error) && depth(self) > 1 => Ok(TransactionStatus::Failed),
            Err(error) if is_inside(&error) => Ok(TransactionStatus::InTransaction),
            Err(error) => Err(error.into()),
        }
    }

    fn classify(error: &(dyn StdError + 'static)) -> Option<Class> {
        if let Some(error) = error.downcast_ref::<Error>() {
            return Some(classify::diesel(error));
        }
        if let Some(error) = error.downcast_ref::<r2d2::Error>() {
            return Some(match error {
                r2d2::Error::QueryError(error) => classify::diesel(error),
                r2d2::Error::ConnectionError(error) => classify::diesel_connection(error),
            });
        }
        let error = error.downcast_ref::<ConnectionError>();
        error.map(classify::diesel_connection)
    }
}

fn is_inside(error: &Error) -> bool {
    error.to_string().contains("within a transaction")
}

/// Returns how many transactions and savepoints diesel counts as open.
fn depth(conn: &mut SqliteConnection) -> u32 {
    let status = AnsiTransactionManager::transaction_manager_status_mut(conn);
    let depth = status.transaction_depth().ok().flatten();
    depth.map_or(0, NonZeroU32::get)
}

super::operation_error!(Error, Error::QueryBuilderError, classify::diesel);
