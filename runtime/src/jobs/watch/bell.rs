//! The bell that this process rings when it has changed a job, for watchers whose database does not notify.
//!
//! There is one for all databases of the process: a watcher that looks in vain, because the job was one of
//! another database, finds that nothing has changed.

use std::sync::LazyLock;

use tokio::sync::broadcast::{Receiver, Sender};

use crate::jobs::database::JobDatabase;
use crate::session::Tx;

/// How many changes are kept for a watcher that is busy.
const KEPT: usize = 1024;

static BELL: LazyLock<Sender<i64>> = LazyLock::new(|| Sender::new(KEPT));

/// Tells that this job has changed, if the database does not.
pub(in crate::jobs) fn ring<DB: JobDatabase>(job: i64) {
    if !DB::NOTIFIES {
        // It is no mistake if nobody listens.
        let _ = BELL.send(job);
    }
}

/// Tells that this job has changed, once the transaction has committed.
pub(in crate::jobs) fn ring_after_commit<DB: JobDatabase>(tx: &mut Tx<'_, DB>, job: i64) {
    if !DB::NOTIFIES {
        tx.after_commit(async move { ring::<DB>(job) });
    }
}

/// Returns what hears the bell from now on.
pub(super) fn ears() -> Receiver<i64> {
    BELL.subscribe()
}
