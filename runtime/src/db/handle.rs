//! [`Db`]: the handle an application keeps, and its builder.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::Backend;
use crate::once::marker_sql;
use crate::policy::Defaults;
use crate::pool::PoolSet;

/// A database: its pools and the defaults of calls on it. A clone is another handle to the same.
///
/// On SQLite it is one connection that writes and `pool_size` connections that read, in WAL mode;
/// on Postgres a pool of sessions that write and one of sessions opened read-only, each opened
/// when first needed. Which one a call takes follows from its option `read_only`.
///
/// ```
/// # async fn example() -> Result<(), dbop::Error> {
/// use dbop::Db;
/// use sqlx::Sqlite;
///
/// let db = Db::<Sqlite>::connect("sqlite:bank.db?mode=rwc").await?;
/// # let _ = db;
/// # Ok(())
/// # }
/// ```
pub struct Db<DB: Backend> {
    inner: Arc<DbInner<DB>>,
}

struct DbInner<DB: Backend> {
    write: PoolSet<DB>,
    read: Option<PoolSet<DB>>,
    defaults: Defaults,
    close_timeout: Duration,
}

impl<DB: Backend> Db<DB> {
    pub(super) fn new(
        write: PoolSet<DB>,
        read: Option<PoolSet<DB>>,
        defaults: Defaults,
        close_timeout: Duration,
    ) -> Self {
        Self {
            inner: Arc::new(DbInner {
                write,
                read,
                defaults,
                close_timeout,
            }),
        }
    }

    /// Makes the table `dbop_once` and its index, in which `once` operations keep their markers;
    /// does nothing where it exists.
    ///
    /// The first call of a `once` operation does this by itself. It is here for a migration, where
    /// the application's own role may not create tables. Markers are kept for 7 days.
    pub const ONCE_SCHEMA: &'static str = marker_sql(DB::DATABASE).schema;

    /// The pool of connections that write, for what dbop does not do: migrations, `LISTEN`.
    #[must_use]
    pub fn pool(&self) -> &sqlx::Pool<DB> {
        self.inner.write.pool()
    }

    /// Closes every connection and waits until they are gone. Calls that are running finish
    /// first; later ones fail with [`Kind::PoolClosed`].
    ///
    /// Returns after [`close_timeout`](Builder::close_timeout) at the latest. The connections of
    /// calls that are still running then are closed when those calls end.
    pub async fn close(&self) {
        let write = self.inner.write.close();
        let read = self.inner.read.as_ref().map(PoolSet::close);
        let closing = async move {
            if let Some(read) = read {
                read.await;
            }
            write.await;
        };
        let _ = tokio::time::timeout(self.inner.close_timeout, closing).await;
    }

    /// The pools for calls that only read, or may write.
    pub(crate) fn pools(&self, read_only: bool) -> &PoolSet<DB> {
        match &self.inner.read {
            Some(read) if read_only => read,
            _ => &self.inner.write,
        }
    }

    pub(crate) fn defaults(&self) -> &Defaults {
        &self.inner.defaults
    }
}

impl<DB: Backend> Clone for Db<DB> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<DB: Backend> fmt::Debug for Db<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db")
            .field("system", &DB::SYSTEM)
            .finish_non_exhaustive()
    }
}
