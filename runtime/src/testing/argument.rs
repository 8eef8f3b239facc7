//! [`TestArgument`]: what a test may take.

use std::time::Duration;

use futures_core::future::BoxFuture;
use sqlx::Pool;
use sqlx::pool::PoolOptions;

use super::database::{TestBackend, handle};
use crate::backend::Options;
use crate::db::{AnyDb, Db};
use crate::error::Result;

/// The argument of a test: a handle or a pool that leads to the database `DB` of the test.
#[diagnostic::on_unimplemented(
    message = "a test on `{DB}` cannot take a `{Self}`",
    label = "not a handle or a pool of `{DB}`",
    note = "take `AnyDb`, `Db<{DB}>`, `sqlx::Pool<{DB}>` or `&mut Tx<'_, {DB}>`, or correct `on`"
)]
pub trait TestArgument<DB: TestBackend>: Sized {
    /// Opens the database.
    #[doc(hidden)]
    fn open(options: Options<DB>) -> BoxFuture<'static, Result<Db<DB>>> {
        handle(options)
    }

    /// Makes the argument from the opened database.
    #[doc(hidden)]
    fn of(db: &Db<DB>) -> Self;
}

impl<DB: TestBackend> TestArgument<DB> for Db<DB> {
    fn of(db: &Db<DB>) -> Self {
        db.clone()
    }
}

impl<DB: TestBackend> TestArgument<DB> for AnyDb
where
    Self: From<Db<DB>>,
{
    fn of(db: &Db<DB>) -> Self {
        db.clone().into()
    }
}

/// A pool as an application makes it, of at most 5 connections.
impl<DB: TestBackend> TestArgument<DB> for Pool<DB> {
    fn open(options: Options<DB>) -> BoxFuture<'static, Result<Db<DB>>> {
        let pool = PoolOptions::new().acquire_timeout(Duration::from_secs(10));
        let pool = match DB::is_in_memory(&options) {
            // The database would go with its connection.
            true => pool
                .max_connections(1)
                .idle_timeout(None)
                .max_lifetime(None),
            false => pool.max_connections(5),
        };
        Box::pin(async move { Ok(Db::from_pool(pool.connect_with(options).await?)) })
    }

    fn of(db: &Db<DB>) -> Self {
        db.pool().clone()
    }
}
