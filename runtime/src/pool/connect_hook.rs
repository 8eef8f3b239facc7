//! [`ConnectHook`]: what the application does to each new session of a pool.
//!
//! sqlx tries again and again when the hook of a pool fails, and reports in the end that the pool
//! timed out. So what the hook has said is kept here for the calls that wait.
//!
//! | the hook | the connection | the call that waits |
//! |---|---|---|
//! | returns `Ok` | gets dbop's limits again, then its handlers | gets it |
//! | returns an error, or leaves a transaction of sqlx's open | closed | fails with an error that names the hook |
//! | does not end | closed when the call gives up | fails at the acquire timeout, with an error that names the hook |
//! | is dropped with its call | closed | is gone |

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_core::future::BoxFuture;
use sqlx_core::transaction::TransactionManager;
use tokio::time::{Instant, timeout};

use super::refusal::ANSWER_HOLDS;
use crate::backend::Backend;
use crate::classify;
use crate::error::{Category, Class, Error, ErrorKind, Retry};

type Run<DB> = dyn for<'c> Fn(&'c mut <DB as sqlx::Database>::Connection) -> BoxFuture<'c, sqlx::Result<()>>
    + Send
    + Sync;

/// The function of the application's that prepares a session.
pub(crate) struct AfterConnect<DB: Backend>(Arc<Run<DB>>);

impl<DB: Backend> AfterConnect<DB> {
    pub(crate) fn new<F>(hook: F) -> Self
    where
        F: for<'c> Fn(&'c mut DB::Connection) -> BoxFuture<'c, sqlx::Result<()>>
            + Send
            + Sync
            + 'static,
    {
        Self(Arc::new(hook))
    }
}

impl<DB: Backend> Clone for AfterConnect<DB> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<DB: Backend> fmt::Debug for AfterConnect<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AfterConnect")
    }
}

/// The hook of one pool, and what came of it.
#[derive(Debug)]
pub(super) struct ConnectHook<DB: Backend> {
    hook: AfterConnect<DB>,
    /// How long a run may take on a session that was reset, for which no call waits.
    longest: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many connections the hook is preparing now.
    running: u32,
    /// When the hook last failed, and how. `None` if it has succeeded since.
    failed: Option<(Instant, Failure)>,
}

#[derive(Debug)]
enum Failure {
    /// The hook has returned an error of this class, with this text.
    Refused(Class, String),
    /// The call that the connection was for has gone away or given up.
    CutOff,
}

impl<DB: Backend> ConnectHook<DB> {
    pub(super) fn new(hook: &AfterConnect<DB>, longest: Duration) -> Arc<Self> {
        Arc::new(Self {
            hook: hook.clone(),
            longest,
            state: Mutex::default(),
        })
    }

    /// Lets the hook prepare a session, and puts dbop's limits back afterwards.
    pub(super) async fn run(&self, conn: &mut DB::Connection, read_only: bool) -> sqlx::Result<()> {
        let mut running = Running::of(&self.state);
        let prepared = self.prepare(conn, read_only).await;
        running.failure = prepared
            .as_ref()
            .err()
            .map(|error| Failure::Refused(classify::sqlx(error), error.to_string()));
        prepared
    }

    /// Lets the hook prepare a session again that was reset. `false` if it does not succeed.
    pub(super) async fn run_again(&self, conn: &mut DB::Connection, read_only: bool) -> bool {
        let preparing = self.prepare(conn, read_only);
        matches!(timeout(self.longest, preparing).await, Ok(Ok(())))
    }

    async fn prepare(&self, conn: &mut DB::Connection, read_only: bool) -> sqlx::Result<()> {
        (self.hook.0)(conn).await?;
        if DB::TransactionManager::get_transaction_depth(conn) > 0 {
            let left_open = "it has left a transaction open";
            return Err(sqlx::Error::Configuration(left_open.into()));
        }
        DB::restore_limits(conn, read_only).await
    }

    /// Returns the error with which the hook has refused a connection a moment ago.
    pub(super) fn refusal(&self) -> Option<Error> {
        match lock(&self.state).fresh()? {
            Failure::Refused(class, message) => Some(Error::new(
                *class,
                format!("the hook `after_connect` has refused a new connection: {message}"),
            )),
            Failure::CutOff => None,
        }
    }

    /// Returns the error for a call whose time was up while the hook was preparing a connection.
    pub(super) fn unended(&self) -> Option<Error> {
        let state = lock(&self.state);
        let unended = state.running > 0 || matches!(state.fresh(), Some(Failure::CutOff));
        unended.then(|| {
            let class = Class {
                category: Category::Transient,
                kind: ErrorKind::Timeout,
                retry: Retry::Always,
            };
            let message = "the time was up while the hook `after_connect` was still preparing a new \
                           connection; see what it waits for";
            Error::new(class, message)
        })
    }
}

impl State {
    fn fresh(&self) -> Option<&Failure> {
        let (failed_at, failure) = self.failed.as_ref()?;
        (failed_at.elapsed() < ANSWER_HOLDS).then_some(failure)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A run of a hook, which leaves when it is dropped what came of it.
struct Running<'a> {
    state: &'a Mutex<State>,
    failure: Option<Failure>,
}

impl<'a> Running<'a> {
    fn of(state: &'a Mutex<State>) -> Self {
        lock(state).running += 1;
        Self {
            state,
            failure: Some(Failure::CutOff),
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = lock(self.state);
        state.running -= 1;
        state.failed = self.failure.take().map(|failure| (Instant::now(), failure));
    }
}
