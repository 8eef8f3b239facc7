//! The bell that this process rings when it has changed a job, for watchers whose database cannot notify.
//!
//! There is one for all databases of the process: a watcher that looks in vain, because the job was one of
//! another database, finds that nothing has changed.

use std::sync::LazyLock;

use tokio::sync::broadcast::{Receiver, Sender};

/// How many changes are kept for a watcher that is busy.
const KEPT: usize = 1024;

static BELL: LazyLock<Sender<i64>> = LazyLock::new(|| Sender::new(KEPT));

/// Tells that this job has changed.
pub(in crate::jobs) fn ring(job: i64) {
    // It is no mistake if nobody listens.
    let _ = BELL.send(job);
}

/// Returns what hears the bell from now on.
pub(in crate::jobs) fn ears() -> Receiver<i64> {
    BELL.subscribe()
}
