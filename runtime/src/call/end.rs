//! The end of an attempt in a session of its own.

use sqlx_core::transaction::TransactionManager;
use tokio::time::Instant;

use super::attempt::End;
use super::commit::{self, Committed};
use super::own::OwnSession;
use super::state::CallCore;
use crate::backend::{Backend, Leftover};
use crate::error::{Category, Class, Effect, Error, Kind, Outcome};
use crate::policy::Defaults;
use crate::pool::{Lease, Origin};
use crate::rt::Timer;
use crate::session::{self, Due, Undo, View, ended_unseen};

/// What a session without a transaction may have left behind, if its body returned this.
pub(super) async fn effect_of_statements<DB: Backend>(
    view: View<'_, DB>,
    class: Class,
    deadline: Instant,
    timer: &mut Timer,
) -> Effect {
    let View { conn, state } = view;
    let effect = state.effect(class);
    let certain = state.untouched() || state.read_only;
    let constraint = class.category == Category::Integrity || class.kind == Kind::Raised;
    if effect == Effect::Possible || certain || !constraint {
        return effect;
    }
    match timer
        .until(deadline, Box::pin(DB::has_kept_rows(conn)))
        .await
    {
        Ok(false) => Effect::None,
        Ok(true) | Err(_) => Effect::Possible,
    }
}

/// Sees the statement to its end whose rows a body has let go that returned `Ok`. What became of the
/// statement is for the state's contradiction to say.
pub(super) async fn finish_unread<DB: Backend>(view: View<'_, DB>, core: &mut CallCore) {
    let View { conn, state } = view;
    if state.is_unread() {
        let deadline = core.deadline();
        let drained = Box::pin(session::drain::<DB>(conn, state));
        let _ = core.timer.until(deadline, drained).await;
    }
}

/// The end of a session without a transaction.
pub(super) async fn end_operation<DB: Backend>(
    mut own: Box<OwnSession<DB>>,
    core: &mut CallCore,
    defaults: &Defaults,
    failure: Option<Class>,
    late: bool,
) -> End {
    if failure.is_none() {
        finish_unread(own.view(), core).await;
    }
    own.report(core, failure);
    let state = &own.state;
    let contradiction = state.contradiction().filter(|_| failure.is_none());
    let class = failure.or(contradiction.as_ref().map(Error::class));
    let refined = class.map(|class| DB::refine(class, !core.op.read_only));
    let untouched = state.untouched();
    let spoiled = refined.is_some_and(is_spoiled);
    let left = match state.left() {
        // What went past dbop may be running still.
        Leftover::Transaction if late => Leftover::Unfinished,
        _ if spoiled => Leftover::Unfinished,
        left => left,
    };
    let effect = match class {
        Some(class) => {
            let (deadline, timer) = (core.deadline(), &mut core.timer);
            Some(effect_of_statements(own.view(), class, deadline, timer).await)
        }
        None => None,
    };
    let no_answer = own.state.broken && own.state.first_answer_is_missing();
    let (mut lease, _) = own.take();
    lease.left = left;
    let was_dead = no_answer && lease.origin == Origin::Idle;
    let siblings = lease.pool_size().filter(|_| was_dead);
    // Only where another attempt may follow does anyone have to wait for it.
    give_back(lease, core, late || class.is_none()).await;

    let (Some(class), Some(effect)) = (refined, effect) else {
        return End::Keep(core.conclude(Outcome::Committed));
    };
    if let Some(siblings) = siblings
        && effect == Effect::None
        && !core.is_last()
        && core.may_draw_again(siblings)
    {
        // It had been lost while it was idle, which is no attempt at all.
        return End::Again;
    }
    // A body that fails without having touched its session failed at something else, and whether
    // that can be repeated is not known here.
    let repeat = if untouched { Effect::Possible } else { effect };
    if core.try_again(defaults, class, repeat).await {
        return End::Again;
    }
    let outcome = core.conclude(effect.outcome());
    match contradiction {
        Some(error) => End::Replace(error, outcome),
        None => End::Keep(outcome),
    }
}

/// Another attempt needs another connection: this one's statements are prepared for a schema that
/// is gone, or its server is a standby now.
fn is_spoiled(class: Class) -> bool {
    class.kind == Kind::StalePlan
        || (class.kind == Kind::ReadOnly && class.category == Category::Transient)
}

/// The end of a transaction: commit it, or roll it back.
pub(super) async fn end_transaction<DB: Backend>(
    mut own: Box<OwnSession<DB>>,
    core: &mut CallCore,
    defaults: &Defaults,
    failure: Option<Class>,
    late: bool,
    kept: Option<String>,
) -> End {
    own.state.stop_idling(Instant::now());
    own.report(core, failure);
    if let Some(class) = failure {
        if own.state.opaque && !late && !own.state.mid_statement() {
            // Was what the body did past dbop still inside the transaction?
            drop(verdict(&mut own, core).await);
        }
        return roll_back(own, core, defaults, (class, None), late).await;
    }
    match verdict(&mut own, core).await {
        Undo::No => {}
        Undo::Quietly => {
            let outcome = core.conclude(own.effect(false).outcome());
            core.due = undo(own, core, false).await.for_later();
            core.run_due().await;
            return End::Keep(outcome);
        }
        Undo::WithError(error) => {
            let failed = (error.class(), Some(error));
            return roll_back(own, core, defaults, failed, false).await;
        }
    }
    if let (Some(marker), Some(result)) = (&core.once, kept) {
        let storing = marker.store(own.view(), core.op, &result);
        let deadline = core.until.expect("the call has entered");
        let stored = core.timer.until(deadline, Box::pin(storing)).await;
        let late = stored.is_err();
        let stored = stored.unwrap_or_else(|_| Err(Error::deadline("its result to be stored")));
        if let Err(error) = stored {
            let failed = (error.class(), Some(error));
            return roll_back(own, core, defaults, failed, late).await;
        }
    }
    core.committing = true;
    let committed = commit::commit(
        own,
        core.deadline(),
        std::mem::take(&mut core.timer),
        core.op,
        core.take_place(),
    )
    .await;
    core.committing = false;
    let (failure, effect) = match committed {
        Committed::Yes(took) => {
            core.answered(took);
            return End::Keep(core.conclude(Outcome::Committed));
        }
        Committed::No(failure) => (failure, Effect::None),
        Committed::Unknown(failure, unanswered) => {
            if let Some(waited) = unanswered {
                core.unanswered(waited);
            }
            (failure, Effect::Possible)
        }
    };
    let commit::Failed { error, due, place } = failure;
    core.due = due.for_later();
    core.keep_place(place);
    failed(core, defaults, (error.class(), Some(error)), effect).await
}

/// Whether a transaction whose body said `Ok` may be committed.
async fn verdict<DB: Backend>(own: &mut OwnSession<DB>, core: &mut CallCore) -> Undo {
    let ask = own.state.opaque || own.state.mid_statement();
    let View { conn, state } = own.view();
    let depth = DB::TransactionManager::get_transaction_depth(conn);
    if depth != 1 {
        state.poison(0, ended_unseen());
    }
    // A helper's `begin` that is dropped at the wrong moment rolls back ours, and what comes after
    // commits by itself.
    if let Some(tx) = &mut state.tx
        && depth == 0
    {
        tx.found_ended();
    }
    if ask || state.suspicion().is_some() {
        let deadline = core.deadline();
        let asking = Box::pin(async {
            session::settle_suspicion::<DB>(conn, state).await?;
            if ask {
                session::ask_whether_open::<DB>(conn, state, ended_unseen()).await?;
            }
            Ok::<_, sqlx::Error>(())
        });
        // A question that fails leaves its error in the state.
        if core.timer.until(deadline, asking).await.is_err() {
            if let Some(tx) = &mut own.state.tx {
                tx.is_not_answered();
            }
            return Undo::WithError(Error::deadline("the transaction to be ready to commit"));
        }
    }
    own.state.tx.as_ref().map_or(Undo::No, |tx| tx.must_undo(0))
}

/// Rolls back because of `failed_with`: a class of error, and the error if it is not the body's.
async fn roll_back<DB: Backend>(
    own: Box<OwnSession<DB>>,
    core: &mut CallCore,
    defaults: &Defaults,
    failed_with: (Class, Option<Error>),
    late: bool,
) -> End {
    let (class, error) = failed_with;
    let refined = DB::refine(class, !core.op.read_only);
    let effect = own.effect(late);
    // What went past the transaction is covered by no marker.
    core.single |= core.op.once && effect == Effect::Possible;
    let at_once = late || is_spoiled(refined);
    core.due = undo(own, core, at_once).await.for_later();
    failed(core, defaults, (refined, error), effect).await
}

/// The transaction is gone; is there another attempt?
async fn failed(
    core: &mut CallCore,
    defaults: &Defaults,
    failed_with: (Class, Option<Error>),
    effect: Effect,
) -> End {
    let (class, error) = failed_with;
    if core.try_again(defaults, class, effect).await {
        return End::Again;
    }
    let outcome = core.conclude(effect.outcome());
    core.run_due().await;
    match error {
        Some(error) => End::Replace(error, outcome),
        None => End::Keep(outcome),
    }
}

/// Rolls back and gives the connection back, and returns the hooks for that. An error on the way
/// is not the caller's: a connection that cannot roll back is discarded, which does.
pub(super) async fn undo<DB: Backend>(
    mut own: Box<OwnSession<DB>>,
    core: &mut CallCore,
    at_once: bool,
) -> Due {
    let deadline = core.deadline();
    let usable = !at_once && own.state.left() != Leftover::Unfinished && {
        let conn = own.view().conn;
        let rolling_back = DB::TransactionManager::rollback(conn);
        let rolled_back = core.timer.until(deadline, rolling_back).await;
        if let Ok(Err(error)) = &rolled_back {
            tracing::debug!(%error, "rollback failed; the connection is discarded");
        }
        matches!(rolled_back, Ok(Ok(())))
    };
    let op = own.state.op;
    let left = if usable {
        own.state.left()
    } else {
        Leftover::Unfinished
    };
    let outcome = own.effect(at_once).outcome();
    let (mut lease, hooks) = own.take();
    let due = Due::new(hooks, outcome, op);
    lease.left = left;
    give_back(lease, core, at_once).await;
    due
}

/// Gives the connection back. Where an attempt may follow, it first waits until what was left on
/// this one is gone; that goes on by itself when the deadline passes.
async fn give_back<DB: Backend>(lease: Lease<DB>, core: &mut CallCore, at_once: bool) {
    if at_once {
        drop(lease);
    } else {
        lease.give_back(core.deadline(), &mut core.timer).await;
    }
}
