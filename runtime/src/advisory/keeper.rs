//! The keeper of an advisory lock: a task that owns the connection, on which the lock lives.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener};
use sqlx::{ConnectOptions, Executor, PgPool, Postgres, Row};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout};

use super::key::{AdvisoryKey, Function};
use crate::backend::PoolPlan;
use crate::error::{Category, Class, Error, ErrorKind, Result, Retry};
use crate::pool::unopened;
use crate::rt::milliseconds;

/// How long the server may take to answer a statement that waits for nothing.
const ANSWER: Duration = Duration::from_secs(5);
/// How often the server is asked whether it is still there. A connection that breaks silently is
/// noticed after this time plus [`ANSWER`] at the latest.
const ASK_EVERY: Duration = Duration::from_secs(3);

/// Prepares the session, and returns the id of its process on the server.
///
/// `lock_timeout` becomes the time that the caller can wait, so that the error of a wait that takes
/// too long says that it was for a lock. The other timeouts are switched off, so that nothing ends
/// the session while it is idle or waits. A setting that this version of the server does not have
/// is left out.
const PREPARE: &str = "SELECT pg_backend_pid(), count(set_config(
        name, CASE name WHEN 'lock_timeout' THEN $1 ELSE '0' END, false
    ))
    FROM pg_settings
    WHERE name IN (
        'lock_timeout', 'statement_timeout', 'transaction_timeout', 'idle_session_timeout'
    )";

/// A guard's end of the channels to its [keeper](keep). Dropping it releases the lock.
#[derive(Debug)]
pub(super) struct Grip {
    pub(super) release: oneshot::Sender<Reply>,
    pub(super) held: watch::Receiver<bool>,
}

/// A request for a lock.
pub(super) struct Request {
    pub(super) options: PgConnectOptions,
    pub(super) key: AdvisoryKey,
    pub(super) function: Function,
    /// How long the caller can wait, from the start.
    pub(super) patience: Duration,
    /// How long of that the connection may take.
    pub(super) patience_to_connect: Duration,
}

/// The keeper of a lock: takes the lock, and keeps it until it is released or lost. The keeper owns
/// the connection, and nothing else uses it.
pub(super) async fn keep(request: Request, mut granted: oneshot::Sender<Result<Option<Grip>>>) {
    let taken = match select(pin!(request.take()), pin!(granted.closed())).await {
        Either::Left((taken, _)) => taken,
        // The caller has gone away. Returning drops the session, which closes it.
        Either::Right(((), _)) => return,
    };
    let mut session = match taken {
        Ok(Some(session)) => session,
        other => return drop(granted.send(other.map(|_| None))),
    };
    let (release, mut asked) = oneshot::channel();
    let (alive, held) = watch::channel(true);
    // If the caller has gone away by now, this drops the grip, which releases the lock.
    drop(granted.send(Ok(Some(Grip { release, held }))));
    match session.watch(&mut asked).await {
        Some(reply) => {
            let unlocking = request.key.call(&mut session.listener, Function::Unlock);
            let released = matches!(timeout(ANSWER, unlocking).await, Ok(Ok(true)));
            session.close().await;
            if let Some(reply) = reply {
                let _ = reply.send(released);
            }
        }
        None => {
            tracing::warn!(
                dbop.advisory_key = %request.key,
                "the connection that held an advisory lock was lost, and the lock with it"
            );
            alive.send_replace(false);
        }
    }
}

impl Request {
    /// Opens a session and takes the lock in it. Returns `None` if the lock is not free.
    ///
    /// If the future is dropped half-way, the session is closed, and the server takes a statement
    /// that waits for the lock out of the queue.
    async fn take(&self) -> Result<Option<LockSession>> {
        let begun = Instant::now();
        let pool = PoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .test_before_acquire(false)
            .acquire_timeout(self.patience_to_connect)
            .connect_lazy_with(self.options.clone());
        let mut fresh = Fresh(Some(self.connect(&pool).await?));
        let left = self.patience.saturating_sub(begun.elapsed());
        let preparing = prepare(fresh.conn(), left);
        let pid = timeout(ANSWER, preparing).await;
        let pid = pid.map_err(|_| not_there("the server does not answer"))??;
        let asking = self.key.call(fresh.conn(), self.function);
        match timeout(left + ANSWER, asking).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return Ok(None),
            Ok(Err(error)) => return Err(self.refused(error.into(), fresh.conn()).await),
            Err(_) => return Err(not_there("the server does not answer")),
        }
        let session = timeout(ANSWER, fresh.settle(pool, pid)).await;
        match session.map_err(|_| not_there("the server does not answer"))?? {
            Some(session) => Ok(Some(session)),
            None => Err(not_there(
                "the lock was granted, and its connection was lost",
            )),
        }
    }

    /// Opens the connection. While a server refuses connections, the pool waits, and at last only
    /// says that it has timed out. So this connects once more without the pool, for an error that
    /// says why.
    async fn connect(&self, pool: &PgPool) -> Result<PoolConnection<Postgres>> {
        let asked = Instant::now();
        let error: Error = match pool.acquire().await {
            Ok(conn) => return Ok(conn),
            Err(sqlx::Error::PoolTimedOut) => match timeout(ANSWER, self.options.connect()).await {
                Ok(Err(error)) => error.into(),
                _ => {
                    let place = <Postgres as PoolPlan>::place(&self.options);
                    return Err(unopened(&place, asked.elapsed()));
                }
            },
            Err(error) => error.into(),
        };
        let advice = <Postgres as PoolPlan>::advice(error.kind(), &self.options);
        Err(error.advise(advice))
    }

    /// Returns the error of a lock that was not granted. If the lock was not free in time, the
    /// error names the session that holds it, if the server tells.
    async fn refused(&self, error: Error, conn: &mut PgConnection) -> Error {
        if error.kind() != ErrorKind::Lock {
            return error;
        }
        let (number, space) = self.key.in_pg_locks();
        let holder = self.key.bind(format!(
            "SELECT pid, application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
            WHERE locktype = 'advisory' AND granted AND objsubid = {space}
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND (classid::bigint << 32) | objid::bigint = {number}"
        ));
        let row = timeout(ANSWER, holder.fetch_optional(conn)).await;
        let holder = row.ok().and_then(|row| row.ok()?).and_then(|row| {
            let (pid, name) = (row.try_get::<i32, _>(0).ok()?, row.try_get(1).ok()?);
            Some((pid, name))
        });
        held_by_another(&self.key, self.patience, holder)
    }
}

/// Runs [`PREPARE`], and returns the id of the session's process on the server.
async fn prepare(conn: &mut PgConnection, patience: Duration) -> sqlx::Result<i32> {
    let patience = milliseconds(patience).to_string();
    let row = sqlx::query(PREPARE).bind(patience).fetch_one(conn).await?;
    row.try_get(0)
}

/// A session on which a statement may be running. Dropping it closes the connection, which the
/// server notices.
struct Fresh(Option<PoolConnection<Postgres>>);

impl Fresh {
    fn conn(&mut self) -> &mut PgConnection {
        self.0.as_mut().expect("present until dropped or settled")
    }

    /// Gives the connection back to its pool, from which a listener takes it again. Returns `None`
    /// if the connection was lost in between, so that the pool has opened another one.
    async fn settle(mut self, pool: PgPool, pid: i32) -> sqlx::Result<Option<LockSession>> {
        if let Some(mut conn) = self.0.take() {
            conn.return_to_pool().await;
        }
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.ignore_pool_close_event(true);
        listener.eager_reconnect(false);
        let asking = sqlx::query_scalar("SELECT pg_backend_pid()");
        let now: i32 = asking.fetch_one(&mut listener).await?;
        Ok((now == pid).then_some(LockSession { pool, listener }))
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if let Some(conn) = self.0.take() {
            drop(conn.detach());
        }
    }
}

/// A session that holds a lock, and on which nothing runs.
struct LockSession {
    pool: PgPool,
    /// The connection. The listener listens to no channel. It is here because nothing else in sqlx
    /// waits for the server to send something without asking for it, and so notices at once that
    /// the connection was closed.
    listener: PgListener,
}

/// Tells the caller of `release` whether the lock was still held when it was released.
pub(super) type Reply = oneshot::Sender<bool>;

/// What has ended a wait.
enum Heard {
    /// The lock is to be released. `None` if its guard was dropped, so that nobody waits for a
    /// reply.
    Asked(Option<Reply>),
    /// The server has closed the connection.
    Lost,
    /// The server has sent something.
    Something,
    /// Nothing has happened for [`ASK_EVERY`].
    Nothing,
}

impl LockSession {
    /// Waits until the lock is to be released, and returns who waits for the reply, if anyone.
    /// Returns `None` as the outer option if the connection is lost.
    async fn watch(&mut self, asked: &mut oneshot::Receiver<Reply>) -> Option<Option<Reply>> {
        loop {
            match self.hear(asked).await {
                Heard::Asked(reply) => return Some(reply),
                Heard::Lost => return None,
                Heard::Something => {}
                Heard::Nothing => {
                    let asking = self.listener.execute("SELECT 1");
                    let answer = timeout(ANSWER, asking).await;
                    answer.ok()?.ok()?;
                }
            }
        }
    }

    /// Waits for an order to release the lock, or for the server, for at most [`ASK_EVERY`].
    async fn hear(&mut self, asked: &mut oneshot::Receiver<Reply>) -> Heard {
        let hearing = pin!(self.listener.try_recv());
        match timeout(ASK_EVERY, select(asked, hearing)).await {
            Ok(Either::Left((reply, _))) => Heard::Asked(reply.ok()),
            Ok(Either::Right((Ok(Some(_)), _))) => Heard::Something,
            Ok(Either::Right(_)) => Heard::Lost,
            Err(_) => Heard::Nothing,
        }
    }

    async fn close(self) {
        // The pool is closed before the listener gives the connection back, so that the pool does
        // not keep it.
        let closed = self.pool.close();
        drop(self.listener);
        let _ = timeout(ANSWER, closed).await;
    }
}

/// Returns the error for a lock that another session holds. `holder` is the process id of that
/// session and its `application_name`, if they are known.
pub(super) fn held_by_another(
    key: &AdvisoryKey,
    waited: Duration,
    holder: Option<(i32, String)>,
) -> Error {
    let class = Class {
        category: Category::Transient,
        kind: ErrorKind::Lock,
        retry: Retry::Always,
    };
    let holder = match holder {
        Some((pid, name)) if name.is_empty() => format!(" (process {pid} of the server)"),
        Some((pid, name)) => format!(" (`{name}`, process {pid} of the server)"),
        None => String::new(),
    };
    let message = format!(
        "the advisory lock `{key}` was held by another session{holder} for as long as this call could \
         wait ({waited:?})"
    );
    Error::new(class, message).advise(
        "wait longer with the handle's `timeout`, or do something else meanwhile with \
         `try_advisory_lock`",
    )
}

/// Returns the error for a connection that was lost before the caller has the lock.
pub(super) fn not_there(what: &'static str) -> Error {
    let class = Class {
        category: Category::Transient,
        kind: ErrorKind::Connection,
        retry: Retry::Always,
    };
    Error::new(class, what)
}
