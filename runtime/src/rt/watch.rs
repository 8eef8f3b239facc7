//! [`Watched`]: what a task looks at from time to time, and only while there is anything to see.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::sleep;

/// What a task looks at from time to time.
///
/// Whoever adds something to look at starts the task with [`watch`] if none runs, and notes that one
/// does. The task ends by itself when it finds nothing, with what it looks at, or with its runtime.
pub(crate) trait Watched: Send + Sync + 'static {
    /// The time between two looks.
    fn pause(&self) -> Duration;

    /// Looks. Returns `false` if nothing is left to look at, and notes that no task runs from now on.
    fn look(&self) -> bool;

    /// Notes that no task runs from now on, because its runtime has ended.
    fn is_unwatched(&self);
}

/// Starts the task, which keeps nothing of what it looks at.
#[cold]
pub(crate) fn watch(watched: &Arc<impl Watched>, runtime: &Handle) {
    let task = Task(Arc::downgrade(watched));
    drop(runtime.spawn(task.run(watched.pause())));
}

/// Leads nowhere once the task has ended by itself.
struct Task<W: Watched>(Weak<W>);

impl<W: Watched> Task<W> {
    async fn run(mut self, pause: Duration) {
        loop {
            sleep(pause).await;
            let is_any_left = self.0.upgrade().is_some_and(|watched| watched.look());
            if !is_any_left {
                self.0 = Weak::new();
                return;
            }
        }
    }
}

impl<W: Watched> Drop for Task<W> {
    fn drop(&mut self) {
        if let Some(watched) = self.0.upgrade() {
            watched.is_unwatched();
        }
    }
}
