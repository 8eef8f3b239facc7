//! [`CallersTransaction`]: a transaction on a connection of the caller's.
//!
//! If sqlx counts no transaction on the connection, the call begins one and ends it. Otherwise the
//! caller has begun a transaction, and the call joins that by a savepoint of sqlx's: a body that
//! fails undoes only its own work, and what a body has done is committed or rolled back by the
//! caller. There is one attempt, because a failure may concern what the caller did before.
//!
//! | dropped during | the connection | the database |
//! |---|---|---|
//! | `BEGIN` | rolls back before its next statement | untouched |
//! | `SAVEPOINT` | may have savepoints that nobody uses | untouched |
//! | the body, `ROLLBACK` | rolls back before its next statement | rolled back |
//! | `COMMIT` | may be in the middle of it; sends no second one | committed or rolled back |
//! | the end of a savepoint | may have savepoints that nobody uses | undone (Postgres), or kept for the caller to commit (SQLite) |

mod begin;

use sqlx_core::transaction::TransactionManager;
use tokio::time::Instant;

pub(super) use begin::OnConnection;

use super::call_loop::Following;
use super::commit::{self, CommitAnswer};
use super::end;
use super::on_connection::{Borrowed, GRACE, lift_limit};
use super::state::CallState;
use crate::backend::Backend;
use crate::error::{Class, Error, ErrorKind, Outcome};
use crate::rt::Moment;
use crate::session::{Due, Hooks, State, Undo, View};

/// A transaction, or a savepoint in the caller's transaction. When it is dropped before its end, it
/// is rolled back.
#[derive(Debug)]
pub(super) struct CallersTransaction<'a, DB: Backend> {
    conn: Borrowed<'a, DB>,
    state: Box<State>,
    limit: Option<DB::RawLimit>,
    /// How many transactions and savepoints sqlx counted before.
    outer: usize,
    open: bool,
    /// Whether the end of the transaction or the savepoint was sent.
    ends: bool,
}

/// How the work of a transaction ends.
enum End {
    Keep,
    Undo {
        /// The error that replaces what the body returned, if any.
        replaced: Option<Error>,
        late: bool,
    },
}

impl<DB: Backend> CallersTransaction<'_, DB> {
    pub(super) fn view(&mut self) -> View<'_, DB> {
        View {
            conn: self.conn.conn(),
            state: &mut self.state,
        }
    }

    /// Ends a call whose body has failed with this class of error, or at the deadline (`late`).
    pub(super) async fn end(
        mut self,
        call: &mut CallState,
        failure: Option<Class>,
        late: bool,
    ) -> Following {
        self.state.stop_idling(Moment::now());
        let (error, outcome) = match self.decide(call, failure, late).await {
            End::Undo { replaced, late } => (replaced, self.undo(call, late).await),
            End::Keep if self.outer == 0 => self.commit(call).await,
            End::Keep => self.release(call).await,
        };
        if let Some(error) = &error {
            call.saw(error);
        }
        if self.outer > 0 && !self.open {
            DB::remove_floor(self.conn.conn(), self.outer);
        }
        // What could not be rolled back in time would be waited for once more.
        if let Some(limit) = self.limit.take().filter(|_| !self.open) {
            let stop = late.then(|| self.state.only_reads());
            lift_limit::<DB>(self.conn.conn(), limit, call, stop).await;
        }
        let outcome = call.conclude(outcome);
        call.due = self.due(outcome).for_later();
        call.run_due().await;
        match error {
            Some(error) => Following::Replace(error, outcome),
            None => Following::Return(outcome),
        }
    }

    async fn decide(&mut self, call: &mut CallState, failure: Option<Class>, late: bool) -> End {
        if failure.is_some() {
            if self.state.opaque && !late && !self.state.mid_statement() {
                // Was what the body sent over the raw connection still inside the transaction?
                drop(end::verdict(self.view(), call).await);
            }
            let replaced = None;
            return End::Undo { replaced, late };
        }
        let undo = |replaced| End::Undo { replaced, late };
        match end::verdict(self.view(), call).await {
            Undo::Quietly => undo(None),
            Undo::WithError(error) => undo(Some(error)),
            Undo::No if self.outer > 0 && self.hooks().len() > 0 => undo(Some(no_hooks())),
            Undo::No => End::Keep,
        }
    }

    async fn commit(&mut self, call: &mut CallState) -> (Option<Error>, Outcome) {
        call.commits();
        self.ends = true;
        let until = call.deadline() + commit::GRACE;
        let committing = DB::TransactionManager::commit(self.conn.conn());
        let answer = call.timer.until(until, committing).await;
        let was_cut = answer.is_err();
        let answer = CommitAnswer::judge(answer, DB::outcome_of_failed_commit);
        match answer.failure(true) {
            None => {
                self.open = false;
                (None, Outcome::Committed)
            }
            Some((error, outcome)) => {
                if !was_cut {
                    // Only the count of sqlx is left to be put right.
                    self.undo(call, false).await;
                }
                (Some(error), outcome)
            }
        }
    }

    /// Leaves the work of the savepoint to the caller's transaction.
    async fn release(&mut self, call: &mut CallState) -> (Option<Error>, Outcome) {
        call.commits();
        self.ends = true;
        let until = call.deadline() + commit::GRACE;
        let releasing = DB::TransactionManager::commit(self.conn.conn());
        match call.timer.until(until, releasing).await {
            Ok(Ok(())) => {
                self.open = false;
                (None, Outcome::Committed)
            }
            Ok(Err(error)) => {
                if let Some(tx) = &mut self.state.tx {
                    // The savepoint is not there any more if the body has ended the transaction.
                    tx.found_ended();
                }
                let outcome = self.undo(call, false).await;
                (Some(error.into()), outcome)
            }
            Err(_) => (
                Some(Error::deadline("the end of its savepoint")),
                Outcome::Unknown,
            ),
        }
    }

    /// Rolls back, and returns the outcome. Whatever cannot be rolled back in time is rolled back
    /// before the next statement on the connection.
    async fn undo(&mut self, call: &mut CallState, late: bool) -> Outcome {
        let outcome = self.state.effect_of_rollback(late).outcome();
        if let (true, Some(limit)) = (late, &self.limit) {
            DB::stop_at_limit(limit, self.state.only_reads());
        }
        let until = call.deadline().max(Instant::now()) + GRACE;
        let (conn, outer) = (self.conn.conn(), self.outer);
        let rolling_back = Box::pin(DB::roll_back_to(conn, outer));
        match call.timer.until(until, rolling_back).await {
            Ok(Ok(())) => self.open = false,
            Ok(Err(error)) => {
                tracing::debug!(%error, "rollback failed on a connection of the caller's");
            }
            Err(_) => {}
        }
        outcome
    }

    fn hooks(&mut self) -> &mut Hooks {
        let tx = self.state.tx.as_mut();
        &mut tx.expect("a transaction has its state").hooks
    }

    fn due(&mut self, outcome: Outcome) -> Due {
        let op = self.state.op;
        Due::new(std::mem::take(self.hooks()), outcome, op)
    }
}

impl<DB: Backend> Drop for CallersTransaction<'_, DB> {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        DB::roll_back_later(self.conn.conn(), self.outer);
        let outcome = match self.ends {
            true => Outcome::Unknown,
            false => self.state.effect_of_rollback(true).outcome(),
        };
        drop(self.due(outcome));
    }
}

/// Returns the error for hooks in a transaction whose end dbop does not see.
fn no_hooks() -> Error {
    Error::programming(
        ErrorKind::TransactionState,
        "its hooks wait for the end of the caller's transaction, which sqlx ends and dbop does not \
         see; pass `&db`, `&pool` or the `&mut *tx` of a `#[transactional]`, or do without hooks",
    )
}
