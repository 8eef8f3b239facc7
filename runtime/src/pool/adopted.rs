//! [`AdoptedPool`]: a pool that the application has made and given to a handle.
//!
//! The pool opens, tries and closes its connections as the application has told it, with the
//! application's hooks. A call asks it for a connection as any other code does, and knows of its
//! sessions only what it finds out itself.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Pool;
use tokio::time::Instant;

use super::known::KnownPool;
use super::lease::{Lease, Owner};
use crate::backend::{Backend, DatabaseFile};
use crate::error::Result;
use crate::monitor::{Borrower, Monitor};
use crate::rt::Timer;

/// A pool that the application has made and given to a handle.
#[derive(Debug)]
pub(crate) struct AdoptedPool<DB: Backend> {
    pub(super) known: KnownPool<DB>,
    /// The time limit for each thing that dbop asks of a connection on its own account. `None` if
    /// there is no limit.
    patience: Option<Duration>,
}

impl<DB: Backend> AdoptedPool<DB> {
    pub(crate) fn new(
        pool: Pool<DB>,
        validation_timeout: Duration,
        monitor: &Arc<Monitor>,
    ) -> Self {
        Self {
            known: KnownPool::new(pool, false, DatabaseFile::default(), None, monitor),
            patience: DB::REMOTE.then_some(validation_timeout),
        }
    }

    /// Acquires a connection for a call before `until`; `now` saves a clock read.
    pub(super) async fn acquire(
        &self,
        by: Borrower,
        now: Instant,
        until: Instant,
        timer: &mut Timer,
    ) -> Result<Lease<DB>> {
        let KnownPool { pool, held, .. } = &self.known;
        let (conn, _, signals) = self.known.wait(by, now, until, timer).await?;
        let owner = Owner::Callers {
            options: pool.connect_options(),
            patience: self.patience,
            holding: Some(held.hold(by, Instant::now())),
        };
        Lease::of_caller(conn, owner, by.op, signals, until).await
    }

    pub(super) fn pool(&self) -> &Pool<DB> {
        &self.known.pool
    }
}
