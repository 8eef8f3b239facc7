//! `COMMIT`, which nobody may interrupt.
//!
//! Once it is sent, only the server's answer tells what became of it. So the connection moves into
//! a future of its own, which goes on when the caller goes away, together with the hooks that
//! follow.

use std::time::Duration;

use sqlx_core::transaction::TransactionManager;
use tokio::time::Instant;

use super::own::OwnSession;
use super::state::Running;
use crate::backend::Backend;
use crate::error::{Error, Outcome};
use crate::op::Op;
use crate::rt::{Timer, Uninterrupted};
use crate::session::Due;

/// How long past the deadline the answer is waited for.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// What became of it.
pub(crate) enum Committed {
    /// Committed after so long; the hooks have run.
    Yes(Duration),
    /// Rolled back.
    No(Failed),
    /// The answer was lost, or not given for so long.
    Unknown(Failed, Option<Duration>),
}

/// A `COMMIT` that may be followed by another attempt.
pub(crate) struct Failed {
    pub(crate) error: Error,
    pub(crate) due: Due,
    /// The call's place among those that may run at once, for that attempt.
    pub(crate) place: Option<Running>,
}

pub(crate) fn commit<DB: Backend>(
    own: Box<OwnSession<DB>>,
    deadline: Instant,
    mut timer: Timer,
    op: &'static Op,
    place: Option<Running>,
) -> Uninterrupted<Committed> {
    Uninterrupted::new(async move {
        let left = own.state.left();
        // What only reads has nothing to commit, so its answer is not worth a longer wait, and a lost
        // one leaves nothing open.
        let writes = !own.only_reads();
        let grace = if writes { GRACE } else { Duration::ZERO };
        let (mut lease, hooks) = own.take();
        let asked = Instant::now();
        let committing = DB::TransactionManager::commit(lease.conn());
        let answer = timer.until(deadline + grace, committing).await;
        match answer {
            Ok(Ok(())) => {
                let took = asked.elapsed();
                lease.left = left;
                lease.release().await;
                // Another call's from now on, which may be one of a hook.
                drop(place);
                Due::new(hooks, Outcome::Committed, op).run().await;
                Committed::Yes(took)
            }
            Ok(Err(error)) if DB::outcome_of_failed_commit(&error) == Outcome::RolledBack => {
                lease.release().await;
                Committed::No(Failed {
                    error: error.into(),
                    due: Due::new(hooks, Outcome::RolledBack, op),
                    place,
                })
            }
            answer => {
                lease.was_lost();
                drop(lease);
                let (error, unanswered) = match answer {
                    Ok(Err(error)) => (error.into(), None),
                    _ => (
                        Error::deadline("the answer to COMMIT"),
                        Some(asked.elapsed()),
                    ),
                };
                if !writes {
                    return Committed::No(Failed {
                        error,
                        due: Due::new(hooks, Outcome::RolledBack, op),
                        place,
                    });
                }
                let failed = Failed {
                    error: error.commit_unanswered(),
                    due: Due::new(hooks, Outcome::Unknown, op),
                    place,
                };
                Committed::Unknown(failed, unanswered)
            }
        }
    })
}
