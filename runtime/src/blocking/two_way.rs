//! [`TwoWayDb`]: one handle with an async and a plain half, and the choice between them.
//!
//! The choice waits for nothing. A call whose future is dropped is dropped in the one function that it
//! runs, and the table of that kind of call says what holds: `call/mod.rs` or `call.rs`. Nothing is ever
//! tried on the other half, so an effect that may have been applied on one is not applied again there.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::connection::SyncConnection;
use super::manager::{AnyManager, Manager};
use super::pool::BlockingDb;
use crate::backend::Backend;
use crate::call::{CallLoop, CallSpan};
use crate::db::{Db, DbBuilder};
use crate::error::{Error, ErrorKind, Result};
use crate::health::{Health, HealthStatus, Readiness};
use crate::monitor::SessionInfo;
use crate::op::{Op, OpResult};
use crate::policy::Shutdown;
use crate::scope::{AsScope, AsyncWay, Halves, TwoWayScope, TwoWaySessionScope};
use crate::scope::{Source, sealed::HasSource};

/// Two ways to one database, for an application that moves from sync to async: an async half, which
/// is a [`Db`], and a plain half, which is a [`BlockingDb`]. One switch says which half calls take. A
/// clone is another handle to the same pools, with a switch of its own.
///
/// ```
/// # #[cfg(all(feature = "rusqlite", feature = "sqlite"))]
/// # mod example {
/// use dbop::{BlockingDb, Conn, Db, TwoWayDb, db_op};
/// use r2d2_sqlite::SqliteConnectionManager;
/// use sqlx::Sqlite;
///
/// #[db_op]
/// fn add_user_plain(conn: &mut rusqlite::Connection, name: &str) -> dbop::Result<i64> {
///     conn.execute("INSERT INTO users (name) VALUES (?1)", [name])?;
///     Ok(conn.last_insert_rowid())
/// }
///
/// #[db_op(plain = add_user_plain)]
/// async fn add_user(conn: &mut Conn<'_, Sqlite>, name: &str) -> dbop::Result<i64> {
///     let insert = sqlx::query_scalar("INSERT INTO users (name) VALUES (?) RETURNING id");
///     Ok(insert.bind(name).fetch_one(&mut *conn).await?)
/// }
///
/// # pub
/// async fn example() -> dbop::Result<()> {
///     let plain = BlockingDb::builder(SqliteConnectionManager::file("app.db")).env()?.build();
///     let builder = Db::<Sqlite>::builder().env()?.url("sqlite:app.db?mode=rwc");
///     let db = TwoWayDb::open(builder, plain).await?;
///     add_user(&db, "Ada").await?; // `add_user_plain` if `ASYNC_DATABASE_ENABLED` is `false`
///     add_user(db.as_async(), "Bob").await?; // the async function in any case
///     Ok(())
/// }
/// # }
/// ```
///
/// What `f(&db).await` runs for a function under `#[db_op(plain = g)]` or `#[transactional(plain = g)]`:
///
/// | the scope | `ASYNC_DATABASE_ENABLED` | runs |
/// |---|---|---|
/// | `&db`, a `TwoWayDb` | `true` (the default) | `f`, on the async half |
/// | `&db`, a `TwoWayDb` | `false` | `g`, on the plain half |
/// | anything else: a `&Db`, a pool, a session, a connection | | `f` |
///
/// So a call that joins a session always runs `f`. A function that names no twin does not take a
/// `TwoWayDb`: pass [`as_async`](Self::as_async), or [`as_blocking`](Self::as_blocking) to a plain
/// function.
///
/// Both halves must lead to the same database. Each function has its own options and is counted under
/// its own name, so [`metrics()`](crate::metrics()) shows both side by side.
pub struct TwoWayDb<DB: Backend, C: SyncConnection> {
    db: Db<DB>,
    plain: BlockingDb<AnyManager<C>>,
    is_async: bool,
}

impl<DB: Backend, C: SyncConnection> TwoWayDb<DB, C> {
    /// Puts two handles to one database together. Calls take the async half, unless
    /// [`async_enabled`](Self::async_enabled) says otherwise. The environment is not read.
    ///
    /// Does not compile if the halves are of different databases, such as SQLite and PostgreSQL.
    #[must_use]
    pub fn new<M: Manager<Connection = C>>(db: Db<DB>, plain: BlockingDb<M>) -> Self {
        const {
            assert!(
                is_same(DB::SYSTEM, C::SYSTEM),
                "the two halves of a `TwoWayDb` are of different databases; take a driver of the same database for both"
            );
        }
        Self {
            db,
            plain: plain.with_any_manager(),
            is_async: true,
        }
    }

    /// Opens the async half, and puts it together with the plain half. Where
    /// [`env`](DbBuilder::env) was called on the builder, the variable `ASYNC_DATABASE_ENABLED` (or
    /// `DATABASE_ASYNC_ENABLED`) says which half calls take: `true`, which is the default, the async
    /// half, and `false` the plain half.
    ///
    /// # Errors
    ///
    /// Fails as [`DbBuilder::connect`] does, whichever half calls take: calls inside of async sessions
    /// and checks of the health use the async half in any case. The plain half opens its connections
    /// when they are first needed.
    pub async fn open<M>(mut builder: DbBuilder<DB>, plain: BlockingDb<M>) -> Result<Self>
    where
        M: Manager<Connection = C>,
    {
        let is_async = builder.take_async_enabled();
        let db = builder.connect().await?;
        Ok(Self::new(db, plain).async_enabled(is_async))
    }

    /// Says whether calls take the async half. The default is `true`, or what the environment says to
    /// [`open`](Self::open).
    #[must_use]
    pub fn async_enabled(mut self, on: bool) -> Self {
        self.is_async = on;
        self
    }

    /// Returns whether calls take the async half.
    #[must_use]
    pub fn is_async(&self) -> bool {
        self.is_async
    }

    /// Returns the async half, for migrations, for routes about health, and for functions that have no
    /// plain twin.
    #[must_use]
    pub fn as_async(&self) -> &Db<DB> {
        &self.db
    }

    /// Returns the plain half, for plain functions that have no async version yet.
    #[must_use]
    pub fn as_blocking(&self) -> &BlockingDb<AnyManager<C>> {
        &self.plain
    }

    /// Checks whether the database answers, as [`Db::health`] does, and whether either half has
    /// connections to spare. Returns after 1 s at the latest. The question goes over the async half,
    /// and `circuit_breaker` and `pool_statistics` are those of the async half.
    pub async fn health(&self) -> Health {
        let mut health = self.db.health().await;
        let problems = self.plain.problems();
        if health.status == HealthStatus::Healthy && !problems.is_empty() {
            health.status = HealthStatus::Degraded;
        }
        health.problems.extend(problems);
        health
    }

    /// Checks whether calls on this database can be served, as [`health`](Self::health) does. They can
    /// unless the database is [`Unhealthy`](HealthStatus::Unhealthy).
    pub async fn ready(&self) -> Readiness {
        self.health().await.into()
    }

    /// Returns the connections of both halves that calls hold at this moment, those first that are
    /// held for longest.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionInfo> {
        let mut sessions = self.db.sessions();
        sessions.extend(self.plain.sessions());
        sessions.sort_by_key(|session| std::cmp::Reverse(session.held_for));
        sessions
    }

    /// Shuts both halves down at the same time: no call begins any more, calls that run have this long
    /// to finish, and all connections are closed. [`Db::shutdown`] and [`BlockingDb::shutdown`] say what
    /// holds for whom; the result has the calls of both.
    ///
    /// If the future is dropped, no call begins any more all the same, and the next `shutdown` goes on
    /// from there. In the meantime, a call on one half in a body of the other half counts as new, and
    /// is refused.
    pub async fn shutdown(&self, time: Duration) -> Shutdown {
        let halves = futures_util::future::join(self.db.shutdown(time), self.plain.shutdown(time));
        let (of_async, of_plain) = Box::pin(halves).await;
        of_async.and(of_plain)
    }

    /// Closes the connections of both halves and waits until they are gone: a
    /// [`shutdown`](Self::shutdown) whose time is the setting
    /// [`close_timeout`](DbBuilder::close_timeout) of the async half.
    pub async fn close(&self) {
        drop(self.shutdown(self.db.close_timeout()).await);
    }
}

const fn is_same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut at = 0;
    while at < left.len() && at < right.len() && left[at] == right[at] {
        at += 1;
    }
    at == left.len() && at == right.len()
}

impl<DB: Backend, C: SyncConnection> Clone for TwoWayDb<DB, C> {
    fn clone(&self) -> Self {
        Self {
            db: self.db.clone(),
            plain: self.plain.clone(),
            is_async: self.is_async,
        }
    }
}

impl<DB: Backend, C: SyncConnection> fmt::Debug for TwoWayDb<DB, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwoWayDb")
            .field("is_async", &self.is_async)
            .field("db", &self.db)
            .field("plain", &self.plain)
            .finish()
    }
}

macro_rules! two_way_scope {
    ($type:ty) => {
        impl<DB: Backend, C: SyncConnection> HasSource<DB> for $type {
            fn source(&mut self) -> Source<'_, DB> {
                Source::Db(&self.db)
            }

            fn halves(&self) -> Option<Halves<'_>> {
                Some(Halves {
                    is_async: self.is_async,
                    plain: &self.plain,
                    connection: type_name::<C>(),
                })
            }
        }

        #[diagnostic::do_not_recommend]
        impl<DB: Backend, C: SyncConnection> TwoWaySessionScope<DB> for $type {}
        #[diagnostic::do_not_recommend]
        impl<DB: Backend, C: SyncConnection> TwoWayScope<DB> for $type {}
    };
}

two_way_scope!(&TwoWayDb<DB, C>);
two_way_scope!(&Arc<TwoWayDb<DB, C>>);

impl<DB: Backend, C: SyncConnection> AsScope for TwoWayDb<DB, C> {
    type Scope<'a> = &'a Self;

    fn as_scope(&self) -> &Self {
        self
    }
}

/// Which function a call runs. `C` is the type of the twin's connection, which only the twin's
/// signature says.
#[derive(Debug)]
pub enum Way<S, C: SyncConnection> {
    /// The function itself, on this scope.
    Async(AsyncWay<S>),
    /// The plain twin, on this handle.
    Plain(BlockingDb<AnyManager<C>>),
    /// Neither: the twin takes other connections than the handle has. This does not depend on the
    /// switch, so that the mistake is found before somebody needs the other way.
    Unfit(Error),
}

/// Returns which function a call on this scope runs.
pub fn two_ways<DB, S, C>(scope: S) -> Way<S, C>
where
    DB: Backend,
    S: TwoWaySessionScope<DB>,
    C: SyncConnection,
{
    let plain = match scope.halves() {
        None => None,
        Some(halves) => match halves.plain.downcast_ref::<BlockingDb<AnyManager<C>>>() {
            None => return Way::Unfit(other_connection::<C>(halves.connection)),
            Some(plain) => (!halves.is_async).then(|| plain.clone()),
        },
    };
    plain.map_or(Way::Async(AsyncWay(scope)), Way::Plain)
}

fn other_connection<C>(of_handle: &str) -> Error {
    let message = format!(
        "the plain twin takes a `{}`, and the plain half of this `TwoWayDb` has connections of the \
         type `{of_handle}`; take the same driver for both",
        type_name::<C>()
    );
    Error::programming(ErrorKind::Configuration, message)
}

/// Ends a call for which there is no way.
pub fn unfit<DB: Backend, R: OpResult>(op: &'static Op, error: Error) -> R {
    let span = CallSpan::without_location(op, DB::SYSTEM);
    let mut call = CallLoop::new(op, DB::SYSTEM, span, Duration::ZERO);
    call.refuse(error);
    call.finish()
}

/// The call of a plain twin: a future.
#[diagnostic::on_unimplemented(
    message = "the function that `plain` names is not a plain operation of dbop",
    label = "returns `{Self}`, and no future",
    note = "put `#[db_op]` or `#[transactional]` on the plain `fn` as well"
)]
pub trait TwinCall: Future {}

#[diagnostic::do_not_recommend]
impl<F: Future> TwinCall for F {}

/// The result of a plain twin, if that is also the result `R` of the async function.
#[diagnostic::on_unimplemented(
    message = "the plain twin returns `{Self}`, and this function returns `{R}`",
    label = "another result than that of this function",
    note = "give both functions the same arguments and the same result"
)]
pub trait TwinResult<R> {
    /// Returns the result.
    fn result(self) -> R;
}

#[diagnostic::do_not_recommend]
impl<R> TwinResult<R> for R {
    fn result(self) -> R {
        self
    }
}

/// Passes on the call of a plain twin, and checks that it is one.
pub fn twin_call<F: TwinCall>(call: F) -> F {
    call
}

/// Passes on the result of a plain twin, and checks that its type is that of the async function.
pub fn twin_result<R, T: TwinResult<R>>(result: T) -> R {
    result.result()
}
