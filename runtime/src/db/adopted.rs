//! Handles of pools that the application has made.

use sqlx::Pool;

use super::handle::Db;
use super::settings::Settings;
use crate::backend::Backend;
use crate::error::{Error, ErrorKind, Result};
use crate::pool::{AdoptedPool, Pools, explain};

impl<DB: Backend> Db<DB> {
    /// Makes a handle of a pool that the application has made, with the default settings of calls.
    /// `#[sqlx::test]` hands such a pool to a test, for example.
    ///
    /// ```
    /// # async fn example(pool: sqlx::PgPool) -> Result<(), dbop::Error> {
    /// let db = dbop::Db::from_pool(pool);
    /// # let _ = db;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Calls have what they have on any other handle: retries, deadlines, the circuit breaker and
    /// the retry budget. [The guide](crate::guide::settings) has the table of what does not hold on
    /// a pool of the application's.
    ///
    /// [`DbBuilder::pool`](crate::DbBuilder::pool) takes a pool together with settings of calls.
    #[must_use]
    pub fn from_pool(pool: Pool<DB>) -> Self {
        Adopted::one(pool).into_db(&Settings::default())
    }

    /// Makes a handle of two pools that the application has made: `write` for all other calls, and
    /// `read` for calls of `read_only` operations. Otherwise like [`from_pool`](Self::from_pool).
    ///
    /// `read` may lead to a replica. A `read_only` call may then miss what was committed a moment
    /// ago.
    #[must_use]
    pub fn from_pools(write: Pool<DB>, read: Pool<DB>) -> Self {
        Adopted::two(write, read).into_db(&Settings::default())
    }
}

/// The pools that the application has made.
#[derive(Clone, Debug)]
pub(super) struct Adopted<DB: Backend> {
    write: Pool<DB>,
    /// `None` if calls that only read use the other pool as well.
    read: Option<Pool<DB>>,
}

impl<DB: Backend> Adopted<DB> {
    pub(super) fn one(pool: Pool<DB>) -> Self {
        Self {
            write: pool,
            read: None,
        }
    }

    pub(super) fn two(write: Pool<DB>, read: Pool<DB>) -> Self {
        Self {
            write,
            read: Some(read),
        }
    }

    /// Makes a handle. `of_pool` are the settings that are about the pools themselves.
    pub(super) fn open(self, settings: &Settings, of_pool: &[&str]) -> Result<Db<DB>> {
        if !of_pool.is_empty() {
            let names: Vec<_> = of_pool.iter().map(|name| format!("`{name}`")).collect();
            return Err(Error::programming(
                ErrorKind::Configuration,
                format!(
                    "the pool is the application's own, which {} cannot change; set that where the \
                     pool is made, by sqlx's `PoolOptions` and the options of its connections, or \
                     leave `pool(..)` or `pools(..)` out",
                    names.join(", ")
                ),
            ));
        }
        if let Some(closed) = self.each().find(|pool| pool.is_closed()) {
            return Err(explain::<DB>(closed, sqlx::Error::PoolClosed.into()));
        }
        Ok(self.into_db(settings))
    }

    fn each(&self) -> impl Iterator<Item = &Pool<DB>> {
        std::iter::once(&self.write).chain(&self.read)
    }

    fn into_db(self, settings: &Settings) -> Db<DB> {
        let waits = self.each().map(|pool| pool.options().get_acquire_timeout());
        let defaults = settings.defaults_of_adopted(waits.max().unwrap_or_default());
        let patience = settings.pool.validation_timeout;
        let adopt = |pool| Pools::Adopted(AdoptedPool::new(pool, patience, &defaults.monitor));
        let read = self.read.map(adopt);
        Db::new(adopt(self.write), read, defaults, settings)
    }
}
