//! [`Choice`]: which of two futures a call holds, one for each database.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::KnownDatabase;

/// Which of two values there is, one for SQLite and one for Postgres. Where a type says which, the
/// other takes no room, and the compiler does not look at it.
///
/// The types [`Of`](Self::Of) have no bounds. With a bound such as `Future`, the compiler could not
/// prove that a future whose output borrows is `Send`.
pub trait Choice {
    /// Holds the value for one of the two databases.
    type Of<S, P>;

    /// Holds one of two values that are `Send`. A generic function cannot prove that [`Of`](Self::Of) is
    /// `Send`.
    type SendOf<S: Send, P: Send>: Send;

    /// Makes the value for `database` of `context`.
    fn make<C, S, P>(
        database: KnownDatabase,
        context: C,
        sqlite: impl FnOnce(C) -> S,
        postgres: impl FnOnce(C) -> P,
    ) -> Self::Of<S, P>;

    /// Returns the value as one that is known to be `Send`.
    fn sent<S: Send, P: Send>(of: Self::Of<S, P>) -> Self::SendOf<S, P>;

    /// Polls the value.
    fn poll<S, P>(of: Pin<&mut Self::Of<S, P>>, cx: &mut Context<'_>) -> Poll<S::Output>
    where
        S: Future,
        P: Future<Output = S::Output>;

    /// Polls the value.
    fn poll_sent<S, P>(of: Pin<&mut Self::SendOf<S, P>>, cx: &mut Context<'_>) -> Poll<S::Output>
    where
        S: Future + Send,
        P: Future<Output = S::Output> + Send;
}

/// The choice of a type that is for SQLite.
#[derive(Debug)]
pub enum OnSqlite {}

/// The choice of a type that is for Postgres.
#[derive(Debug)]
pub enum OnPostgres {}

/// The choice of a type whose value says which database there is.
#[derive(Debug)]
pub enum OnEither {}

macro_rules! known_by_type {
    ($choice:ident: $chosen:ident, ($sqlite:ident, $postgres:ident) => $make:expr) => {
        impl Choice for $choice {
            type Of<S, P> = $chosen;
            type SendOf<S: Send, P: Send> = $chosen;

            #[inline]
            fn make<C, S, P>(
                _: KnownDatabase,
                context: C,
                $sqlite: impl FnOnce(C) -> S,
                $postgres: impl FnOnce(C) -> P,
            ) -> $chosen {
                $make(context)
            }

            fn sent<S: Send, P: Send>(of: $chosen) -> $chosen {
                of
            }

            #[inline]
            fn poll<S, P>(of: Pin<&mut $chosen>, cx: &mut Context<'_>) -> Poll<S::Output>
            where
                S: Future,
                P: Future<Output = S::Output>,
            {
                of.poll(cx)
            }

            #[inline]
            fn poll_sent<S, P>(of: Pin<&mut $chosen>, cx: &mut Context<'_>) -> Poll<S::Output>
            where
                S: Future + Send,
                P: Future<Output = S::Output> + Send,
            {
                of.poll(cx)
            }
        }
    };
}

known_by_type!(OnSqlite: S, (sqlite, _postgres) => sqlite);
known_by_type!(OnPostgres: P, (_sqlite, postgres) => postgres);

pin_project! {
    /// Either of two values, for [`OnEither`].
    #[project = PinnedOneOf]
    #[derive(Debug)]
    pub enum OneOf<S, P> {
        Sqlite { #[pin] value: S },
        Postgres { #[pin] value: P },
    }
}

impl<S: Future, P: Future<Output = S::Output>> Future for OneOf<S, P> {
    type Output = S::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Output> {
        match self.project() {
            PinnedOneOf::Sqlite { value } => value.poll(cx),
            PinnedOneOf::Postgres { value } => value.poll(cx),
        }
    }
}

impl Choice for OnEither {
    type Of<S, P> = OneOf<S, P>;
    type SendOf<S: Send, P: Send> = OneOf<S, P>;

    fn make<C, S, P>(
        database: KnownDatabase,
        context: C,
        sqlite: impl FnOnce(C) -> S,
        postgres: impl FnOnce(C) -> P,
    ) -> OneOf<S, P> {
        match database {
            KnownDatabase::Sqlite => OneOf::Sqlite {
                value: sqlite(context),
            },
            KnownDatabase::Postgres => OneOf::Postgres {
                value: postgres(context),
            },
        }
    }

    fn sent<S: Send, P: Send>(of: OneOf<S, P>) -> OneOf<S, P> {
        of
    }

    #[inline]
    fn poll<S, P>(of: Pin<&mut OneOf<S, P>>, cx: &mut Context<'_>) -> Poll<S::Output>
    where
        S: Future,
        P: Future<Output = S::Output>,
    {
        of.poll(cx)
    }

    #[inline]
    fn poll_sent<S, P>(of: Pin<&mut OneOf<S, P>>, cx: &mut Context<'_>) -> Poll<S::Output>
    where
        S: Future + Send,
        P: Future<Output = S::Output> + Send,
    {
        of.poll(cx)
    }
}

pin_project! {
    /// The future of a call that is written once for two databases.
    pub struct Chosen<K: Choice, S, P> {
        #[pin]
        of: K::Of<S, P>,
    }
}

impl<K: Choice, S, P> Chosen<K, S, P> {
    pub(crate) fn new(of: K::Of<S, P>) -> Self {
        Self { of }
    }
}

impl<K: Choice, S: Future, P: Future<Output = S::Output>> Future for Chosen<K, S, P> {
    type Output = S::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Output> {
        K::poll(self.project().of, cx)
    }
}

pin_project! {
    /// A [`Chosen`] that a generic function knows to be `Send`.
    pub struct SendChosen<K: Choice, S: Send, P: Send> {
        #[pin]
        of: K::SendOf<S, P>,
    }
}

impl<K: Choice, S: Send, P: Send> SendChosen<K, S, P> {
    pub(crate) fn new(of: K::Of<S, P>) -> Self {
        Self { of: K::sent(of) }
    }
}

impl<K, S, P> Future for SendChosen<K, S, P>
where
    K: Choice,
    S: Future + Send,
    P: Future<Output = S::Output> + Send,
{
    type Output = S::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Output> {
        K::poll_sent(self.project().of, cx)
    }
}

macro_rules! opaque_debug {
    ($($name:ident<$($parameter:ident $(: $bound:ident)?),*>)*) => {$(
        impl<$($parameter $(: $bound)?),*> std::fmt::Debug for $name<$($parameter),*> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

opaque_debug!(Chosen<K: Choice, S, P> SendChosen<K: Choice, S: Send, P: Send>);
