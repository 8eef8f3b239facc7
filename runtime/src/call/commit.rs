//! `COMMIT`, which nobody may interrupt, and what its answer means.
//!
//! Once `COMMIT` is sent, only the server's answer tells what became of it. So the connection moves
//! into a future of its own, together with the hooks that follow. That future goes on when the
//! caller goes away.
//!
//! | the answer | the transaction | the connection |
//! |---|---|---|
//! | success | committed | given back |
//! | an error that says that it was rolled back | rolled back | given back |
//! | any other error, or none in time; the transaction could write | unknown | discarded |
//! | the same; the transaction could only read | rolled back, since there was nothing to commit | discarded |

use std::time::Duration;

use sqlx_core::transaction::TransactionManager;
use tokio::time::Instant;

use super::own::OwnSession;
use super::state::Permit;
use crate::backend::Backend;
use crate::error::{Error, Outcome};
use crate::monitor::SessionState;
use crate::op::Op;
pub(crate) use crate::policy::GRACE;
use crate::policy::RunningCall;
use crate::rt::{Late, Timer, Uninterrupted};
use crate::session::Due;

/// What the answer to `COMMIT` means.
#[derive(Debug)]
pub(crate) enum CommitAnswer {
    Committed,
    /// The database says that the transaction was rolled back.
    RolledBack(Error),
    /// The driver says that the transaction was committed all the same.
    CommittedAllTheSame(Error),
    /// The database has not said what became of the transaction.
    Lost(Error),
}

impl CommitAnswer {
    /// Judges an answer by what an error of `COMMIT` means on this database.
    pub(crate) fn judge<E: Into<Error>>(
        answer: Result<Result<(), E>, Late>,
        outcome_of: impl FnOnce(&E) -> Outcome,
    ) -> Self {
        match answer {
            Ok(Ok(())) => Self::Committed,
            Ok(Err(error)) => match outcome_of(&error) {
                Outcome::RolledBack => Self::RolledBack(error.into()),
                Outcome::Committed => Self::CommittedAllTheSame(error.into()),
                Outcome::Unknown => Self::Lost(error.into()),
            },
            Err(Late) => Self::Lost(no_answer()),
        }
    }

    /// The error and the outcome of a call whose `COMMIT` has failed. `writes`: the transaction
    /// could write; otherwise there was nothing to commit.
    pub(crate) fn failure(self, writes: bool) -> Option<(Error, Outcome)> {
        match self {
            Self::Committed => None,
            Self::CommittedAllTheSame(error) => Some((error, Outcome::Committed)),
            Self::Lost(error) if writes => Some((error.commit_unanswered(), Outcome::Unknown)),
            Self::RolledBack(error) | Self::Lost(error) => Some((error, Outcome::RolledBack)),
        }
    }
}

/// The error of a `COMMIT` that has no answer in time.
pub(crate) fn no_answer() -> Error {
    Error::deadline("the answer to COMMIT")
}

/// What became of a transaction.
pub(super) enum Committed {
    /// The transaction was committed, after so long; its hooks have run.
    Yes(Duration),
    /// The transaction was rolled back, or its outcome is not known.
    No(NotCommitted),
}

/// A `COMMIT` that may be followed by another attempt.
pub(super) struct NotCommitted {
    pub(super) error: Error,
    pub(super) outcome: Outcome,
    /// For how long the server has not answered, if it has not.
    pub(super) unanswered: Option<Duration>,
    pub(super) due: Due,
    /// The timer, the permit and the count of the call, for another attempt.
    pub(super) timer: Timer,
    pub(super) permit: Option<Permit>,
    pub(super) running: Option<RunningCall>,
}

pub(super) fn commit<DB: Backend>(
    own: Box<OwnSession<DB>>,
    deadline: Instant,
    mut timer: Timer,
    op: &'static Op,
    permit: Option<Permit>,
    mut running: Option<RunningCall>,
) -> Uninterrupted<Committed> {
    Uninterrupted::new(async move {
        let left = own.state.left();
        // A transaction that only reads has nothing to commit. Its answer is not worth a longer
        // wait, and a lost answer leaves nothing open.
        let writes = !own.only_reads();
        let grace = if writes { GRACE } else { Duration::ZERO };
        let (mut lease, hooks) = own.take();
        let asked = Instant::now();
        lease.note(SessionState::Committing, asked);
        let committing = DB::TransactionManager::commit(lease.conn());
        let answer = timer.until(deadline + grace, committing).with_grace(grace);
        let answer = answer.await;
        let took = asked.elapsed();
        let unanswered = (answer.is_err() && writes).then_some(took);
        if let Some(running) = &mut running
            && unanswered.is_some()
            && running.is_past_cutoff()
        {
            running.was_cut_off(Outcome::Unknown);
        }
        let answer = CommitAnswer::judge(answer, DB::outcome_of_failed_commit);
        match &answer {
            CommitAnswer::Committed => {
                lease.left = left;
                lease.release().await;
            }
            CommitAnswer::RolledBack(_) => lease.release().await,
            CommitAnswer::CommittedAllTheSame(_) | CommitAnswer::Lost(_) => {
                lease.was_lost();
                drop(lease);
            }
        }
        let Some((error, outcome)) = answer.failure(writes) else {
            // From now on the permit is another call's, which may be one that a hook makes.
            drop(permit);
            let due = Due::new(hooks, Outcome::Committed, op);
            // A shutdown waits for the hooks, which are counted by now, and no longer for the call.
            drop(running);
            due.run().await;
            return Committed::Yes(took);
        };
        Committed::No(NotCommitted {
            error,
            outcome,
            unanswered,
            due: Due::new(hooks, outcome, op),
            timer,
            permit,
            running,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn failure(outcome: Outcome, writes: bool) -> (ErrorKind, Outcome) {
        let error = Error::programming(ErrorKind::Syntax, "a test");
        let answer = CommitAnswer::judge(Ok(Err(error)), |_| outcome);
        let (error, outcome) = answer.failure(writes).expect("an error");
        (error.kind(), outcome)
    }

    #[test]
    fn an_error_of_commit_means_what_the_driver_says() {
        use Outcome::{Committed, RolledBack, Unknown};
        assert_eq!(failure(RolledBack, true), (ErrorKind::Syntax, RolledBack));
        assert_eq!(failure(Committed, true), (ErrorKind::Syntax, Committed));
        assert_eq!(
            failure(Unknown, true),
            (ErrorKind::CompletionUnknown, Unknown)
        );
        assert_eq!(failure(Unknown, false), (ErrorKind::Syntax, RolledBack));
    }

    #[test]
    fn no_answer_leaves_the_outcome_open_unless_there_was_nothing_to_commit() {
        let failure = |writes| {
            let answer = CommitAnswer::judge::<Error>(Err(Late), |_| unreachable!("no error"));
            let (error, outcome) = answer.failure(writes).expect("an error");
            (error.kind(), outcome)
        };
        assert_eq!(
            failure(true),
            (ErrorKind::CompletionUnknown, Outcome::Unknown)
        );
        assert_eq!(failure(false), (ErrorKind::Timeout, Outcome::RolledBack));
    }
}
