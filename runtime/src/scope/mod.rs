//! What the caller of an operation may pass for the operation's session.
//!
//! An operation that takes its session by value asks for a [`SessionScope`], or for a [`Scope`] if
//! the operation is a transaction. An operation that takes `&mut` asks for the same things behind
//! that `&mut`: a [`SessionPlace`] or a [`Place`]. An operation that is written once for two databases
//! asks for an [`AnySessionScope`] or an [`AnyScope`], and an operation that names its plain twin for a
//! [`TwoWaySessionScope`] or a [`TwoWayScope`].

mod any;
mod two_way;

use std::fmt::Debug;
use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{Pool, Transaction};

pub(crate) use any::HasAnySource;
pub use any::{AnyScope, AnySessionScope};
#[cfg(feature = "blocking")]
pub(crate) use two_way::{AsyncWay, Halves};
pub use two_way::{TwoWayScope, TwoWaySessionScope};

use crate::backend::{Backend, Dialect, KnownDatabase};
use crate::db::{AnyDb, Db};
use crate::session::{Conn, Tx, View};

/// What the caller of a `#[db_op]` on the database `DB` may pass: whatever is a [`Scope`], and a
/// [`Conn`] as well.
///
/// The table of [`Scope`] says what each argument means. Functions of your own pass a scope on:
///
/// ```
/// use dbop::{Conn, SessionScope, db_op};
/// use sqlx::Sqlite;
///
/// #[db_op(read_only)]
/// async fn balance(conn: &mut Conn<'_, Sqlite>, id: i64) -> dbop::Result<i64> {
///     let cents = sqlx::query_scalar("SELECT cents FROM accounts WHERE id = ?");
///     Ok(cents.bind(id).fetch_one(&mut *conn).await?)
/// }
///
/// async fn is_rich(scope: impl SessionScope<Sqlite>, id: i64) -> dbop::Result<bool> {
///     Ok(balance(scope, id).await? > 1_000_000)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not where an operation on `{DB}` can get its session from",
    label = "expected `&Db<{DB}>`, `&sqlx::Pool<{DB}>`, `&mut Conn<'_, {DB}>` or a `&mut` connection",
    note = "pass `&db` or `&pool` for a session of its own, or `&mut *conn` to run on the caller's session",
    note = "if the caller takes any executor itself, annotate the caller first",
    note = "for an `AnyDb`, write `#[db_op(on = [Sqlite, Postgres])]`, or pass what its `as_sqlite()` or `as_postgres()` returns",
    note = "for a `TwoWayDb`, name the plain twin by `#[db_op(plain = ..)]`, or pass what its `as_async()` returns"
)]
pub trait SessionScope<DB: Backend>: TwoWaySessionScope<DB> {}

/// What the caller of a `#[transactional]` on the database `DB` may pass.
///
/// | pass | `#[db_op]` | `#[transactional]` |
/// |---|---|---|
/// | `&db`, a [`Db`] or `Arc<Db>` | a session of its own | a transaction of its own |
/// | `&pool`, a `sqlx::Pool` | a session of its own | a transaction of its own |
/// | `&mut *tx`, a [`Tx`] | runs in that transaction | joins that transaction |
/// | `&mut *conn`, a [`Conn`] | runs on that session | refused when compiled |
/// | `&mut *tx`, a `sqlx::Transaction` | runs in that transaction, once | joins that transaction by a savepoint, once |
/// | `&mut *conn`, sqlx's own connection or `PoolConnection` | runs on that connection, once | begins and ends a transaction on that connection, once |
///
/// Write the reborrow `&mut *tx`, not `tx`: a generic parameter would move `tx`.
///
/// The methods of a trait take a scope, so that annotated functions can implement them:
///
/// ```
/// use dbop::{Scope, Tx, transactional};
/// use sqlx::Sqlite;
///
/// trait Accounts {
///     async fn open(&self, tx: impl Scope<Sqlite>, owner: &str) -> dbop::Result<i64>;
/// }
///
/// struct Bank;
///
/// impl Accounts for Bank {
///     #[transactional]
///     async fn open(&self, tx: &mut Tx<'_, Sqlite>, owner: &str) -> dbop::Result<i64> {
///         let insert = sqlx::query_scalar("INSERT INTO accounts (owner) VALUES (?) RETURNING id");
///         Ok(insert.bind(owner).fetch_one(&mut *tx).await?)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not where a transaction on `{DB}` can begin, and no transaction to join",
    label = "expected `&Db<{DB}>`, `&sqlx::Pool<{DB}>`, `&mut Tx<'_, {DB}>` or a `&mut` connection",
    note = "pass `&db` or `&pool` for a transaction of its own, or `&mut *tx` to join the caller's transaction",
    note = "if the caller is a `#[db_op]`, or takes any executor itself, make the caller `#[transactional]` first",
    note = "for an `AnyDb`, write `#[transactional(on = [Sqlite, Postgres])]`, or pass what its `as_sqlite()` or `as_postgres()` returns",
    note = "for a `TwoWayDb`, name the plain twin by `#[transactional(plain = ..)]`, or pass what its `as_async()` returns"
)]
pub trait Scope<DB: Backend>: SessionScope<DB> + TwoWayScope<DB> {}

/// What may stand behind the `&mut` that a `#[db_op]` takes, as in `conn: &mut PgConnection`:
/// whatever is a [`Place`], and a [`Conn`] as well.
///
/// ```
/// use dbop::{Db, db_op};
/// use sqlx::{Connection, Sqlite, SqliteConnection};
///
/// #[db_op(read_only)] // callers see `conn: &mut impl SessionPlace<Sqlite>`
/// async fn balance(conn: &mut SqliteConnection, id: i64) -> dbop::Result<i64> {
///     let cents = sqlx::query_scalar("SELECT cents FROM accounts WHERE id = ?");
///     Ok(cents.bind(id).fetch_one(conn).await?)
/// }
///
/// async fn callers(db: &Db<Sqlite>, conn: &mut SqliteConnection) -> dbop::Result<()> {
///     balance(conn, 1).await?; // runs once
///     balance(&mut &*db, 1).await?; // has a session of its own, and is retried
///     Ok(())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "an operation on `{DB}` cannot run on a `{Self}`",
    label = "expected a connection, a transaction, a `Conn` or a `Tx` of `{DB}`",
    note = "pass `&mut conn`, or `&mut &db` or `&mut &pool` for a session of its own"
)]
pub trait SessionPlace<DB: Backend>: Debug + Send + sealed::HasSource<DB> {}

/// What may stand behind the `&mut` that a `#[transactional]` takes, as in `conn: &mut
/// PgConnection`.
///
/// A caller passes `&mut conn` for sqlx's connection, `PoolConnection` or `Transaction`, `&mut tx`
/// for a [`Tx`], and `&mut &db` or `&mut &pool` for a transaction of its own. The table of [`Scope`]
/// says what each of them means.
///
/// ```
/// use dbop::transactional;
/// use sqlx::{Connection, SqliteConnection};
///
/// #[transactional] // callers see `conn: &mut impl Place<Sqlite>`
/// async fn close(conn: &mut SqliteConnection, id: i64) -> sqlx::Result<()> {
///     sqlx::query("UPDATE accounts SET closed = 1 WHERE id = ?").bind(id).execute(conn).await?;
///     Ok(())
/// }
///
/// async fn callers(conn: &mut SqliteConnection) -> sqlx::Result<()> {
///     close(conn, 1).await?; // begins a transaction on `conn`, and commits it
///     let mut tx = conn.begin().await?;
///     close(&mut tx, 2).await?; // joins the transaction by a savepoint
///     tx.commit().await
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a transaction on `{DB}` cannot begin on a `{Self}`, and cannot join one",
    label = "expected a connection, a transaction or a `Tx` of `{DB}`",
    note = "pass `&mut tx` to join the caller's transaction, or `&mut &db` or `&mut &pool` for a transaction of its own"
)]
pub trait Place<DB: Backend>: SessionPlace<DB> {}

/// What a scope or a place is, as one type for all kinds.
#[derive(Debug)]
pub enum Source<'a, DB: Backend> {
    /// The operation gets a session of its own from this handle.
    Db(&'a Db<DB>),
    /// The operation gets a session of its own from a pool that dbop did not make.
    Pool(&'a Pool<DB>),
    /// The operation joins the session of the operation that calls it, or its transaction if the
    /// session has one.
    Joined(View<'a, DB>),
    /// The operation runs on a connection of the caller's that dbop knows nothing about.
    Raw(&'a mut DB::Connection),
    /// The operation runs on a connection that the caller has from a pool, and that can be closed.
    Pooled(&'a mut PoolConnection<DB>),
}

pub(crate) mod sealed {
    use super::{Backend, Source};

    pub trait HasSource<DB: Backend> {
        /// Returns where the session comes from.
        fn source(&mut self) -> Source<'_, DB>;

        /// Returns both halves of a handle that has two.
        #[cfg(feature = "blocking")]
        fn halves(&self) -> Option<super::Halves<'_>> {
            None
        }
    }
}

use sealed::HasSource;

impl<DB: Backend, T: HasSource<DB> + ?Sized> HasSource<DB> for &mut T {
    fn source(&mut self) -> Source<'_, DB> {
        T::source(self)
    }

    #[cfg(feature = "blocking")]
    fn halves(&self) -> Option<Halves<'_>> {
        T::halves(self)
    }
}

#[diagnostic::do_not_recommend]
impl<DB: Backend, T: SessionPlace<DB> + ?Sized> TwoWaySessionScope<DB> for &mut T {}
#[diagnostic::do_not_recommend]
impl<DB: Backend, T: SessionPlace<DB> + ?Sized> SessionScope<DB> for &mut T {}

#[diagnostic::do_not_recommend]
impl<DB: Backend, T: Place<DB> + ?Sized> TwoWayScope<DB> for &mut T {}
#[diagnostic::do_not_recommend]
impl<DB: Backend, T: Place<DB> + ?Sized> Scope<DB> for &mut T {}

macro_rules! role {
    ($role:ty, for [$($generic:tt)*] $type:ty) => {
        // The message of the trait lists what callers pass.
        #[diagnostic::do_not_recommend]
        impl<$($generic)*> $role for $type {}
    };
}

macro_rules! source {
    ([$($generic:tt)*] $type:ty, $db:ty, $this:ident => $source:expr) => {
        impl<$($generic)*> HasSource<$db> for $type {
            fn source(&mut self) -> Source<'_, $db> {
                let $this = self;
                $source
            }
        }

        impl<$($generic)*> HasAnySource for $type {
            #[cfg(all(feature = "sqlite", feature = "postgres"))]
            type Choice = <$db as Dialect>::Choice;

            fn database(&self) -> KnownDatabase {
                <$db as Dialect>::DATABASE
            }

            fn source_on<Same: Backend>(&mut self) -> Source<'_, Same> {
                HasSource::<$db>::source(self).on()
            }
        }
    };
}

/// A handle or a pool, which opens a session of the operation's own.
macro_rules! handle {
    ($generics:tt $type:ty, $this:ident => $source:expr) => {
        source!($generics $type, DB, $this => $source);
        role!(TwoWaySessionScope<DB>, for $generics $type);
        role!(TwoWayScope<DB>, for $generics $type);
        role!(SessionScope<DB>, for $generics $type);
        role!(Scope<DB>, for $generics $type);
        role!(SessionPlace<DB>, for $generics $type);
        role!(Place<DB>, for $generics $type);
        role!(AnySessionScope, for $generics $type);
        role!(AnyScope, for $generics $type);
    };
}

/// A session or a connection of the caller's. One more `&mut` is allowed: a caller that has `conn:
/// &mut PgConnection` may write `&mut conn`.
macro_rules! lent {
    ($generics:tt $type:ty, $db:ty, $this:ident => $source:expr, $($place:ident $any:ident)+) => {
        source!($generics $type, $db, $this => $source);
        $(
            role!($place<$db>, for $generics $type);
            role!($place<$db>, for $generics &mut $type);
            role!($any, for $generics &mut $type);
            role!($any, for $generics &mut &mut $type);
        )+
    };
}

handle!([DB: Backend] &Db<DB>, this => Source::Db(this));
handle!([DB: Backend] &Arc<Db<DB>>, this => Source::Db(this));
handle!([DB: Backend] &Pool<DB>, this => Source::Pool(this));
lent!([DB: Backend] Tx<'_, DB>, DB, this => Source::Joined(this.view.reborrow()), SessionPlace AnySessionScope Place AnyScope);
lent!([DB: Backend] Conn<'_, DB>, DB, this => Source::Joined(this.view.reborrow()), SessionPlace AnySessionScope);
lent!([DB: Backend] PoolConnection<DB>, DB, this => Source::Pooled(this), SessionPlace AnySessionScope Place AnyScope);
lent!([DB: Backend] Transaction<'_, DB>, DB, this => Source::Raw(&mut **this), SessionPlace AnySessionScope Place AnyScope);
#[cfg(feature = "sqlite")]
lent!([] sqlx::SqliteConnection, sqlx::Sqlite, this => Source::Raw(this), SessionPlace AnySessionScope Place AnyScope);
#[cfg(feature = "postgres")]
lent!([] sqlx::PgConnection, sqlx::Postgres, this => Source::Raw(this), SessionPlace AnySessionScope Place AnyScope);

/// The transaction that the caller has lent, or else what the option `db` names.
#[derive(Debug)]
pub enum LentOr<'t, 'c, DB: Backend, S> {
    /// The caller's transaction.
    Lent(&'t mut Transaction<'c, DB>),
    /// The handle or the pool, because the caller has lent nothing.
    Own(S),
}

impl<DB: Backend, S: Scope<DB>> HasSource<DB> for LentOr<'_, '_, DB, S> {
    fn source(&mut self) -> Source<'_, DB> {
        match self {
            Self::Lent(transaction) => Source::Raw(&mut ***transaction),
            Self::Own(scope) => scope.source(),
        }
    }
}

#[diagnostic::do_not_recommend]
impl<DB: Backend, S: Scope<DB>> TwoWaySessionScope<DB> for LentOr<'_, '_, DB, S> {}
#[diagnostic::do_not_recommend]
impl<DB: Backend, S: Scope<DB>> TwoWayScope<DB> for LentOr<'_, '_, DB, S> {}
#[diagnostic::do_not_recommend]
impl<DB: Backend, S: Scope<DB>> SessionScope<DB> for LentOr<'_, '_, DB, S> {}
#[diagnostic::do_not_recommend]
impl<DB: Backend, S: Scope<DB>> Scope<DB> for LentOr<'_, '_, DB, S> {}

/// Returns the scope of a call whose caller may have lent a transaction.
pub fn lent_or<'t, 'c, DB: Backend, S: Scope<DB>>(
    lent: Option<&'t mut Transaction<'c, DB>>,
    own: S,
) -> LentOr<'t, 'c, DB, S> {
    match lent {
        Some(transaction) => LentOr::Lent(transaction),
        None => LentOr::Own(own),
    }
}

/// Lends the handle or pool that `db = ..` names. The expression may have any number of references:
/// a method call resolves them by itself.
pub trait AsScope {
    /// `&Db<_>` or `&Pool<_>`.
    type Scope<'a>
    where
        Self: 'a;

    /// Returns a reference to the handle or pool.
    fn as_scope(&self) -> Self::Scope<'_>;
}

impl<DB: Backend> AsScope for Db<DB> {
    type Scope<'a> = &'a Self;

    fn as_scope(&self) -> &Self {
        self
    }
}

impl<DB: Backend> AsScope for Pool<DB> {
    type Scope<'a> = &'a Self;

    fn as_scope(&self) -> &Self {
        self
    }
}

impl AsScope for AnyDb {
    type Scope<'a> = &'a Self;

    fn as_scope(&self) -> &Self {
        self
    }
}
