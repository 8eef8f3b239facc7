//! [`Scope`]: what the caller of an operation may pass as its session.

use std::fmt::Debug;
use std::sync::Arc;

use sqlx::Pool;

use crate::backend::Backend;
use crate::db::Db;
use crate::session::{Conn, Tx, View};

/// Where an operation on the database `DB` gets its session from.
///
/// | pass | `#[db_op]` | `#[transactional]` |
/// |---|---|---|
/// | `&db`, a [`Db`] or `Arc<Db>` | a session of its own | a transaction of its own |
/// | `&pool`, a `sqlx::Pool` | a session of its own | a transaction of its own |
/// | `&mut *tx`, a [`Tx`] | runs in that transaction | joins that transaction |
/// | `&mut *conn`, a [`Conn`] | runs on that session | refused when compiled |
/// | `&mut *connection`, sqlx's own | runs on that connection, never retried | refused when compiled |
///
/// Write the reborrow, `&mut *tx` and not `tx`: a generic parameter moves what it is given.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not where an operation on `{DB}` can get its session from",
    label = "expected `&Db<{DB}>`, `&sqlx::Pool<{DB}>` or `&mut Tx<'_, {DB}>`",
    note = "pass `&db` or `&pool` for a session of its own, or `&mut *tx` to join the caller's transaction"
)]
pub trait Scope<DB: Backend>: Debug + Send + sealed::Sealed {
    /// Whether a transaction can begin here, or be joined.
    #[doc(hidden)]
    const TAKES_TRANSACTION: bool;

    #[doc(hidden)]
    fn source(&mut self) -> Source<'_, DB>;
}

/// What a [`Scope`] is, with its lifetimes gone.
#[derive(Debug)]
pub enum Source<'a, DB: Backend> {
    /// A session of its own.
    Db(&'a Db<DB>),
    /// A session of its own, of a pool dbop did not make.
    Pool(&'a Pool<DB>),
    /// A session, or a transaction if its state has one, of a caller under dbop.
    Joined(View<'a, DB>),
    /// A connection dbop knows nothing about.
    Raw(&'a mut DB::Connection),
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

macro_rules! scope {
    ([$($generic:tt)*] $type:ty, $db:ty, $takes_transaction:literal, $this:ident => $source:expr) => {
        impl<$($generic)*> sealed::Sealed for $type {}

        impl<$($generic)*> Scope<$db> for $type {
            const TAKES_TRANSACTION: bool = $takes_transaction;

            fn source(&mut self) -> Source<'_, $db> {
                let $this = self;
                $source
            }
        }
    };
}

scope!([DB: Backend] &Db<DB>, DB, true, this => Source::Db(this));
scope!([DB: Backend] &Arc<Db<DB>>, DB, true, this => Source::Db(this));
scope!([DB: Backend] &Pool<DB>, DB, true, this => Source::Pool(this));
scope!([DB: Backend] &mut Tx<'_, DB>, DB, true, this => Source::Joined(this.view.reborrow()));
scope!([DB: Backend] &mut &mut Tx<'_, DB>, DB, true, this => Source::Joined(this.view.reborrow()));
scope!([DB: Backend] &mut Conn<'_, DB>, DB, false, this => Source::Joined(this.view.reborrow()));
scope!([DB: Backend] &mut &mut Conn<'_, DB>, DB, false, this => Source::Joined(this.view.reborrow()));
#[cfg(feature = "sqlite")]
scope!([] &mut sqlx::SqliteConnection, sqlx::Sqlite, false, this => Source::Raw(&mut **this));
#[cfg(feature = "postgres")]
scope!([] &mut sqlx::PgConnection, sqlx::Postgres, false, this => Source::Raw(&mut **this));

/// Lends what `db = ..` names, whether it is a handle or a reference to one: a method call finds
/// the number of references by itself.
pub trait AsScope {
    /// `&Db<_>` or `&Pool<_>`.
    type Scope<'a>
    where
        Self: 'a;

    /// See the trait.
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
