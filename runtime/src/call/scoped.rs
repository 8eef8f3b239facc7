//! [`Call`]: a call that gets its session from what its caller passes.

use super::attempt::{Attempt, AttemptSession};
use super::begin::OwnSessions;
use super::call_loop::CallLoop;
use super::on_connection::{Borrowed, CallersConnection};
use super::on_transaction::OnConnection;
use super::result::KeptOf;
use super::span::{CallSpan, is_heard};
use super::state::CallState;
use super::stream::LastItem;
use crate::backend::{Backend, Location};
use crate::error::{Error, Outcome};
#[cfg(feature = "once")]
use crate::once::PositionMarker;
use crate::once::{Answer, Claim, Mark, Marker, OnceKey, OnceResult};
use crate::op::{Op, OpResult};
use crate::policy::{Defaults, defaults_without_db};
use crate::pool::ConnectionSource;
use crate::scope::{AnyScope, AnySessionScope, Scope, SessionScope, Source};

/// A call of `#[db_op]` or `#[transactional]` with a session.
#[derive(Debug)]
pub struct Call<S, DB: Backend, R> {
    scope: S,
    source: fn(&mut S) -> Source<'_, DB>,
    call: CallLoop<R>,
}

// Only the constructors ask for bounds, and keep the functions that the bounds give access to. A
// bound that is not met is then one error, at the type that the user wrote, and not one more at
// each step.
impl<S, DB: Backend, R> Call<S, DB, R> {
    /// A call of a `#[db_op]`.
    #[inline]
    pub fn operation(op: &'static Op, scope: S) -> Self
    where
        S: SessionScope<DB>,
        R: OpResult,
    {
        Self::new(op, scope, S::source)
    }

    /// A call of a `#[transactional]`.
    #[inline]
    pub fn transaction(op: &'static Op, scope: S) -> Self
    where
        S: Scope<DB>,
        R: OpResult,
    {
        Self::operation(op, scope)
    }

    /// A call of a `#[db_op]` that is written for two databases, the one of them being `DB`.
    #[inline]
    pub fn any_operation(op: &'static Op, scope: S) -> Self
    where
        S: AnySessionScope,
        R: OpResult,
    {
        Self::new(op, scope, S::source_on::<DB>)
    }

    /// A call of a `#[transactional]` that is written for two databases, the one of them being `DB`.
    #[inline]
    pub fn any_transaction(op: &'static Op, scope: S) -> Self
    where
        S: AnyScope,
        R: OpResult,
    {
        Self::any_operation(op, scope)
    }

    /// A call of this operation, whose scope this function takes apart.
    #[inline]
    pub(crate) fn new(op: &'static Op, scope: S, source: fn(&mut S) -> Source<'_, DB>) -> Self
    where
        R: OpResult,
    {
        let (scope, span) = match is_heard() {
            false => (scope, None),
            true => with_span(op, scope, source),
        };
        Self {
            scope,
            source,
            call: CallLoop::new(op, DB::SYSTEM, span, DB::UNTIL_ENDED),
        }
    }

    /// Lets the call take effect once for this key.
    #[must_use]
    pub fn once(mut self, key: OnceKey) -> Self
    where
        R: OnceResult,
    {
        self.call.of.once = Some(KeptOf::NEW);
        match Marker::new(key) {
            Ok(marker) => self.call.state.once = Some(Box::new(Mark::Key(marker))),
            Err(error) => self.call.refuse(error),
        }
        self
    }

    /// Lets each transaction of the call move a position, which proves what became of it. `done` is the
    /// result of a call that finds its position moved.
    #[cfg(feature = "once")]
    #[must_use]
    pub(crate) fn moving(
        mut self,
        position: PositionMarker,
        done: fn(&str) -> Result<R, Error>,
    ) -> Self {
        self.call.of.once = Some(KeptOf {
            encode: |_| None,
            decode: done,
        });
        self.call.state.once = Some(Box::new(Mark::Position(position)));
        self
    }

    /// Returns the next attempt, with its session open; `None` when the call is over.
    pub async fn begin(&mut self) -> Option<Attempt<'_, DB, R>> {
        if self.call.is_over() {
            return None;
        }
        let state = &mut self.call.state;
        let opened = match (self.source)(&mut self.scope) {
            // Without an await where there is nothing to wait for.
            Source::Joined(view) => match state.join(view) {
                Ok(join) if join.is_nested() => state.nest(join).await,
                joined => joined.map(Claim::Won),
            }
            .map(|claim| claim.map(AttemptSession::Joined)),
            Source::Raw(conn) => open_on(state, Borrowed::Connection(conn)).await,
            Source::Pooled(conn) => open_on(state, Borrowed::Pooled(conn)).await,
            Source::Db(db) => {
                let pools = ConnectionSource::OfDb(db.pools(state.op.read_only));
                open_own(state, pools, db.defaults()).await
            }
            Source::Pool(pool) => {
                let pool = ConnectionSource::Callers(pool);
                open_own(state, pool, defaults_without_db()).await
            }
        };
        let over = match opened {
            Ok(Claim::Won(session)) => {
                self.call.state.body_begins();
                return Some(Attempt {
                    call: &mut self.call,
                    session,
                });
            }
            Ok(Claim::Settled(answer)) => Ok(answer),
            Err(error) => Err(error),
        };
        Box::pin(end_without_attempt(&mut self.call, over)).await;
        None
    }

    /// Returns the result of the call.
    pub fn finish(mut self) -> R {
        self.call.finish()
    }
}

impl<S, DB: Backend, R> Call<S, DB, LastItem<R>> {
    /// A call of a `#[db_op]` that returns a stream of `R`.
    pub fn stream(op: &'static Op, scope: S) -> Self
    where
        S: SessionScope<DB>,
        R: OpResult,
    {
        Self::operation(op, scope)
    }
}

/// Makes the span of a call on this scope, and returns both. The scope is not borrowed, so that it
/// can stay in a register where nobody listens.
///
/// A joined call does not know where the database is; the span around its own says so.
#[inline(never)]
fn with_span<S, DB: Backend>(
    op: &Op,
    mut scope: S,
    source: fn(&mut S) -> Source<'_, DB>,
) -> (S, Option<Box<CallSpan>>) {
    let location = match source(&mut scope) {
        Source::Db(db) => DB::location(&db.pool().connect_options()),
        Source::Pool(pool) => DB::location(&pool.connect_options()),
        Source::Joined(_) | Source::Raw(_) | Source::Pooled(_) => Location::default(),
    };
    let span = CallSpan::new(op, DB::SYSTEM, &location);
    (scope, Some(span))
}

/// Opens a session that belongs to the attempt, on a connection from this source.
async fn open_own<'a, DB: Backend>(
    call: &mut CallState,
    source: ConnectionSource<'a, DB>,
    defaults: &'a Defaults,
) -> Result<Claim<AttemptSession<'a, DB>>, Error> {
    let mut opening = OwnSessions::new(source, defaults);
    let timeout = Some(defaults.timeout);
    let claim = call.open(defaults, timeout, &mut opening).await?;
    Ok(claim.map(|own| AttemptSession::Own { own, defaults }))
}

/// Opens a session or a transaction on a connection of the caller's.
async fn open_on<'a, DB: Backend>(
    call: &mut CallState,
    conn: Borrowed<'a, DB>,
) -> Result<Claim<AttemptSession<'a, DB>>, Error> {
    let defaults = defaults_without_db();
    let timeout = defaults.timeout_without_session;
    let session = if call.op.transaction {
        let mut opening = OnConnection::new(conn, defaults);
        let opened = Box::pin(call.open(defaults, timeout, &mut opening)).await?;
        AttemptSession::CallersTx(opened)
    } else {
        let mut opening = CallersConnection::new(conn);
        let opened = Box::pin(call.open(defaults, timeout, &mut opening)).await?;
        AttemptSession::Callers(opened)
    };
    Ok(Claim::Won(session))
}

/// Ends a call that has no further attempt: another one has left its result, or none could begin.
async fn end_without_attempt<R>(call: &mut CallLoop<R>, over: Result<Answer, Error>) {
    match over {
        Ok(answer) => settle(call, answer).await,
        Err(error) => {
            call.state.run_due().await;
            call.refuse(error);
        }
    }
}

/// Ends a call with the result that an earlier call with the same key has left.
async fn settle<R>(call: &mut CallLoop<R>, answer: Answer) {
    let (result, outcome) = match answer.result {
        Ok(json) => {
            let kept = call.of.once.as_ref();
            let decode = kept.expect("only a `once` call is settled").decode;
            let result = decode(&json).unwrap_or_else(call.of.refused);
            (result, Outcome::Committed)
        }
        Err((error, outcome)) => ((call.of.refused)(error), outcome),
    };
    call.state.settle(answer.own, outcome).await;
    call.end(result, outcome);
}
