//! [`Maintenance`]: the task of tokio that runs the tasks of maintenance, and its handle.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::tasks::{Maintained, Task, Work, carry_out};
use crate::db::Db;
use crate::error::Result;
use crate::rt::here_or_background;

/// The longest time before a task runs for the first time.
const FIRST: Duration = Duration::from_secs(60);
/// How long after a first failure a task runs again, if its period is longer. After each further failure
/// it is twice as long.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// The handle of maintenance that runs, from [`MaintenanceBuilder::start`](super::MaintenanceBuilder).
/// The maintenance ends when the handle is dropped.
#[must_use = "the maintenance ends when the handle is dropped"]
pub struct Maintenance {
    stop: DropGuard,
    supervisor: JoinHandle<()>,
}

impl Maintenance {
    /// Ends the maintenance, and waits until that is done. A task that runs is stopped where it stands,
    /// as a call that is dropped, and is done again when maintenance is started the next time.
    ///
    /// If the future is dropped, the maintenance ends all the same.
    pub async fn stop(self) {
        drop(self.stop);
        // The supervisor catches panics of its tasks. It may have been ended with its runtime.
        let _ = self.supervisor.await;
    }

    /// Whether the maintenance has ended, because its [`Db`] was shut down or its runtime has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.supervisor.is_finished()
    }
}

impl fmt::Debug for Maintenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Maintenance")
            .field("has_ended", &self.has_ended())
            .finish()
    }
}

/// Starts the supervisor of these tasks.
pub(super) fn start<DB: Maintained>(db: Db<DB>, tasks: Vec<Task>) -> Maintenance {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let supervisor = here_or_background().spawn(async move {
        let deletes_markers = tasks.iter().any(|task| task.work == Work::OnceMarkers);
        let markers = &db.defaults().marker_clean_up;
        let _taken_over = deletes_markers.then(|| markers.take_over());
        // Whatever runs when one of the two comes is dropped where it stands.
        let supervised = supervise(&db, tasks);
        let until_shutdown = db.running().shutdown().run_until_cancelled(supervised);
        stopped.run_until_cancelled(until_shutdown).await;
    });
    Maintenance {
        stop: stop.drop_guard(),
        supervisor,
    }
}

/// A task, and when it runs next.
struct Scheduled {
    task: Task,
    due: Instant,
    /// How often it has failed since it last succeeded.
    failures: u32,
}

impl Scheduled {
    fn first(task: Task) -> Self {
        let within = task.every.min(FIRST);
        Self {
            task,
            due: Instant::now() + within.mul_f64(fastrand::f64()),
            failures: 0,
        }
    }

    /// Sets when the task runs again. Some of the wait is random, so that many processes that have
    /// started at the same time do not go on at the same time.
    fn again(&mut self, succeeded: bool) {
        let wait = match succeeded {
            true => {
                self.failures = 0;
                self.task.every
            }
            false => {
                let doubled = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
                self.failures = (self.failures + 1).min(31);
                self.task.every.min(AFTER_FAILURE.saturating_mul(doubled))
            }
        };
        self.due = Instant::now() + wait.mul_f64(0.9 + 0.2 * fastrand::f64());
    }
}

/// Runs the tasks one after the other, each when it is due, for ever.
async fn supervise<DB: Maintained>(db: &Db<DB>, tasks: Vec<Task>) {
    let has = |task: &Task| DB::has(task.work);
    let mut all: Vec<_> = tasks
        .into_iter()
        .filter(has)
        .map(Scheduled::first)
        .collect();
    let mut turn = DB::Turn::default();
    while let Some(next) = all.iter_mut().min_by_key(|scheduled| scheduled.due) {
        sleep_until(next.due).await;
        let task = next.task;
        let ran = AssertUnwindSafe(in_turn(db, &mut turn, task))
            .catch_unwind()
            .await;
        let failure = match ran {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("it panicked".to_owned()),
        };
        if let Some(failure) = &failure {
            tracing::error!(
                db.operation.name = task.work.op().name,
                dbop.failures = next.failures + 1,
                error.message = failure,
                "maintenance has failed, and is tried again later"
            );
        }
        next.again(failure.is_none());
    }
    // There is nothing to do, and the handle may still be stopped.
    std::future::pending().await
}

/// Does a task, for as long as it is this process's turn: it takes its turn anew for each part.
async fn in_turn<DB: Maintained>(db: &Db<DB>, turn: &mut DB::Turn, task: Task) -> Result<()> {
    while DB::take_turn(db, turn, task).await? {
        let done = AssertUnwindSafe(carry_out(db, task)).catch_unwind().await;
        if matches!(done, Ok(Ok(true))) {
            continue;
        }
        let succeeded = matches!(done, Ok(Ok(_)));
        let ended = DB::end_turn(db, turn, task, succeeded).await;
        return match done {
            Ok(done) => done.and(ended),
            Err(panic) => std::panic::resume_unwind(panic),
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_fails_is_due_again_later_and_later_but_never_later_than_its_period() {
        let hour = Duration::from_secs(3600);
        let task = Task {
            every: hour,
            work: Work::Optimize,
        };
        let mut scheduled = Scheduled::first(task);
        assert!(scheduled.due <= Instant::now() + FIRST);
        let mut wait = |succeeded| {
            scheduled.again(succeeded);
            scheduled.due - Instant::now()
        };
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            let about = 60 * minutes;
            let wait = wait(false).as_secs();
            assert!((about * 9 / 10..=about * 11 / 10).contains(&wait), "{wait}");
        }
        for _ in 0..100 {
            assert!(wait(false) <= hour.mul_f64(1.1));
        }
        assert!(wait(true) >= hour.mul_f64(0.9));
        assert!(
            wait(false) <= AFTER_FAILURE.mul_f64(1.1),
            "it had succeeded"
        );
    }
}
