//! [`Join`]: a call inside the session of another call.

use sqlx::SqlSafeStr;
use tokio::time::Instant;

use super::call_loop::Following;
use super::state::{CallState, Clock};
use crate::backend::Backend;
use crate::error::{Category, Class, Error, ErrorKind, Outcome, Result, Retry, SharedError};
use crate::once::{self, Claim, Mark};
use crate::op::Op;
use crate::rt::FOREVER;
use crate::session::{self, FailedJoin, Savepoint, State, Undo, View};

/// The session of the outer call, lent to a joined call. If a joined call is dropped before its
/// end, what it did must not be committed.
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

/// What the joined call has changed in the session, as it was before.
#[derive(Debug)]
struct Outer {
    op: &'static Op,
    deadline: Instant,
    read_only: bool,
    /// Whether nothing had gone wrong in the transaction before.
    was_clean: bool,
}

impl CallState {
    /// Joins the caller's session, if that can give what the operation asks for.
    pub(super) fn join<'a, DB: Backend>(&mut self, view: View<'a, DB>) -> Result<Join<'a, DB>> {
        let op = self.op;
        self.attempts.made = 1;
        if let Err(error) = fits(op, view.state) {
            self.clock = Clock::Joined {
                deadline: view.state.deadline,
                watched: false,
            };
            // A nested call that was refused has done nothing, so its savepoint has nothing to
            // undo.
            if !op.in_savepoint() {
                view.state.fail_join(FailedJoin {
                    operation: op.name,
                    class: error.class(),
                    message: error.to_string(),
                });
            }
            return Err(error);
        }
        self.longest_poll = view.state.longest_poll;
        let outer = Outer {
            op: view.state.op,
            deadline: view.state.deadline,
            read_only: view.state.read_only,
            was_clean: matches!(undo(view.state), Undo::No),
        };
        let deadline = match op.timeout(view.state.overrides.of(op.name)) {
            Some(timeout) => outer.deadline.min(Instant::now() + timeout.min(FOREVER)),
            None => outer.deadline,
        };
        self.clock = Clock::Joined {
            deadline,
            watched: deadline < outer.deadline,
        };
        view.state.runs(op);
        view.state.read_only |= op.read_only;
        view.state.deadline = deadline;
        let nests = op.in_savepoint() && view.state.tx.is_some();
        Ok(Join {
            entered: if nests {
                Entered::Nested(Savepoint::new(view))
            } else {
                Entered::Plain(view)
            },
            op,
            outer,
            over: false,
        })
    }

    /// Sets the savepoint of a nested call, and in it the marker of a `once` call.
    pub(super) async fn nest<'a, DB: Backend>(
        &mut self,
        mut join: Join<'a, DB>,
    ) -> Result<Claim<Join<'a, DB>>> {
        let (op, deadline) = (self.op, self.deadline());
        let Entered::Nested(savepoint) = &mut join.entered else {
            return Ok(Claim::Won(join));
        };
        savepoint.set().await?;
        let Some(marker) = &mut self.once else {
            return Ok(Claim::Won(join));
        };
        let claiming = Box::pin(claim_in(savepoint, marker, op));
        let claim = self.timer.until(deadline, claiming).await;
        let claim = claim.unwrap_or_else(|_| Err(Error::deadline("the marker of its key")));
        match &claim {
            Ok(Claim::Won(())) => {}
            // Undoing takes statements, for which there is the outer call's time.
            Ok(Claim::Settled(_)) | Err(_) => join.undo().await,
        }
        Ok(claim?.map(|()| join))
    }
}

/// Sets the marker of a `once` call in its savepoint, or finds the marker that is there. Makes the
/// table of the markers first if it is missing.
async fn claim_in<DB: Backend>(
    savepoint: &mut Savepoint<'_, DB>,
    marker: &mut Mark,
    op: &'static Op,
) -> Result<Claim<()>> {
    match marker.claim(savepoint.view(), op).await {
        Err(error) if once::lacks_table(&error) => {}
        claim => return claim,
    }
    savepoint.close(false).await?;
    let View { conn, state } = savepoint.view();
    let made = session::run::<DB>(
        conn,
        state,
        once::marker_sql(DB::DATABASE).schema.into_sql_str(),
    )
    .await;
    savepoint.open_again();
    made.map_err(|error| once::advise(error.into()))?;
    savepoint.set().await?;
    marker.claim(savepoint.view(), op).await
}

impl<DB: Backend> Join<'_, DB> {
    /// Undoes what the call has sent. Its body does not run.
    async fn undo(&mut self) {
        let cut_off = self.hand_back(true);
        if let Entered::Nested(savepoint) = &mut self.entered
            && !cut_off
        {
            // If the savepoint cannot be undone, the transaction is aborted by now.
            drop(savepoint.close(false).await);
        }
    }

    /// Lets the caller drop the call before its end. The call is a stream that only reads: its
    /// consumer may have seen enough, and there is nothing to undo.
    pub(super) fn may_be_left(&mut self) {
        self.over = true;
    }

    pub(super) fn is_nested(&self) -> bool {
        matches!(self.entered, Entered::Nested(_))
    }

    pub(super) fn view(&mut self) -> View<'_, DB> {
        match &mut self.entered {
            Entered::Plain(view) => view.reborrow(),
            Entered::Nested(savepoint) => savepoint.view(),
        }
    }

    /// Ends a call without a savepoint, which waits for nothing.
    pub(super) fn end(
        mut self,
        call: &mut CallState,
        failed: Option<FailedJoin>,
        late: bool,
    ) -> Following {
        self.hand_back(late);
        let was_clean = self.outer.was_clean;
        let (is_err, state) = (failed.is_some(), self.view().state);
        let replaced = match failed {
            Some(failed) => {
                state.fail_join(failed);
                None
            }
            // What went wrong before this call is for the outer body to report.
            None => match undo(state) {
                Undo::WithError(error) if was_clean => Some(error),
                _ => None,
            },
        };
        self.conclude(call, is_err, replaced)
    }

    /// Ends a call with a savepoint: keeps or undoes its work.
    pub(super) async fn close(
        mut self,
        call: &mut CallState,
        failed: bool,
        late: bool,
        kept: Option<String>,
    ) -> Following {
        let cut_off = self.hand_back(late);
        let op = self.op;
        let replaced = match &mut self.entered {
            // The end of the savepoint would wait for the statement that is still running. So the
            // savepoint is given up, and the transaction with it.
            _ if cut_off => None,
            Entered::Plain(_) => None,
            Entered::Nested(savepoint) => {
                let stored = match (&call.once, kept) {
                    (Some(marker), Some(result)) => {
                        Box::pin(marker.store(savepoint.view(), op, &result)).await
                    }
                    _ => Ok(()),
                };
                let keep = !failed && stored.is_ok();
                let closed = savepoint.close(keep).await;
                stored.and(closed).err()
            }
        };
        self.conclude(call, failed, replaced)
    }

    /// Gives the session its old deadline back, because the call has ended. `true`: a statement of
    /// a call that is `late` still runs, so the transaction was aborted.
    fn hand_back(&mut self, late: bool) -> bool {
        self.over = true;
        let (name, deadline) = (self.op.name, self.outer.deadline);
        let state = self.view().state;
        // A nested call whose own deadline has passed is still undone alone, which takes
        // statements.
        state.deadline = deadline;
        let cut_off = late && state.mid_statement();
        if cut_off {
            state.abort(SharedError::of(&Error::deadline(name).into()));
        }
        cut_off
    }

    fn conclude(
        &mut self,
        call: &mut CallState,
        is_err: bool,
        replaced: Option<Error>,
    ) -> Following {
        let state = self.view().state;
        let outcome = match is_err || replaced.is_some() {
            false => Outcome::Committed,
            true if state.tx.is_some() || state.untouched() => Outcome::RolledBack,
            true => Outcome::Unknown,
        };
        let outcome = call.conclude(outcome);
        match replaced {
            Some(error) => Following::Replace(error, outcome),
            None => Following::Return(outcome),
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
        let nested = self.is_nested();
        let state = self.view().state;
        state.runs(op);
        state.deadline = deadline;
        state.read_only = read_only;
        // A savepoint that is dropped aborts the transaction by itself.
        if !over && !nested {
            state.fail_join(FailedJoin {
                operation,
                class: Class {
                    category: Category::Cancelled,
                    kind: ErrorKind::Interrupted,
                    retry: Retry::Never,
                },
                message: "it was dropped before its end".to_owned(),
            });
        }
    }
}

/// Whether what was done at the session's depth must be undone whatever its body says.
fn undo(state: &State) -> Undo {
    let tx = state.tx.as_ref();
    tx.map_or(Undo::No, |tx| tx.must_undo(tx.depth))
}

/// Whether the caller's session can give what the operation asks for.
fn fits(op: &Op, state: &State) -> Result<()> {
    if let Some(refused) = state.refusal(Instant::now()) {
        return Err(refused.into());
    }
    let outer = state.op.name;
    if op.transaction && state.tx.is_none() {
        return Err(Error::programming(
            ErrorKind::TransactionState,
            format!("`{outer}` has no transaction to join; pass `&db`, `&pool` or `&mut *tx`"),
        ));
    }
    if state.read_only && !op.read_only {
        return Err(Error::programming(
            ErrorKind::ReadOnly,
            format!(
                "it may write, but `{outer}`, which it joins, is `read_only`; declare it \
                 `read_only` too, or remove that from `{outer}`"
            ),
        ));
    }
    match (op.isolation, &state.tx) {
        (Some(asked), Some(tx)) if asked > tx.isolation => Err(Error::programming(
            ErrorKind::Isolation,
            format!(
                "it asks for {asked}, but `{outer}`, which it joins, runs at {}; give `{outer}` \
                 that isolation, because an open transaction cannot change it",
                tx.isolation
            ),
        )),
        _ => Ok(()),
    }
}
