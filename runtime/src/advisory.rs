//! [`AdvisoryLock`]: an advisory lock of PostgreSQL that is held for longer than a statement or a
//! transaction.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgListener};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgPool, Postgres, Row};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout};

use crate::backend::PoolPlan;
use crate::db::Db;
use crate::error::{Category, Class, Ended, Error, Kind, Outcome, Result, Retry};
use crate::pool::unopened;
use crate::rt::{FOREVER, background, milliseconds};

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

/// The key of an advisory lock. It is a key in PostgreSQL's own key spaces, so this program and a
/// program in another language that takes the same key exclude each other
/// (<https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADVISORY-LOCKS>).
///
/// | made from | on the server |
/// |---|---|
/// | `i64` | `pg_advisory_lock(key)` |
/// | `(i32, i32)` | `pg_advisory_lock(key1, key2)`, in a key space of its own |
/// | `&str`, `String` | `pg_advisory_lock(hashtextextended(key, 0))`, in the key space of `i64` |
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AdvisoryKey(Key);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Number(i64),
    Pair(i32, i32),
    Text(String),
}

impl From<i64> for AdvisoryKey {
    fn from(key: i64) -> Self {
        Self(Key::Number(key))
    }
}

impl From<(i32, i32)> for AdvisoryKey {
    fn from((first, second): (i32, i32)) -> Self {
        Self(Key::Pair(first, second))
    }
}

impl From<&str> for AdvisoryKey {
    fn from(key: &str) -> Self {
        key.to_owned().into()
    }
}

impl From<String> for AdvisoryKey {
    fn from(key: String) -> Self {
        Self(Key::Text(key))
    }
}

impl fmt::Display for AdvisoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Key::Number(key) => write!(f, "{key}"),
            Key::Pair(first, second) => write!(f, "({first}, {second})"),
            Key::Text(key) => f.write_str(key),
        }
    }
}

impl AdvisoryKey {
    /// Returns the arguments for the server's functions, in SQL.
    fn arguments(&self) -> &'static str {
        match self.0 {
            Key::Number(_) => "$1",
            Key::Pair(..) => "$1, $2",
            Key::Text(_) => "hashtextextended($1, 0)",
        }
    }

    /// Returns the number that `pg_locks` shows in two halves, as an SQL expression, and the
    /// `objsubid` of its key space.
    fn in_pg_locks(&self) -> (&'static str, u8) {
        match self.0 {
            Key::Number(_) => ("$1", 1),
            Key::Pair(..) => ("($1::bigint << 32) | ($2::bigint & 4294967295)", 2),
            Key::Text(_) => ("hashtextextended($1, 0)", 1),
        }
    }

    fn bind(&self, sql: String) -> Query<'static, Postgres, PgArguments> {
        let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        match &self.0 {
            Key::Number(key) => query.bind(*key),
            Key::Pair(first, second) => query.bind(*first).bind(*second),
            Key::Text(key) => query.bind(key.clone()),
        }
    }

    /// Calls one of the server's functions, and returns its answer; `true` for a function that
    /// returns nothing.
    async fn call<'c>(
        &self,
        on: impl Executor<'c, Database = Postgres>,
        function: Function,
    ) -> sqlx::Result<bool> {
        let sql = format!("SELECT {}({})", function.name(), self.arguments());
        let row = self.bind(sql).fetch_one(on).await?;
        match function {
            Function::Lock => Ok(true),
            Function::TryLock | Function::Unlock => row.try_get(0),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Lock,
    TryLock,
    Unlock,
}

impl Function {
    fn name(self) -> &'static str {
        match self {
            Self::Lock => "pg_advisory_lock",
            Self::TryLock => "pg_try_advisory_lock",
            Self::Unlock => "pg_advisory_unlock",
        }
    }
}

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
    /// Returns an error of [`Kind::Lock`] if the lock was not free within the
    /// [`timeout`](crate::Builder::timeout) of the handle. The message names the session that holds
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
    /// Returns an error of [`Kind::Connection`] if the lock was lost before, so that another
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
            .field("key", &self.key.0)
            .field("is_held", &self.is_held())
            .finish()
    }
}

/// A guard's end of the channels to its [keeper](keep). Dropping it releases the lock.
#[derive(Debug)]
struct Grip {
    release: oneshot::Sender<Reply>,
    held: watch::Receiver<bool>,
}

/// A request for a lock.
struct Request {
    options: PgConnectOptions,
    key: AdvisoryKey,
    function: Function,
    /// How long the caller can wait, from the start.
    patience: Duration,
    /// How long of that the connection may take.
    patience_to_connect: Duration,
}

/// The keeper of a lock: takes the lock, and keeps it until it is released or lost. The keeper owns
/// the connection, and nothing else uses it.
async fn keep(request: Request, mut granted: oneshot::Sender<Result<Option<Grip>>>) {
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
    async fn take(&self) -> Result<Option<Session>> {
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
        if error.kind() != Kind::Lock {
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
    async fn settle(mut self, pool: PgPool, pid: i32) -> sqlx::Result<Option<Session>> {
        if let Some(mut conn) = self.0.take() {
            conn.return_to_pool().await;
        }
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.ignore_pool_close_event(true);
        listener.eager_reconnect(false);
        let asking = sqlx::query_scalar("SELECT pg_backend_pid()");
        let now: i32 = asking.fetch_one(&mut listener).await?;
        Ok((now == pid).then_some(Session { pool, listener }))
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
struct Session {
    pool: PgPool,
    /// The connection. The listener listens to no channel. It is here because nothing else in sqlx
    /// waits for the server to send something without asking for it, and so notices at once that
    /// the connection was closed.
    listener: PgListener,
}

/// Tells the caller of `release` whether the lock was still held when it was released.
type Reply = oneshot::Sender<bool>;

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

impl Session {
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
fn held_by_another(key: &AdvisoryKey, waited: Duration, holder: Option<(i32, String)>) -> Error {
    let class = Class {
        category: Category::Transient,
        kind: Kind::Lock,
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
fn not_there(what: &'static str) -> Error {
    let class = Class {
        category: Category::Transient,
        kind: Kind::Connection,
        retry: Retry::Always,
    };
    Error::new(class, what)
}

/// Returns the error for a lock that was lost before it was released.
fn lost(key: &AdvisoryKey) -> Error {
    let class = Class {
        category: Category::Transient,
        kind: Kind::Connection,
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
