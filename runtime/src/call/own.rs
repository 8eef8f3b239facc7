//! [`Own`]: a session that this call opened, and its end.

use sqlx_core::transaction::TransactionManager;
use tokio::time::{Instant, timeout_at};

use super::attempt::End;
use super::commit::{self, Committed};
use super::core::CallCore;
use crate::backend::Backend;
use crate::classify::Class;
use crate::db::Defaults;
use crate::error::{Error, Outcome};
use crate::hooks::Hooks;
use crate::op::Op;
use crate::pool::Lease;
use crate::retry::Effect;
use crate::state::{State, Undo, View};
use crate::statement;

/// Given back when dropped; its transaction is rolled back then, and its hooks are told.
#[derive(Debug)]
pub(crate) struct Own<DB: Backend> {
    lease: Option<Lease<DB>>,
    pub(super) state: State,
}

impl<DB: Backend> Own<DB> {
    pub(super) fn new(lease: Lease<DB>, state: State) -> Self {
        Self {
            lease: Some(lease),
            state,
        }
    }

    pub(super) fn view(&mut self) -> View<'_, DB> {
        let lease = self.lease.as_mut().expect("held until its end");
        View {
            conn: lease.conn(),
            state: &mut self.state,
        }
    }

    /// What is left to do with the connection, and the hooks.
    pub(super) fn take(mut self) -> (Lease<DB>, Hooks) {
        let hooks = self.take_hooks();
        (self.lease.take().expect("held until its end"), hooks)
    }

    fn take_hooks(&mut self) -> Hooks {
        let tx = self.state.tx.as_mut();
        tx.map(|tx| std::mem::take(&mut tx.hooks))
            .unwrap_or_default()
    }
}

impl<DB: Backend> Drop for Own<DB> {
    fn drop(&mut self) {
        let Some(mut lease) = self.lease.take() else {
            return;
        };
        let (state, op) = (&self.state, self.state.op);
        lease.unfinished =
            state.tx.is_some() || state.broken || state.opaque || state.mid_statement();
        let mut hooks = self.take_hooks();
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if hooks.len() > 0 => {
                drop(runtime.spawn(async move {
                    lease.release().await;
                    hooks.run(Outcome::RolledBack, op).await;
                }));
            }
            _ => drop(lease),
        }
    }
}

/// The end of a session without a transaction.
pub(super) async fn end_operation<DB: Backend>(
    own: Box<Own<DB>>,
    core: &mut CallCore,
    defaults: &Defaults,
    failure: Option<Class>,
    late: bool,
) -> End {
    let state = &own.state;
    let refined = failure.map(|class| DB::refine(class, !core.op.read_only));
    let demoted = refined != failure;
    let cut_off = (late || failure.is_some()) && (state.mid_statement() || state.opaque);
    let unfinished = state.broken || demoted || cut_off;
    let effect = failure.map(|class| state.effect(class));
    let untouched = state.untouched();
    let (mut lease, _) = own.take();
    lease.unfinished = unfinished;
    give_back(lease, core.deadline, late).await;

    let (Some(class), Some(effect)) = (refined, effect) else {
        return End::Keep(core.conclude(Outcome::Committed));
    };
    // A body that fails without having touched its session failed at something else, and whether
    // that can be repeated is not known here.
    let repeat = if untouched { Effect::Possible } else { effect };
    if core.try_again(defaults, class, repeat).await {
        return End::Again;
    }
    End::Keep(core.conclude(effect.outcome()))
}

/// The end of a transaction: commit it, or roll it back.
pub(super) async fn end_transaction<DB: Backend>(
    mut own: Box<Own<DB>>,
    core: &mut CallCore,
    defaults: &Defaults,
    failure: Option<Class>,
    late: bool,
) -> End {
    if let Some(class) = failure {
        return roll_back(own, core, defaults, (class, None), late).await;
    }
    match verdict(&mut own, core.deadline).await {
        Undo::No => {}
        Undo::Quietly => {
            let hooks = undo(own, core.deadline, false).await;
            hooks.run(Outcome::RolledBack, core.op).await;
            return End::Keep(core.conclude(Outcome::RolledBack));
        }
        Undo::WithError(error) => {
            let failed = (error.class(), Some(error));
            return roll_back(own, core, defaults, failed, false).await;
        }
    }
    core.committing = true;
    let op: &'static Op = core.op;
    let committed = commit::commit(own, core.deadline, op).await;
    core.committing = false;
    match committed {
        Committed::Yes => End::Keep(core.conclude(Outcome::Committed)),
        Committed::No(error, hooks) => {
            failed(core, defaults, (error.class(), Some(error)), hooks).await
        }
        Committed::Unknown(error) => {
            let class = error.class();
            if core.try_again(defaults, class, Effect::Possible).await {
                return End::Again;
            }
            End::Replace(error, core.conclude(Outcome::Unknown))
        }
    }
}

/// Whether a transaction whose body said `Ok` may be committed.
async fn verdict<DB: Backend>(own: &mut Own<DB>, deadline: Instant) -> Undo {
    let ask = own.state.opaque || own.state.mid_statement();
    let View { conn, state } = own.view();
    let asked = timeout_at(deadline, async {
        statement::settle_suspicion::<DB>(conn, state).await?;
        if ask && state.tx.as_ref().is_some_and(|tx| tx.poison.is_none()) {
            statement::ask_whether_open::<DB>(conn, state, statement::ended_unseen).await?;
        }
        Ok::<_, sqlx::Error>(())
    });
    match asked.await {
        Err(_) => Undo::WithError(Error::deadline("the transaction to be ready to commit")),
        // A failed question has left its error in the state.
        Ok(_) => own.state.tx.as_ref().map_or(Undo::No, |tx| tx.must_undo(0)),
    }
}

/// Rolls back because of `failed`: a class of error, and the error if it is not the body's own.
async fn roll_back<DB: Backend>(
    own: Box<Own<DB>>,
    core: &mut CallCore,
    defaults: &Defaults,
    failed_with: (Class, Option<Error>),
    late: bool,
) -> End {
    let (class, error) = failed_with;
    let refined = DB::refine(class, !core.op.read_only && !own.state.read_only);
    let hooks = undo(own, core.deadline, late || refined != class).await;
    failed(core, defaults, (refined, error), hooks).await
}

/// The transaction is gone; is there another attempt?
async fn failed(
    core: &mut CallCore,
    defaults: &Defaults,
    failed_with: (Class, Option<Error>),
    hooks: Hooks,
) -> End {
    let (class, error) = failed_with;
    if core.try_again(defaults, class, Effect::None).await {
        return End::Again;
    }
    let outcome = core.conclude(Outcome::RolledBack);
    hooks.run(Outcome::RolledBack, core.op).await;
    match error {
        Some(error) => End::Replace(error, outcome),
        None => End::Keep(outcome),
    }
}

/// Rolls back and gives the connection back, and returns the hooks. An error on the way is not the
/// caller's: a connection that cannot roll back is discarded, which does.
async fn undo<DB: Backend>(mut own: Box<Own<DB>>, deadline: Instant, at_once: bool) -> Hooks {
    let usable = !at_once && !own.state.broken && !own.state.mid_statement() && {
        let conn = own.view().conn;
        let rolled_back = timeout_at(deadline, DB::TransactionManager::rollback(conn)).await;
        if let Ok(Err(error)) = &rolled_back {
            tracing::debug!(%error, "rollback failed; the connection is discarded");
        }
        matches!(rolled_back, Ok(Ok(())))
    };
    let (mut lease, hooks) = own.take();
    lease.unfinished = !usable;
    give_back(lease, deadline, at_once).await;
    hooks
}

/// Gives the connection back. Where an attempt may follow, it first waits until what was left on
/// this one is gone; that goes on by itself when the deadline passes.
async fn give_back<DB: Backend>(lease: Lease<DB>, deadline: Instant, at_once: bool) {
    if at_once {
        drop(lease);
    } else {
        drop(timeout_at(deadline, lease.release()).await);
    }
}
