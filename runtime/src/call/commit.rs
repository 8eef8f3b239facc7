//! `COMMIT`, which nobody may interrupt.
//!
//! Once it is sent, only the server's answer tells what became of it. So the connection moves into
//! a future of its own, which goes on when the caller goes away, together with the hooks that
//! follow.

use std::time::Duration;

use sqlx_core::transaction::TransactionManager;
use tokio::time::Instant;

use super::own::Own;
use crate::backend::Backend;
use crate::classify::{Category, Class, Kind, Retry};
use crate::error::{Error, Outcome};
use crate::hooks::Due;
use crate::op::Op;
use crate::timer::Timer;
use crate::uninterrupted::Uninterrupted;

/// How long past the deadline the answer is waited for.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// What became of it. The hooks of the last two run unless another attempt follows.
pub(super) enum Committed {
    /// Committed after so long; the hooks have run.
    Yes(Duration),
    /// Rolled back.
    No(Error, Due),
    /// The answer was lost.
    Unknown(Error, Due),
}

pub(super) fn commit<DB: Backend>(
    own: Box<Own<DB>>,
    deadline: Instant,
    mut timer: Timer,
    op: &'static Op,
) -> Uninterrupted<Committed> {
    Uninterrupted::new(async move {
        let left = own.state.left();
        let (mut lease, hooks) = own.take();
        let asked = Instant::now();
        let committing = DB::TransactionManager::commit(lease.conn());
        let answer = timer.until(deadline + GRACE, committing).await;
        match answer {
            Ok(Ok(())) => {
                let took = asked.elapsed();
                lease.left = left;
                lease.release().await;
                Due::new(hooks, Outcome::Committed, op).run().await;
                Committed::Yes(took)
            }
            Ok(Err(error)) if DB::outcome_of_failed_commit(&error) == Outcome::RolledBack => {
                lease.release().await;
                Committed::No(error.into(), Due::new(hooks, Outcome::RolledBack, op))
            }
            answer => {
                drop(lease);
                let error = match answer {
                    Ok(Err(error)) => error.into(),
                    _ => Error::deadline("the answer to COMMIT"),
                };
                Committed::Unknown(lost(error), Due::new(hooks, Outcome::Unknown, op))
            }
        }
    })
}

/// Whatever cut the answer off, what it means for the call is that its effect is not known.
pub(crate) fn lost(error: Error) -> Error {
    let class = Class {
        category: Category::Ambiguous,
        kind: Kind::CompletionUnknown,
        retry: Retry::IfIdempotent,
    };
    error.reclassify(class).advise(
        "the answer to COMMIT was lost, so whether it was applied is not known; look before doing \
         it again, or declare the operation `idempotent`",
    )
}
