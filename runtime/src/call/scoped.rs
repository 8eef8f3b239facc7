//! [`Call`]: a call that gets its session from what its caller passes.

use super::attempt::{Attempt, Session};
use super::on_connection::Raw;
use super::result::{KeptOf, ResultOf};
use super::state::CallCore;
use crate::backend::Backend;
use crate::error::{Error, Outcome};
use crate::once::{Answer, Claim, Marker, OnceKey, OnceResult};
use crate::op::{Op, OpResult};
use crate::policy::defaults_without_db;
use crate::pool::ConnectionSource;
use crate::scope::{Scope, Source};

/// A call of `#[db_op]` or `#[transactional]` with a session.
#[derive(Debug)]
pub struct Call<S, DB: Backend, R> {
    scope: S,
    source: fn(&mut S) -> Source<'_, DB>,
    rest: Rest<R>,
}

/// The part of a call that each attempt borrows.
#[derive(Debug)]
pub(super) struct Rest<R> {
    pub(super) core: CallCore,
    pub(super) result: Option<R>,
    pub(super) of: ResultOf<R>,
}

// Only the constructors ask for bounds, and keep what they give access to: an unmet one is then one
// error, at the type that the user wrote, and not another one at each step of the call.
impl<S, DB: Backend, R> Call<S, DB, R> {
    /// A call of a `#[db_op]`.
    #[inline]
    pub fn operation(op: &'static Op, scope: S) -> Self
    where
        S: Scope<DB>,
        R: OpResult,
    {
        Self {
            scope,
            source: S::source,
            rest: Rest {
                core: CallCore::new(op, DB::SYSTEM, DB::UNTIL_ENDED),
                result: None,
                of: ResultOf::NEW,
            },
        }
    }

    /// A call of a `#[transactional]`.
    #[inline]
    pub fn transaction(op: &'static Op, scope: S) -> Self
    where
        S: Scope<DB>,
        R: OpResult,
    {
        const {
            assert!(
                S::TAKES_TRANSACTION,
                "a `#[transactional]` function was called with a `Conn` or a raw connection, on which it \
                 could neither begin a transaction that is safe to retry nor join one: pass `&db`, \
                 `&pool` or `&mut *tx`"
            );
        }
        Self::operation(op, scope)
    }

    /// The same, to take effect once for this key.
    #[must_use]
    pub fn once(mut self, key: OnceKey) -> Self
    where
        R: OnceResult,
    {
        let Rest { core, result, of } = &mut self.rest;
        of.once = Some(KeptOf::NEW);
        match Marker::new(key) {
            Ok(marker) => core.once = Some(Box::new(marker)),
            Err(error) => *result = Some((of.refused)(core.refused(error))),
        }
        self
    }

    /// The next attempt, with its session open; `None` when the call is over.
    pub async fn begin(&mut self) -> Option<Attempt<'_, DB, R>> {
        if self.rest.result.is_some() {
            return None;
        }
        let core = &mut self.rest.core;
        let opened = match (self.source)(&mut self.scope) {
            // Without an await where there is nothing to wait for.
            Source::Joined(view) => match core.join(view) {
                Ok(join) if join.is_nested() => core.nest(join).await,
                joined => joined.map(Claim::Won),
            }
            .map(|claim| claim.map(Session::Joined)),
            source => open_session(core, source).await,
        };
        let over = match opened {
            Ok(Claim::Won(session)) => {
                self.rest.core.begun();
                return Some(Attempt {
                    rest: &mut self.rest,
                    session,
                });
            }
            Ok(Claim::Settled(answer)) => Ok(answer),
            Err(error) => Err(error),
        };
        let Rest { core, result, of } = &mut self.rest;
        *result = Some(Box::pin(end_without(core, of, over)).await);
        None
    }

    /// What the call returns.
    pub fn finish(self) -> R {
        self.rest
            .result
            .expect("`begin` returns `None` only once there is a result")
    }
}

/// The result of a call that has no attempt: another one has left it, or none could begin.
async fn end_without<R>(core: &mut CallCore, of: &ResultOf<R>, over: Result<Answer, Error>) -> R {
    match over {
        Ok(answer) => settled(core, of, answer).await,
        Err(error) => {
            core.run_due().await;
            (of.refused)(core.refused(error))
        }
    }
}

/// The result that an earlier call with the same key has left.
async fn settled<R>(core: &mut CallCore, of: &ResultOf<R>, answer: Answer) -> R {
    let decode = of.once.as_ref().map(|kept| kept.decode);
    let (result, outcome) = match answer.result {
        Ok(json) => {
            let decode = decode.expect("only a `once` call is settled");
            let kept = decode(&json);
            (kept.unwrap_or_else(of.refused), Outcome::Committed)
        }
        Err((error, outcome)) => ((of.refused)(error), outcome),
    };
    core.settle(answer.own, outcome).await;
    core.end(of, result, outcome)
}

async fn open_session<'a, DB: Backend>(
    core: &mut CallCore,
    source: Source<'a, DB>,
) -> Result<Claim<Session<'a, DB>>, Error> {
    let (place, defaults) = match source {
        Source::Joined(_) => unreachable!("it has joined"),
        Source::Raw(conn) => {
            let defaults = defaults_without_db();
            core.enter(defaults, defaults.timeout_without_session)
                .await?;
            let raw = Box::pin(Raw::open(conn, core)).await?;
            return Ok(Claim::Won(Session::Raw(raw)));
        }
        Source::Db(db) => (
            ConnectionSource::Ours(db.pools(core.op.read_only)),
            db.defaults(),
        ),
        Source::Pool(pool) => (ConnectionSource::Callers(pool), defaults_without_db()),
    };
    let opened = core.open(&place, defaults).await?;
    Ok(opened.map(|own| Session::Own { own, defaults }))
}
