//! How an attempt ends whose session the call has opened.

use sqlx_core::transaction::TransactionManager;
use tokio::time::Instant;

use super::call_loop::Following;
use super::commit::{self, Committed, NotCommitted};
use super::own::OwnSession;
use super::retry::{AtOnce, BodyRan, FailedAttempt};
use super::state::CallState;
use crate::backend::{Backend, Leftover};
use crate::error::{Category, Class, Effect, Error, ErrorKind, Outcome};
use crate::policy::Defaults;
use crate::pool::{Lease, Origin};
use crate::rt::{Moment, Timer};
use crate::session::{self, Due, TxState, Undo, View, ended_unseen, left_open};

/// Whether the statements of a session without a transaction may have left something behind, if its
/// body returned this class of error.
pub(super) async fn effect_of_statements<DB: Backend>(
    view: View<'_, DB>,
    class: Class,
    deadline: Instant,
    timer: &mut Timer,
) -> Effect {
    let View { conn, state } = view;
    let effect = state.effect(class);
    let certain = state.untouched() || state.read_only;
    let constraint = class.category == Category::Integrity || class.kind == ErrorKind::Raised;
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

/// Returns the error that contradicts the `Ok` of a body: a statement whose rows the body has
/// dropped has failed, or its effect is not known. Waits for the end of such a statement first.
/// `None` if the body has failed itself, with this class of error.
pub(super) async fn contradiction<DB: Backend>(
    view: View<'_, DB>,
    call: &mut CallState,
    failure: Option<Class>,
) -> Option<Error> {
    if failure.is_some() {
        return None;
    }
    let View { conn, state } = view;
    if state.is_unread() {
        let deadline = call.deadline();
        let drained = Box::pin(session::drain::<DB>(conn, state));
        let _ = call.timer.until(deadline, drained).await;
    }
    state.contradiction()
}

/// Ends a session without a transaction, whose body has failed with this class of error, or at the
/// deadline (`late`).
pub(super) async fn end_operation<DB: Backend>(
    mut own: Box<OwnSession<DB>>,
    call: &mut CallState,
    defaults: &Defaults,
    failure: Option<Class>,
    late: bool,
) -> Following {
    let contradiction = contradiction(own.view(), call, failure).await;
    let body = own.report(call, failure);
    if let Some(error) = &contradiction {
        call.saw(error);
    }
    let class = failure.or(contradiction.as_ref().map(Error::class));
    let refined = class.map(|class| DB::refine(class, !call.op.read_only));
    let left = match own.state.left() {
        // What the body sent over the raw connection may be running still.
        Leftover::Transaction if late => Leftover::Unfinished,
        _ if refined.is_some_and(is_spoiled) => Leftover::Unfinished,
        left => left,
    };
    let effect = match class {
        Some(class) => {
            let (deadline, timer) = (call.deadline(), &mut call.timer);
            Some(effect_of_statements(own.view(), class, deadline, timer).await)
        }
        None => None,
    };
    let no_answer = own.state.broken && own.state.first_answer_is_missing();
    // A block of its own, so that the call's future has no room for a lease.
    let (siblings, giving_back) = {
        let (mut lease, _) = own.take();
        lease.left = left;
        let was_dead = no_answer && lease.origin == Origin::Idle;
        let siblings = lease.pool_size().filter(|_| was_dead);
        // The clean-up is waited for only where another attempt may follow.
        (siblings, give_back(lease, call, late || class.is_none()))
    };
    giving_back.await;

    let (Some(class), Some(effect)) = (refined, effect) else {
        return Following::Return(call.conclude(Outcome::Committed));
    };
    let failed = FailedAttempt {
        // A connection that was lost while it was idle has seen no attempt at all.
        at_once: siblings.map(|of| AtOnce::DeadConnection { of }),
        ..FailedAttempt::of_body(class, effect, body)
    };
    if call.follow(defaults, &failed).await {
        return Following::Attempt;
    }
    let outcome = call.conclude(effect.outcome());
    match contradiction {
        Some(error) => Following::Replace(error, outcome),
        None => Following::Return(outcome),
    }
}

/// Whether another attempt needs another connection: the statements of this connection are prepared
/// for a schema that is gone, or its server is a standby now.
fn is_spoiled(class: Class) -> bool {
    class.kind == ErrorKind::StalePlan || class == Class::DEMOTED
}

/// Ends a transaction: commits it, or rolls it back. `kept`: the result that a `once` call stores.
pub(super) async fn end_transaction<DB: Backend>(
    mut own: Box<OwnSession<DB>>,
    call: &mut CallState,
    defaults: &Defaults,
    failure: Option<Class>,
    late: bool,
    kept: Option<String>,
) -> Following {
    own.state.stop_idling(Moment::now());
    let body = own.report(call, failure);
    if let Some(class) = failure {
        if own.state.opaque && !late && !own.state.mid_statement() {
            // Was what the body sent over the raw connection still inside the transaction?
            drop(verdict(own.view(), call).await);
        }
        let why = RollBack {
            class,
            error: None,
            body,
            late,
        };
        return roll_back(own, call, defaults, why).await;
    }
    match verdict(own.view(), call).await {
        Undo::No => {}
        Undo::Quietly => {
            let outcome = call.conclude(own.state.effect_of_rollback(false).outcome());
            call.due = undo(own, call, false).await.for_later();
            call.run_due().await;
            return Following::Return(outcome);
        }
        Undo::WithError(error) => {
            let why = RollBack::with(error, body, false);
            return roll_back(own, call, defaults, why).await;
        }
    }
    if let (Some(marker), Some(result)) = (&call.once, kept) {
        let storing = marker.store(own.view(), call.op, &result);
        let deadline = call.deadline();
        let stored = call.timer.until(deadline, Box::pin(storing)).await;
        let late = stored.is_err();
        let stored = stored.unwrap_or_else(|_| Err(Error::deadline("its result to be stored")));
        if let Err(error) = stored {
            let why = RollBack::with(error, body, late);
            return roll_back(own, call, defaults, why).await;
        }
    }
    commit(own, call, defaults, body).await
}

/// Commits a transaction, whose hooks run before this returns.
async fn commit<DB: Backend>(
    own: Box<OwnSession<DB>>,
    call: &mut CallState,
    defaults: &Defaults,
    body: BodyRan,
) -> Following {
    call.commits();
    let timer = std::mem::take(&mut call.timer);
    let permit = call.permit.take();
    let running = call.running.take();
    let NotCommitted {
        error,
        outcome,
        unanswered,
        due,
        timer,
        permit,
        running,
    } = match commit::commit(own, call.deadline(), timer, call.op, permit, running).await {
        Committed::Yes(took) => {
            call.report_answer(took);
            return Following::Return(call.conclude(Outcome::Committed));
        }
        Committed::No(not_committed) => not_committed,
    };
    if let Some(waited) = unanswered {
        call.report_silence(waited);
    }
    call.due = due.for_later();
    call.timer = timer;
    call.permit = permit;
    call.running = running;
    let effect = Effect::of(outcome);
    let failed = FailedAttempt::of_body(error.class(), effect, body);
    after_transaction(call, defaults, &failed, Some(error)).await
}

/// Finds out whether a transaction may be committed whose body returned `Ok`.
pub(super) async fn verdict<DB: Backend>(view: View<'_, DB>, call: &mut CallState) -> Undo {
    let View { conn, state } = view;
    let unseen = state.opaque || state.mid_statement();
    let ask = unseen && state.tx.as_ref().is_some_and(TxState::can_be_asked);
    if unseen || state.suspicion().is_some() {
        let deadline = call.deadline();
        let asking = Box::pin(async {
            session::settle_transaction::<DB>(conn, state).await?;
            if ask {
                session::ask_whether_open::<DB>(conn, state, ended_unseen()).await?;
            }
            Ok::<_, sqlx::Error>(())
        });
        // If the question fails, its error is in the state.
        if call.timer.until(deadline, asking).await.is_err() {
            if let Some(tx) = &mut state.tx {
                tx.is_not_answered();
            }
            return Undo::WithError(Error::deadline("the transaction to be ready to commit"));
        }
    }
    let Some(tx) = &mut state.tx else {
        return Undo::No;
    };
    // The driver counts what it has begun and ended by itself. It may have been behind before the
    // questions were answered.
    let depth = DB::TransactionManager::get_transaction_depth(conn);
    if depth > tx.sqlx_depth {
        tx.poison(0, left_open());
    } else if depth < tx.sqlx_depth {
        // A `begin` on the raw connection that is dropped at the wrong moment rolls back the whole
        // transaction, and the statements after that commit by themselves.
        tx.poison(0, ended_unseen());
        tx.found_ended();
    }
    tx.must_undo(0)
}

/// Why a transaction is rolled back.
struct RollBack {
    class: Class,
    /// `None`: the body has returned the error itself.
    error: Option<Error>,
    body: BodyRan,
    /// The deadline has passed, so the call waits for nothing more.
    late: bool,
}

impl RollBack {
    fn with(error: Error, body: BodyRan, late: bool) -> Self {
        Self {
            class: error.class(),
            error: Some(error),
            body,
            late,
        }
    }
}

async fn roll_back<DB: Backend>(
    own: Box<OwnSession<DB>>,
    call: &mut CallState,
    defaults: &Defaults,
    why: RollBack,
) -> Following {
    let class = DB::refine(why.class, !call.op.read_only);
    let effect = own.state.effect_of_rollback(why.late);
    let at_once = why.late || is_spoiled(class);
    call.due = undo(own, call, at_once).await.for_later();
    let body = BodyRan {
        past_transaction: effect == Effect::Possible,
        ..why.body
    };
    let failed = FailedAttempt::of_body(class, effect, body);
    after_transaction(call, defaults, &failed, why.error).await
}

/// Goes on after a transaction that was not committed: to another attempt, or to the end of the
/// call.
async fn after_transaction(
    call: &mut CallState,
    defaults: &Defaults,
    failed: &FailedAttempt,
    error: Option<Error>,
) -> Following {
    let error = error.map(|error| call.why_late(error));
    if let Some(error) = &error {
        call.saw(error);
    }
    if call.follow(defaults, failed).await {
        return Following::Attempt;
    }
    let outcome = call.conclude(failed.effect.outcome());
    call.run_due().await;
    match error {
        Some(error) => Following::Replace(error, outcome),
        None => Following::Return(outcome),
    }
}

/// Rolls back, gives the connection back, and returns the hooks that are due then. The caller is
/// not told of an error on the way: a connection that cannot roll back is closed, which rolls back
/// as well. `at_once`: the connection is closed without a wait for `ROLLBACK`.
pub(super) async fn undo<DB: Backend>(
    mut own: Box<OwnSession<DB>>,
    call: &mut CallState,
    at_once: bool,
) -> Due {
    let deadline = call.deadline();
    let usable = !at_once && own.state.left() != Leftover::Unfinished && {
        let conn = own.view().conn;
        let rolling_back = DB::TransactionManager::rollback(conn);
        let rolled_back = call.timer.until(deadline, rolling_back).await;
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
    let outcome = own.state.effect_of_rollback(at_once).outcome();
    let (mut lease, hooks) = own.take();
    let due = Due::new(hooks, outcome, op);
    lease.left = left;
    give_back(lease, call, at_once).await;
    due
}

/// Gives the connection back. Unless `at_once`, waits until what was left on it has been undone, at
/// most until the deadline; the clean-up then continues in the background.
fn give_back<DB: Backend>(
    lease: Lease<DB>,
    call: &mut CallState,
    at_once: bool,
) -> impl Future<Output = ()> {
    let deadline = call.deadline();
    let giving_back = (!at_once).then(|| lease.give_back(deadline, &mut call.timer));
    async move {
        if let Some(giving_back) = giving_back {
            giving_back.await;
        }
    }
}
