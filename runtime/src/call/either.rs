//! [`Chooser`]: runs the body of an operation that is written for two databases on the one that its
//! scope is for.
//!
//! ```text
//! choose(&tx).run((tx, id), |(tx, id)| { type DB = Sqlite; async move { .. } },
//!                           |(tx, id)| { type DB = Postgres; async move { .. } })
//! ```
//!
//! The type of the scope chooses the type of the future. If both futures stood in one, as the two arms
//! of an `if`, each level of joined calls would triple what the compiler has to look at.

use std::fmt;
use std::marker::PhantomData;

use crate::backend::KnownDatabase;
use crate::backend::choice::{Choice, Chosen, SendChosen};
use crate::scope::{AnySessionScope, HasAnySource};

/// Returns what runs one of two bodies for this scope.
#[inline]
pub fn choose<S: AnySessionScope>(scope: &S) -> Chooser<<S as HasAnySource>::Choice> {
    Chooser {
        database: scope.database(),
        choice: PhantomData,
    }
}

/// Returns what runs one of two bodies for this scope of a function in chunks.
#[inline]
pub fn choose_chunked<S: HasAnySource>(scope: &S) -> Chooser<S::Choice> {
    Chooser {
        database: scope.database(),
        choice: PhantomData,
    }
}

/// See [`choose`].
pub struct Chooser<K> {
    database: KnownDatabase,
    choice: PhantomData<K>,
}

impl<K: Choice> Chooser<K> {
    /// Makes the future for the database of the scope. The context has the arguments of the function,
    /// which only one of the two closures can take.
    #[inline]
    pub fn run<C, S, P>(
        self,
        context: C,
        sqlite: impl FnOnce(C) -> S,
        postgres: impl FnOnce(C) -> P,
    ) -> Chosen<K, S, P> {
        Chosen::new(K::make(self.database, context, sqlite, postgres))
    }

    /// Like [`run`](Self::run), where the function around promises that its future is `Send`.
    #[inline]
    pub fn run_send<C, S: Send, P: Send>(
        self,
        context: C,
        sqlite: impl FnOnce(C) -> S,
        postgres: impl FnOnce(C) -> P,
    ) -> SendChosen<K, S, P> {
        SendChosen::new(K::make(self.database, context, sqlite, postgres))
    }
}

impl<K> fmt::Debug for Chooser<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Chooser").field(&self.database).finish()
    }
}
