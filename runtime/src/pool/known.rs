//! [`KnownPool`]: how a call waits for a connection of a pool, and the reason when there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use sqlx::Pool;
use sqlx::pool::PoolConnection;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::connect_hook::ConnectHook;
use super::hooks::{Origin, PoolId, watch_acquire};
use super::refusal::{ANSWER_HOLDS, connect_once, exhausted, explain, taken, unopened};
use crate::backend::{Backend, DatabaseFile, Signals};
use crate::classify;
use crate::error::{Class, Error, Result};
use crate::monitor::{Borrower, Monitor, Registry};
use crate::rt::Timer;

/// How long a call waits for a connection before it asks the server for the reason.
const PATIENCE: Duration = Duration::from_millis(250);

/// When the server was last asked for a connection, and what the error was if it refused.
type LastAnswer = (Instant, std::result::Result<(), (Class, String)>);

/// A pool of a handle, and what is known about it: who holds its connections, and what its server
/// has answered.
#[derive(Debug)]
pub(super) struct KnownPool<DB: Backend> {
    pub(super) pool: Pool<DB>,
    /// The connections of the pool that calls hold. The pool's own count includes connections that
    /// are still being opened.
    pub(super) held: Arc<Registry>,
    /// Whether the pool's connections are all that write to the database.
    one_writer: bool,
    /// `None` if the server gave no answer, or has not been asked.
    last_answer: Mutex<Option<LastAnswer>>,
    pub(super) file: DatabaseFile,
    hook: Option<Arc<ConnectHook<DB>>>,
}

impl<DB: Backend> KnownPool<DB> {
    pub(super) fn new(
        pool: Pool<DB>,
        one_writer: bool,
        file: DatabaseFile,
        hook: Option<Arc<ConnectHook<DB>>>,
        monitor: &Arc<Monitor>,
    ) -> Self {
        Self {
            pool,
            held: Registry::new(monitor),
            one_writer,
            last_answer: Mutex::new(None),
            file,
            hook,
        }
    }

    /// Waits for a connection of the pool before `until`.
    ///
    /// sqlx's pool waits out its timeout while a server refuses connections, and then reports that
    /// the pool timed out. Therefore a call that has waited for [`PATIENCE`], while the pool is not
    /// [busy](Self::is_busy), asks the server directly and reports the server's answer. Waiting calls
    /// ask one at a time.
    ///
    /// | dropped or late during | the connection |
    /// |---|---|
    /// | the pool's `acquire` | closed if it was being opened or tried, otherwise still in the pool |
    /// | the hook `after_connect` | closed, and its place is free |
    /// | the question to the server | closed; it never was in the pool |
    pub(super) async fn wait(
        &self,
        by: Borrower,
        now: Instant,
        until: Instant,
        timer: &mut Timer,
    ) -> Result<(PoolConnection<DB>, Origin, Option<Arc<Signals>>)> {
        let _waiting = self.held.wait(by, now);
        let has_room = self.has_room();
        let mut acquiring = std::pin::pin!(self.pool.acquire());
        let pool = PoolId::of(&self.pool);
        let mut waiting = std::pin::pin!(watch_acquire(pool, acquiring.as_mut()));
        let answered = AtomicBool::new(false);
        let patience = until.min(now + PATIENCE);
        let acquired = match timer.until(patience, &mut waiting).await {
            Ok(acquired) => acquired,
            Err(_) => {
                let refused = Box::pin(self.refused(&answered));
                match timer.until(until, select(waiting, refused)).await {
                    Ok(Either::Left((acquired, _))) => acquired,
                    Ok(Either::Right((refusal, _))) => return Err(refusal),
                    Err(_) => Err(sqlx::Error::PoolTimedOut),
                }
            }
        };
        match acquired {
            Ok(found) => {
                // A connection for which a call has waited first was begun at a time that only sqlx
                // knows.
                if found.1 == Origin::New && has_room {
                    self.held.report.opened(now);
                }
                Ok(found)
            }
            Err(error) => Err(self.why_none(error, &answered, now)),
        }
    }

    /// Makes `error` say why there was no connection between `asked` and now.
    fn why_none(&self, error: sqlx::Error, answered: &AtomicBool, asked: Instant) -> Error {
        match (self.file.check(), error) {
            (Err(moved), _) => moved,
            (_, sqlx::Error::PoolTimedOut) => match self.refused_by_hook() {
                Some(refusal) => refusal,
                None => self.timed_out(answered, asked),
            },
            (_, error) => explain::<DB>(&self.pool, error.into()),
        }
    }

    /// Waits until the server refuses a connection for which the pool has room, and returns the
    /// refusal. `answered` tells whether the server accepted the connection when last asked.
    async fn refused(&self, answered: &AtomicBool) -> Error {
        loop {
            if !self.is_busy()
                && let Some(refusal) = self.ask(answered).await
            {
                return refusal;
            }
            sleep(PATIENCE).await;
        }
    }

    /// Returns why a connection cannot be opened, or `None` if the server accepts one or gives no
    /// answer. The server is asked for a connection outside the pool, unless its last answer is still
    /// fresh.
    async fn ask(&self, answered: &AtomicBool) -> Option<Error> {
        // A replaced file and a hook that fails are reported at once, because the pool itself would
        // go on trying.
        if let Err(moved) = self.file.check() {
            return Some(moved);
        }
        if let Some(refusal) = self.refused_by_hook() {
            return Some(refusal);
        }
        let mut last = self.last_answer.lock().await;
        let fresh = last
            .as_ref()
            .filter(|(asked_at, _)| asked_at.elapsed() < ANSWER_HOLDS);
        if fresh.is_none() {
            *last = connect_once(&self.pool).await.map(|answer| {
                let refusal = answer.map_err(|error| (classify::sqlx(&error), error.to_string()));
                (Instant::now(), refusal)
            });
        }
        answered.store(matches!(*last, Some((_, Ok(())))), Ordering::Relaxed);
        let (_, answer) = last.as_ref()?;
        let (class, message) = answer.as_ref().err()?;
        let error = Error::new(*class, message.clone());
        Some(explain::<DB>(&self.pool, error))
    }

    /// Returns the reason why there was no connection between `asked` and now.
    fn timed_out(&self, answered: &AtomicBool, asked: Instant) -> Error {
        let size = self.size();
        if self.is_busy() {
            return exhausted(size, self.one_writer, self.held.sessions());
        }
        if let Some(hook) = &self.hook
            && let Some(unended) = hook.unended()
        {
            return unended;
        }
        // The application may have taken connections from the pool itself, and others may be on
        // their way back.
        if answered.load(Ordering::Relaxed) && self.pool.size() >= size {
            return taken(size);
        }
        unopened(&DB::place(&self.pool.connect_options()), asked.elapsed())
    }

    fn refused_by_hook(&self) -> Option<Error> {
        self.hook.as_ref()?.refusal()
    }

    /// Whether other calls have the connections: they hold all of them, or take turns at them. In
    /// between, a connection is on its way back or to the next call, or is being replaced, and nobody
    /// holds it.
    fn is_busy(&self) -> bool {
        self.held.count() >= self.size() || self.held.has_served_within(PATIENCE)
    }

    /// Whether the pool may open a connection at once.
    fn has_room(&self) -> bool {
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX);
        self.pool.size().saturating_sub(idle) < self.size()
    }

    /// The number of connections that the pool may have.
    pub(crate) fn size(&self) -> u32 {
        self.pool.options().get_max_connections()
    }
}
