//! [`AdvisoryLock`]: PostgreSQL's advisory locks, held for longer than a statement or a transaction.

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

/// How long an answer may take that the server has no reason to put off.
const ANSWER: Duration = Duration::from_secs(5);
/// How often the server is asked whether it is there: a connection that breaks without a sign is lost
/// after this and [`ANSWER`] at the latest.
const ASK_EVERY: Duration = Duration::from_secs(3);

/// Prepares the session, and says which one it is. A lock is waited for as long as the caller can wait,
/// which says itself that it was a lock; and nothing ends the session while it idles or waits. A
/// setting that this version of the server does not have is left out.
const PREPARE: &str = "SELECT pg_backend_pid(), count(set_config(
        name, CASE name WHEN 'lock_timeout' THEN $1 ELSE '0' END, false
    ))
    FROM pg_settings
    WHERE name IN (
        'lock_timeout', 'statement_timeout', 'transaction_timeout', 'idle_session_timeout'
    )";

/// The key of an advisory lock, in PostgreSQL's own spaces of keys: a program in another language that
/// takes the same key excludes this one, and is excluded
/// (<https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADVISORY-LOCKS>).
///
/// | from | on the server |
/// |---|---|
/// | `i64` | `pg_advisory_lock(key)` |
/// | `(i32, i32)` | `pg_advisory_lock(key1, key2)`, a space of its own |
/// | `&str`, `String` | `pg_advisory_lock(hashtextextended(key, 0))`: among the numbers of `i64` |
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
    /// The arguments of the server's functions.
    fn arguments(&self) -> &'static str {
        match self.0 {
            Key::Number(_) => "$1",
            Key::Pair(..) => "$1, $2",
            Key::Text(_) => "hashtextextended($1, 0)",
        }
    }

    /// The number that `pg_locks` shows in two halves, and which of the two spaces it is of.
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

    /// Calls one of the server's functions, and returns its answer if it has one.
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
    /// Takes an advisory lock, and waits until it is free. At most one [`AdvisoryLock`] of a key exists
    /// in all programs that use the database, for as long as its connection lives: see there for what
    /// that means.
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
    /// A caller that goes away while it waits leaves neither a lock nor a place in the queue: from
    /// PostgreSQL 14 on within a tenth of a second, before that when its turn comes.
    ///
    /// # Errors
    ///
    /// [`Kind::Lock`] if it was not free within the [`timeout`](crate::Builder::timeout) of the handle,
    /// with the session that holds it, if the server tells; whatever is said about a connection that
    /// cannot be opened, or is lost. The lock is not held then.
    pub async fn advisory_lock(&self, key: impl Into<AdvisoryKey>) -> Result<AdvisoryLock> {
        let key = key.into();
        match self.take(key.clone(), Function::Lock).await? {
            Some(lock) => Ok(lock),
            None => Err(finished(held_by_another(&key, Duration::ZERO, None))),
        }
    }

    /// Takes an advisory lock if it is free; `None` if another session holds it. Otherwise as
    /// [`advisory_lock`](Self::advisory_lock).
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
    /// What is said about a connection that cannot be opened, or is lost.
    pub async fn try_advisory_lock(
        &self,
        key: impl Into<AdvisoryKey>,
    ) -> Result<Option<AdvisoryLock>> {
        self.take(key.into(), Function::TryLock).await
    }

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
        // In the runtime that always runs: a guard may be dropped when the caller's does not, or is
        // gone, and the lock is to be free then.
        drop(background().spawn(keep(request, granted)));
        let gone = |_| Err(not_there("the task that keeps the lock has ended"));
        let grip = answer.await.unwrap_or_else(gone);
        Ok(grip
            .map_err(finished)?
            .map(|grip| AdvisoryLock { key, grip }))
    }
}

/// A session-level advisory lock of PostgreSQL, held until it is [released](Self::release) or dropped:
/// also across awaits on other services, and beside any calls on the same [`Db`].
///
/// Made by [`Db::advisory_lock`] and [`Db::try_advisory_lock`].
///
/// # What it promises
///
/// While [`is_held`](Self::is_held) is true, the server lets no other session have the lock. It lives
/// in a session of its own, which the server does not end for idling, and which stays when the
/// handle's pools are closed. Each guard has its own session, so a task that asks for a key that it
/// already holds waits for itself.
///
/// # What it cannot promise
///
/// A lock lasts as long as its connection. Where that is lost, because the server was restarted, the
/// session was terminated or the network is gone, the server gives the lock to the next one, and the
/// program that lost it learns so a little later: at once where the connection was closed, within
/// eight seconds where the network is silent. What must not happen twice, or by two at once, therefore
/// needs a second guard that the database checks, such as a number that grows with each holder and that
/// every write compares (a fencing token), or a `once` operation.
///
/// A pooler that hands out server sessions by the transaction, such as PgBouncer with
/// `pool_mode = transaction`, breaks it: there each statement may run in another session. Give the
/// handle a URL of the server itself.
#[must_use = "the lock is released when the guard is dropped"]
pub struct AdvisoryLock {
    key: AdvisoryKey,
    grip: Grip,
}

impl AdvisoryLock {
    /// The key that was asked for.
    #[must_use]
    pub fn key(&self) -> &AdvisoryKey {
        &self.key
    }

    /// Whether the lock's connection is there, as far as is known: see [what it cannot
    /// promise](Self#what-it-cannot-promise).
    #[must_use]
    pub fn is_held(&self) -> bool {
        // Without its keeper, nobody has the connection any more.
        self.grip.held.has_changed().is_ok() && *self.grip.held.borrow()
    }

    /// Waits until the lock is lost; for ever, if it never is. The guard may be used meanwhile.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut held = self.grip.held.clone();
        async move { drop(held.wait_for(|held| !held).await) }
    }

    /// Releases the lock, and waits until the server has said so. Dropped half-way, it is released all
    /// the same.
    ///
    /// # Errors
    ///
    /// [`Kind::Connection`] if the lock was lost before: another session may have held it meanwhile.
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

/// What a guard has of its keeper. Dropped, it lets the lock go.
#[derive(Debug)]
struct Grip {
    release: oneshot::Sender<Reply>,
    held: watch::Receiver<bool>,
}

struct Request {
    options: PgConnectOptions,
    key: AdvisoryKey,
    function: Function,
    patience: Duration,
    patience_to_connect: Duration,
}

/// Takes the lock and keeps it until it is released or lost. This owns the connection, and is the only
/// one to use it.
async fn keep(request: Request, mut granted: oneshot::Sender<Result<Option<Grip>>>) {
    let taken = match select(pin!(request.take()), pin!(granted.closed())).await {
        Either::Left((taken, _)) => taken,
        // Nobody waits any more, and the session is closed with this.
        Either::Right(((), _)) => return,
    };
    let mut session = match taken {
        Ok(Some(session)) => session,
        other => return drop(granted.send(other.map(|_| None))),
    };
    let (release, mut asked) = oneshot::channel();
    let (alive, held) = watch::channel(true);
    // If the caller has gone away by now, its grip has been dropped.
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
    /// Opens a session and takes the lock in it; `None`: it is not free. Dropped half-way, the session
    /// is closed, and the server takes a statement that waits for the lock out of the queue.
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

    /// The pool waits while a server refuses connections, and then says nothing of that.
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

    /// The error of a lock that was not granted in time names who holds it, if the server tells.
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

async fn prepare(conn: &mut PgConnection, patience: Duration) -> sqlx::Result<i32> {
    let patience = milliseconds(patience).to_string();
    let row = sqlx::query(PREPARE).bind(patience).fetch_one(conn).await?;
    row.try_get(0)
}

/// A session on which a statement may be running: it is closed when dropped, which the server notices.
struct Fresh(Option<PoolConnection<Postgres>>);

impl Fresh {
    fn conn(&mut self) -> &mut PgConnection {
        self.0.as_mut().expect("present until dropped or settled")
    }

    /// Goes on as a listener, which gets the connection from its pool. `None`: it was lost meanwhile, and
    /// the pool has opened another.
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
    /// It listens to no channel. It is the one thing in sqlx that waits for what the server sends
    /// without asking anything, and so sees at once that the connection was closed.
    listener: PgListener,
}

/// Who wants to know whether the lock was still held when it was released.
type Reply = oneshot::Sender<bool>;

enum Heard {
    /// The lock is to be released; `None`: its guard was dropped.
    Asked(Option<Reply>),
    /// The server has closed the connection.
    Lost,
    Something,
    Nothing,
}

impl Session {
    /// Waits until the lock is to be released, or its connection is lost (`None`).
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
        // First, so that the connection is not kept when it comes back.
        let closed = self.pool.close();
        drop(self.listener);
        let _ = timeout(ANSWER, closed).await;
    }
}

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

/// A connection that goes away before the caller has the lock.
fn not_there(what: &'static str) -> Error {
    let class = Class {
        category: Category::Transient,
        kind: Kind::Connection,
        retry: Retry::Always,
    };
    Error::new(class, what)
}

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

/// The lock was not taken.
fn finished(mut error: Error) -> Error {
    error.finish(Ended::outermost("advisory_lock", 1, Outcome::RolledBack));
    error
}
