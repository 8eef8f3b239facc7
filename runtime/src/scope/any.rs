//! What the caller of an operation on either database may pass.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use super::Source;
use crate::backend::{Backend, KnownDatabase};
use crate::db::{AnyDb, Db};
use crate::session::View;

/// What the caller of a `#[db_op(on = [Sqlite, Postgres])]` may pass: whatever is an [`AnyScope`],
/// and a [`Conn`](crate::Conn) of either database as well.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not where an operation on any database can get its session from",
    label = "expected `&AnyDb`, `&Db<_>`, `&sqlx::Pool<_>`, `&mut Conn<'_, _>` or a `&mut` connection",
    note = "pass `&db` or `&pool` for a session of its own, or `&mut *conn` to run on the caller's session"
)]
pub trait AnySessionScope: Debug + Send + HasAnySource {}

/// What the caller of a `#[transactional(on = [Sqlite, Postgres])]` may pass: `&db`, an
/// [`AnyDb`], and for either database whatever is a [`Scope`](crate::Scope).
///
/// The body is compiled once for each database. A scope whose type says the database, such as
/// `&Db<Sqlite>`, costs only what an operation on that database costs.
///
/// ```
/// use dbop::{AnyScope, Tx, transactional};
///
/// #[transactional(on = [Sqlite, Postgres])]
/// async fn open(tx: &mut Tx<'_, DB>, owner: &str) -> dbop::Result<i64> {
///     let insert = sqlx::query_scalar("INSERT INTO accounts (owner) VALUES ($1) RETURNING id");
///     Ok(insert.bind(owner).fetch_one(&mut *tx).await?)
/// }
///
/// async fn open_two(db: &dbop::AnyDb) -> dbop::Result<()> {
///     open(db, "Ada").await?;
///     open(db, "Bob").await?;
///     Ok(())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not where a transaction on any database can begin, and no transaction to join",
    label = "expected `&AnyDb`, `&Db<_>`, `&sqlx::Pool<_>`, `&mut Tx<'_, _>` or a `&mut` connection",
    note = "pass `&db` or `&pool` for a transaction of its own, or `&mut *tx` to join the caller's transaction",
    note = "if the caller is a `#[db_op]`, make the caller `#[transactional]` first"
)]
pub trait AnyScope: AnySessionScope {}

/// What is behind an [`AnySessionScope`].
pub trait HasAnySource {
    /// What the type says about which database there is.
    #[cfg(all(feature = "sqlite", feature = "postgres"))]
    type Choice: crate::backend::choice::Choice;

    /// Returns which database there is.
    fn database(&self) -> KnownDatabase;

    /// Returns where the session comes from. `DB` is the database that there is.
    fn source_on<DB: Backend>(&mut self) -> Source<'_, DB>;
}

impl<T: HasAnySource + ?Sized> HasAnySource for &mut T {
    #[cfg(all(feature = "sqlite", feature = "postgres"))]
    type Choice = T::Choice;

    fn database(&self) -> KnownDatabase {
        T::database(self)
    }

    fn source_on<DB: Backend>(&mut self) -> Source<'_, DB> {
        T::source_on(self)
    }
}

macro_rules! any_db {
    ($type:ty) => {
        impl HasAnySource for $type {
            #[cfg(all(feature = "sqlite", feature = "postgres"))]
            type Choice = crate::backend::choice::OnEither;

            fn database(&self) -> KnownDatabase {
                let db: &AnyDb = self;
                match db {
                    #[cfg(feature = "sqlite")]
                    AnyDb::Sqlite(_) => KnownDatabase::Sqlite,
                    #[cfg(feature = "postgres")]
                    AnyDb::Postgres(_) => KnownDatabase::Postgres,
                }
            }

            fn source_on<DB: Backend>(&mut self) -> Source<'_, DB> {
                let db: &AnyDb = self;
                Source::Db(match db {
                    #[cfg(feature = "sqlite")]
                    AnyDb::Sqlite(db) => same(db),
                    #[cfg(feature = "postgres")]
                    AnyDb::Postgres(db) => same(db),
                })
            }
        }

        #[diagnostic::do_not_recommend]
        impl AnySessionScope for $type {}
        #[diagnostic::do_not_recommend]
        impl AnyScope for $type {}
    };
}

any_db!(&AnyDb);
any_db!(&Arc<AnyDb>);

impl<'a, DB: Backend> Source<'a, DB> {
    /// Returns this source where another name for the database is known, which is the same one.
    pub(crate) fn on<Same: Backend>(self) -> Source<'a, Same> {
        match self {
            Self::Db(db) => Source::Db(same::<Db<DB>, _>(db)),
            Self::Pool(pool) => Source::Pool(same(pool)),
            Self::Joined(View { conn, state }) => Source::Joined(View {
                conn: same_mut(conn),
                state,
            }),
            Self::Raw(conn) => Source::Raw(same_mut(conn)),
            Self::Pooled(conn) => Source::Pooled(same_mut(conn)),
        }
    }
}

const SAME: &str = "the body for the database of the scope runs, and no other";

fn same<T: 'static, Same: 'static>(value: &T) -> &Same {
    let value: &dyn Any = value;
    value.downcast_ref().expect(SAME)
}

fn same_mut<T: 'static, Same: 'static>(value: &mut T) -> &mut Same {
    let value: &mut dyn Any = value;
    value.downcast_mut().expect(SAME)
}
