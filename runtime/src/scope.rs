//! [`Scope`]: what the caller of an operation may pass for the operation's session.

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
/// Write the reborrow `&mut *tx`, not `tx`: a generic parameter would move `tx`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not where an operation on `{DB}` can get its session from",
    label = "expected `&Db<{DB}>`, `&sqlx::Pool<{DB}>` or `&mut Tx<'_, {DB}>`",
    note = "pass `&db` or `&pool` for a session of its own, or `&mut *tx` to join the caller's transaction"
)]
pub trait Scope<DB: Backend>: Debug + Send + sealed::HasSource<DB> {}

/// What a [`Scope`] is, as one type for all kinds.
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
}

pub(crate) mod sealed {
    use super::{Backend, Source};

    pub trait HasSource<DB: Backend> {
        /// Whether a transaction can begin on this scope, or be joined.
        const TAKES_TRANSACTION: bool;

        /// Returns where the session comes from.
        fn source(&mut self) -> Source<'_, DB>;
    }
}

macro_rules! scope {
    ([$($generic:tt)*] $type:ty, $db:ty, $takes_transaction:literal, $this:ident => $source:expr) => {
        impl<$($generic)*> Scope<$db> for $type {}

        impl<$($generic)*> sealed::HasSource<$db> for $type {
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
