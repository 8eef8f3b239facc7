//! diesel's `SqliteConnection`.

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

    /// Through diesel's own bookkeeping, so that `conn.transaction(..)` in a body is a savepoint.
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
            // Also where the savepoint is gone, diesel counts it no longer.
            let _ = AnsiTransactionManager::rollback_transaction(self);
        }
        match depth(self) {
            0 => Ok(self.batch_execute("ROLLBACK")?),
            _ => Ok(AnsiTransactionManager::rollback_transaction(self)?),
        }
    }

    /// diesel counts what it has begun itself, and knows neither of transactions that a text has
    /// begun nor of those that SQLite has ended in answer to an error. SQLite refuses to begin a
    /// second one.
    fn status(&mut self) -> Result<TransactionStatus> {
        match self.batch_execute("BEGIN") {
            Ok(()) => {
                // Something for diesel to roll back, so that it counts right again.
                self.rollback()?;
                Ok(TransactionStatus::Idle)
            }
            // A savepoint of the body's that nobody has ended.
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

/// 0 where diesel knows of none.
fn depth(conn: &mut SqliteConnection) -> u32 {
    let status = AnsiTransactionManager::transaction_manager_status_mut(conn);
    let depth = status.transaction_depth().ok().flatten();
    depth.map_or(0, NonZeroU32::get)
}

super::operation_error!(Error, Error::QueryBuilderError, classify::diesel);
