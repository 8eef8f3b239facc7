//! [`AdvisoryLock`]: the guard of a lock, and how a handle takes one.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use sqlx::Postgres;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::oneshot;

use super::keeper::{Grip, Request, held_by_another, keep, not_there};
use super::key::{AdvisoryKey, Function};
use crate::db::Db;
use crate::error::{Category, Class, Ended, Error, ErrorKind, Outcome, Result, Retry};
use crate::rt::{FOREVER, background};

impl Db<Postgres> {
    /// Waits until an advisory lock is free, and takes it. While a lock's connection lives, no
    /// other program that uses the database can hold a lock with the same key: see [`AdvisoryLock`]
    /// for what that promises.
    ///
    /// The lock has a connection of its own, beside those of the pools.
    ///
    /// ```
    /// # #[cfg(feature = "postgres")]
    /// # async fn example(db: dbop::Db<sqlx::Postgres>) -> Result<(), dbop::Error> {
    /// let lock = db.advisory_lock("merge queue").await?;
    /// tokio::select! {
    ///     () = merge_what_is_ready(&db) => lock.release().await?,
    ///     () = lock.lost() => eprintln!("another process may be merging now"),
    /// }
    /// # Ok(())
    /// # }
    /// # #[cfg(feature = "postgres")]
    /// # async fn merge_what_is_ready(_: &dbop::Db<sqlx::Postgres>) {}
    /// ```
    ///
    /// SQLite has no such locks:
    ///
    /// ```compile_fail
    /// async fn example(db: dbop::Db<sqlx::Sqlite>) {
    ///     let lock = db.advisory_lock("merge queue").await;
    /// }
    /// ```
    ///
    /// A caller that goes away while it waits leaves neither a lock nor a place in the queue. The
    /// server removes its place within a tenth of a second; before PostgreSQL 14, when its turn
    /// comes.
    ///
    /// # Errors
    ///
    /// Returns an error of [`ErrorKind::Lock`] if the lock was not free within the
    /// [`timeout`](crate::DbBuilder::timeout) of the handle. The message names the session that holds
    /// the lock, if the server tells. Returns another error if the connection could not be opened,
    /// or was lost. After an error, the lock is not held.
    pub async fn advisory_lock(&self, key: impl Into<AdvisoryKey>) -> Result<AdvisoryLock> {
        let key = key.into();
        match self.take(key.clone(), Function::Lock).await? {
            Some(lock) => Ok(lock),
            None => Err(finished(held_by_another(&key, Duration::ZERO, None))),
        }
    }

    /// Takes an advisory lock if it is free. Returns `None` if another session holds the lock.
    /// Otherwise like [`advisory_lock`](Self::advisory_lock).
    ///
    /// ```
    /// # #[cfg(feature = "postgres")]
    /// # async fn example(db: dbop::Db<sqlx::Postgres>) -> Result<(), dbop::Error> {
    /// let Some(lock) = db.try_advisory_lock((1, 2)).await? else {
    ///     return Ok(()); // another process does it
    /// };
    /// # lock.release().await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if the connection could not be opened, or was lost. The lock is not held
    /// then.
    pub async fn try_advisory_lock(
        &self,
        key: impl Into<AdvisoryKey>,
    ) -> Result<Option<AdvisoryLock>> {
        self.take(key.into(), Function::TryLock).await
    }

    /// Takes the lock with this function of the server; `None` if the lock is not free.
    async fn take(&self, key: AdvisoryKey, function: Function) -> Result<Option<AdvisoryLock>> {
        if self.pool().is_closed() {
            return Err(finished(sqlx::Error::PoolClosed.into()));
        }
        let defaults = self.defaults();
        let patience = defaults.timeout.min(FOREVER);
        let request = Request {
            options: PgConnectOptions::clone(&self.pool().connect_options()),
            key: key.clone(),
            function,
            patience,
            patience_to_connect: patience.min(defaults.acquire_timeout),
        };
        let (granted, answer) = oneshot::channel();
        // The task runs in the background runtime, which always runs. When the guard is dropped,
        // the caller's runtime may not be running any more, and the lock must be released all the
        // same.
        drop(background().spawn(keep(request, granted)));
        let gone = |_| Err(not_there("the task that keeps the lock has ended"));
        let grip = answer.await.unwrap_or_else(gone);
        Ok(grip
            .map_err(finished)?
            .map(|grip| AdvisoryLock { key, grip }))
    }
}

/// A session-level advisory lock of PostgreSQL. It is held until it is [released](Self::release) or
/// dropped, also across awaits on other services, and beside any calls on the same [`Db`].
///
/// [`Db::advisory_lock`] and [`Db::try_advisory_lock`] return it.
///
/// # What it promises
///
/// The server gives the lock to no other session while this one lives. The lock is held by a
/// session of its own, which the server does not end for being idle, and which stays open when the
/// handle's pools are closed. Each guard has its own session, so a task that asks for a key that it
/// already holds waits for itself.
///
/// # What it cannot promise
///
/// A lock lasts as long as its connection. The connection is lost if the server is restarted, the
/// session is terminated or the network fails. The server then gives the lock to the next session
/// that waits for it, and the program that lost the lock learns of the loss a little later: at once
/// if the connection was closed, within eight seconds if the network is silent. Until then,
/// [`is_held`](Self::is_held) is still true.
///
/// Work that must not happen twice, or in two programs at once, therefore needs a second guard that
/// the database checks. This can be a number that grows with each holder and that every write
/// compares (a fencing token), or a `once` operation.
///
/// The lock does not work behind a pooler that hands out server sessions by the transaction, such
/// as PgBouncer with `pool_mode = transaction`: each statement may run in another session there.
/// Give the handle a URL of the server itself.
#[must_use = "the lock is released when the guard is dropped"]
pub struct AdvisoryLock {
    key: AdvisoryKey,
    grip: Grip,
}

impl AdvisoryLock {
    /// Returns the key of the lock.
    #[must_use]
    pub fn key(&self) -> &AdvisoryKey {
        &self.key
    }

    /// Whether the lock is still held, as far as is known. The loss of its connection may be
    /// noticed late: see [what it cannot promise](Self#what-it-cannot-promise).
    #[must_use]
    pub fn is_held(&self) -> bool {
        // The keeper owns the connection: if the keeper has gone, so has the connection.
        self.grip.held.has_changed().is_ok() && *self.grip.held.borrow()
    }

    /// Waits until the lock is lost. The future also ends when the lock has been released. It does
    /// not borrow the guard, which may be used meanwhile.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut held = self.grip.held.clone();
        async move { drop(held.wait_for(|held| !held).await) }
    }

    /// Releases the lock, and waits until the server has confirmed the release. The lock is
    /// released even if this future is dropped half-way.
    ///
    /// # Errors
    ///
    /// Returns an error of [`ErrorKind::Connection`] if the lock was lost before, so that another
    /// session may have held it since, or if the server has not confirmed the release within five
    /// seconds.
    pub async fn release(self) -> Result<()> {
        let Self { key, grip } = self;
        let (reply, answer) = oneshot::channel();
        let released = match grip.release.send(reply) {
            Ok(()) => answer.await.unwrap_or(false),
            Err(_) => false,
        };
        match released {
            true => Ok(()),
            false => Err(lost(&key)),
        }
    }
}

impl fmt::Debug for AdvisoryLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdvisoryLock")
            .field("key", &self.key)
            .field("is_held", &self.is_held())
            .finish()
    }
}

/// Returns the error for a lock that was lost before it was released.
fn lost(key: &AdvisoryKey) -> Error {
    let class = Class {
        category: Category::Transient,
        kind: ErrorKind::Connection,
        retry: Retry::IfIdempotent,
    };
    let mut error = Error::new(
        class,
        format!(
            "the connection that held the advisory lock `{key}` was lost, and another session may have \
             held the lock since; see whether what was done meanwhile still holds"
        ),
    );
    error.finish(Ended::outermost("advisory_lock", 1, Outcome::Unknown));
    error
}

/// Finishes the error of a call that did not take the lock.
fn finished(mut error: Error) -> Error {
    error.finish(Ended::outermost("advisory_lock", 1, Outcome::RolledBack));
    error
}
