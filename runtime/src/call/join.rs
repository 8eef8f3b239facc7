//! A call inside another one's session.

use sqlx::SqlSafeStr;
use tokio::time::{Instant, timeout_at};

use super::attempt::End;
use super::core::CallCore;
use crate::backend::Backend;
use crate::classify::{Category, Class, Kind, Retry};
use crate::echo::Echo;
use crate::error::{Error, Outcome, Result};
use crate::once::{self, Claim, Marker};
use crate::op::Op;
use crate::savepoint::Savepoint;
use crate::state::{State, View};
use crate::statement;
use crate::tx_state::{FailedJoin, Undo};

/// Lent by the outer call. Dropped before its end, what it did must not be committed.
#[derive(Debug)]
pub(crate) struct Join<'a, DB: Backend> {
    entered: Entered<'a, DB>,
    op: &'static Op,
    outer: Outer,
    over: bool,
}

#[derive(Debug)]
enum Entered<'a, DB: Backend> {
    Plain(View<'a, DB>),
    Nested(Savepoint<'a, DB>),
}

/// What the outer call gets back.
#[derive(Debug)]
struct Outer {
    op: &'static Op,
    deadline: Instant,
    read_only: bool,
    /// Nothing had gone wrong in its transaction yet.
    was_clean: bool,
}

impl CallCore {
    /// Joins the caller's session, if that can give what the operation asks for.
    pub(super) async fn join<'a, DB: Backend>(
        &mut self,
        view: View<'a, DB>,
    ) -> Result<Claim<Join<'a, DB>>> {
        let op = self.op;
        self.joined = true;
        self.single = true;
        self.attempts = 1;
        if let Err(error) = fits(op, view.state) {
            // A call in a savepoint that did nothing has nothing to undo, either.
            if !op.in_savepoint() {
                view.state.fail_join(FailedJoin {
                    operation: op.name,
                    class: error.class(),
                    message: error.to_string(),
                });
            }
            return Err(error);
        }
        self.limits = view.state.limits;
        let outer = Outer {
            op: view.state.op,
            deadline: view.state.deadline,
            read_only: view.state.read_only,
            was_clean: matches!(undo(view.state), Undo::No),
        };
        self.deadline = match op.timeout {
            Some(timeout) => outer.deadline.min(Instant::now() + timeout),
            None => outer.deadline,
        };
        view.state.op = op;
        view.state.read_only |= op.read_only;
        view.state.deadline = self.deadline;
        let nests = op.in_savepoint() && view.state.tx.is_some();
        let mut join = Join {
            entered: if nests {
                Entered::Nested(Savepoint::new(view))
            } else {
                Entered::Plain(view)
            },
            op,
            outer,
            over: false,
        };
        let Entered::Nested(savepoint) = &mut join.entered else {
            return Ok(Claim::Won(join));
        };
        savepoint.set().await?;
        let Some(marker) = &mut self.once else {
            return Ok(Claim::Won(join));
        };
        let claiming = claim_in(savepoint, marker, op);
        let claim = timeout_at(self.deadline, claiming).await;
        let claim = claim.unwrap_or_else(|_| Err(Error::deadline("the marker of its key")));
        match &claim {
            Ok(Claim::Won(())) => {}
            // With the outer call's time, as at any other end.
            Ok(Claim::Settled(_)) | Err(_) => join.undo().await,
        }
        Ok(claim?.map(|()| join))
    }
}

/// Sets the marker of a `once` operation in its savepoint, or finds the one that is there; makes
/// their table first if it is missing.
async fn claim_in<DB: Backend>(
    savepoint: &mut Savepoint<'_, DB>,
    marker: &mut Marker,
    op: &'static Op,
) -> Result<Claim<()>> {
    match marker.claim(savepoint.view(), op).await {
        Err(error) if once::lacks_table(&error) => {}
        claim => return claim,
    }
    savepoint.close(false).await?;
    let View { conn, state } = savepoint.view();
    let made = statement::run::<DB>(conn, state, DB::ONCE_SCHEMA.into_sql_str()).await;
    savepoint.open_again();
    made.map_err(|error| once::advise(error.into()))?;
    savepoint.set().await?;
    marker.claim(savepoint.view(), op).await
}

impl<DB: Backend> Join<'_, DB> {
    /// Back to before the call, whose body does not run.
    async fn undo(&mut self) {
        let (op, deadline) = (self.op, self.outer.deadline);
        let View { state, .. } = self.view();
        state.deadline = deadline;
        if state.mid_statement() {
            // A savepoint that is dropped takes the transaction with it.
            state.abort(Echo::of(&Error::deadline(op.name).into()));
            return;
        }
        if let Entered::Nested(savepoint) = &mut self.entered {
            // What cannot be undone has aborted the transaction.
            drop(savepoint.close(false).await);
        }
        self.over = true;
    }

    pub(super) fn view(&mut self) -> View<'_, DB> {
        match &mut self.entered {
            Entered::Plain(view) => view.reborrow(),
            Entered::Nested(savepoint) => savepoint.view(),
        }
    }

    pub(super) async fn end(
        mut self,
        core: &mut CallCore,
        failed: Option<FailedJoin>,
        late: bool,
        kept: Option<String>,
    ) -> End {
        self.over = true;
        let is_err = failed.is_some();
        // Past its own deadline a nested call is still undone alone, which takes statements.
        let deadline = self.outer.deadline;
        self.view().state.deadline = deadline;
        let cut_off = late && self.view().state.mid_statement();
        if cut_off {
            let late = Error::deadline(self.op.name);
            self.view().state.abort(Echo::of(&late.into()));
        }
        let replaced = match (&mut self.entered, failed) {
            // Its end would wait for the statement that is still running: it is given up, and the
            // transaction with it.
            (Entered::Nested(_), _) if cut_off => None,
            (Entered::Nested(savepoint), _) => {
                let stored = match (&core.once, kept) {
                    (Some(marker), Some(result)) => {
                        marker.store(savepoint.view(), self.op, &result).await
                    }
                    _ => Ok(()),
                };
                let keep = !is_err && stored.is_ok();
                let closed = savepoint.close(keep).await;
                stored.and(closed).err()
            }
            (Entered::Plain(view), Some(failed)) => {
                view.state.fail_join(failed);
                None
            }
            // What went wrong before this call is the outer body's to report.
            (Entered::Plain(view), None) => match undo(view.state) {
                Undo::WithError(error) if self.outer.was_clean => Some(error),
                _ => None,
            },
        };
        let state = self.view().state;
        let outcome = match is_err || replaced.is_some() {
            false => Outcome::Committed,
            true if state.tx.is_some() || state.untouched() => Outcome::RolledBack,
            true => Outcome::Unknown,
        };
        let outcome = core.conclude(outcome);
        match replaced {
            Some(error) => End::Replace(error, outcome),
            None => End::Keep(outcome),
        }
    }
}

impl<DB: Backend> Drop for Join<'_, DB> {
    fn drop(&mut self) {
        let (over, operation) = (self.over, self.op.name);
        let Outer {
            op,
            deadline,
            read_only,
            ..
        } = self.outer;
        let nested = matches!(self.entered, Entered::Nested(_));
        let state = self.view().state;
        state.op = op;
        state.deadline = deadline;
        state.read_only = read_only;
        // A savepoint that is dropped sees to itself.
        if !over && !nested {
            state.fail_join(FailedJoin {
                operation,
                class: Class {
                    category: Category::Cancelled,
                    kind: Kind::Interrupted,
                    retry: Retry::Never,
                },
                message: "it was dropped before its end".to_owned(),
            });
        }
    }
}

/// Whether what was done at this depth must be undone whatever its body says.
fn undo(state: &State) -> Undo {
    let tx = state.tx.as_ref();
    tx.map_or(Undo::No, |tx| tx.must_undo(tx.depth))
}

/// Whether the caller's session can give what the operation asks for.
fn fits(op: &Op, state: &State) -> Result<()> {
    if let Some(refused) = state.refusal() {
        return Err(refused.into());
    }
    let outer = state.op.name;
    if op.transaction && state.tx.is_none() {
        return Err(Error::programming(
            Kind::TransactionState,
            format!("`{outer}` has no transaction to join; pass `&db`, `&pool` or `&mut *tx`"),
        ));
    }
    if state.read_only && !op.read_only {
        return Err(Error::programming(
            Kind::ReadOnly,
            format!(
                "it may write, but `{outer}`, which it joins, is `read_only`; declare it \
                 `read_only` too, or remove that from `{outer}`"
            ),
        ));
    }
    match (op.isolation, &state.tx) {
        (Some(asked), Some(tx)) if asked > tx.isolation => Err(Error::programming(
            Kind::Isolation,
            format!(
                "it asks for {asked}, but `{outer}`, which it joins, runs at {}; give `{outer}` \
                 that isolation, because an open transaction cannot change it",
                tx.isolation
            ),
        )),
        _ => Ok(()),
    }
}
