//! [`Returns`]: connections on their way back to a pool, none of which may take for ever.
//!
//! A driver asks the server before it takes a connection back, and waits for as long as the answer
//! takes. A timer for each connection would cost more than all the rest of giving it back. So one
//! task looks at all returning connections from time to time, and only while there are any.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::rt::{Watched, watch};

/// The connections on their way back to one pool.
#[derive(Debug)]
pub(crate) struct Returns {
    /// The time between two looks.
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pending: Vec<Pending>,
    /// The number of looks so far.
    looks: u64,
    /// The number of the next connection to be returned.
    next: u64,
    /// Whether a task is looking.
    is_watched: bool,
}

#[derive(Debug)]
struct Pending {
    number: u64,
    /// The number of looks there had been when this return began.
    since: u64,
    /// `None` until the task is spawned.
    task: Option<AbortHandle>,
}

/// The number of looks within one time limit.
const LOOKS: u32 = 4;

impl Returns {
    /// Creates a watch under which no return takes longer than `limit` plus a quarter of it.
    pub(crate) fn new(limit: Duration) -> Arc<Self> {
        Arc::new(Self {
            pause: limit / LOOKS,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the future that `returning` makes in a task, and drops the future unfinished if it takes
    /// too long.
    #[inline]
    pub(crate) fn spawn<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        runtime: &Handle,
        returning: impl FnOnce() -> F,
    ) {
        let (number, is_watched) = self.begins();
        let done = Done {
            returns: Arc::clone(self),
            number,
        };
        // Nothing is locked meanwhile: a runtime that has ended drops the task at once, and with it
        // `done`, which locks.
        let task = runtime.spawn(Followed::by(returning(), done));
        let mut state = self.state();
        let mut pending = state.pending.iter_mut().rev();
        if let Some(pending) = pending.find(|pending| pending.number == number) {
            pending.task = Some(task.abort_handle());
        }
        drop(state);
        if !is_watched {
            watch(self, runtime);
        }
    }

    /// Puts a return on the list, and returns its number and whether a task looks at the list. If not,
    /// the caller starts that task.
    fn begins(&self) -> (u64, bool) {
        let mut state = self.state();
        let (number, since) = (state.next, state.looks);
        state.next += 1;
        state.pending.push(Pending {
            number,
            since,
            task: None,
        });
        (number, std::mem::replace(&mut state.is_watched, true))
    }
}

impl Watched for Returns {
    fn pause(&self) -> Duration {
        self.pause
    }

    /// Ends the returns that have taken too long.
    fn look(&self) -> bool {
        let mut state = self.state();
        state.looks += 1;
        let looks = state.looks;
        for pending in &state.pending {
            if looks - pending.since > u64::from(LOOKS)
                && let Some(task) = &pending.task
            {
                task.abort();
            }
        }
        state.is_watched = !state.pending.is_empty();
        state.is_watched
    }

    fn is_unwatched(&self) {
        self.state().is_watched = false;
    }
}

pin_project! {
    /// Work, and a value that is dropped after it. This is not an `async` block, because such a
    /// block would store the work twice: once as a captured value, and once as the future it
    /// awaits.
    pub(crate) struct Followed<F, A> {
        #[pin]
        work: F,
        after: Option<A>,
    }
}

impl<F: Future, A> Followed<F, A> {
    pub(crate) fn by(work: F, after: A) -> Self {
        Self {
            work,
            after: Some(after),
        }
    }
}

impl<F: Future, A> Future for Followed<F, A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let done = this.work.poll(cx);
        if done.is_ready() {
            *this.after = None;
        }
        done.map(drop)
    }
}

/// Takes a task off the list when the task has ended, in whatever way.
struct Done {
    returns: Arc<Returns>,
    number: u64,
}

impl Drop for Done {
    fn drop(&mut self) {
        let mut state = self.returns.state();
        let is_this = |pending: &Pending| pending.number == self.number;
        if let Some(index) = state.pending.iter().position(is_this) {
            state.pending.swap_remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use tokio::time::sleep;

    use super::*;

    struct Counted(Arc<AtomicU32>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_is_dropped_and_what_does_not_is_left_alone() {
        let returns = Returns::new(Duration::from_secs(4));
        let (dropped, done) = (Arc::<AtomicU32>::default(), Arc::<AtomicU32>::default());
        for seconds in [1, 3, 100] {
            let (lost, done) = (Counted(Arc::clone(&dropped)), Arc::clone(&done));
            returns.spawn(&Handle::current(), || async move {
                sleep(Duration::from_secs(seconds)).await;
                done.fetch_add(1, SeqCst);
                drop(lost);
            });
        }
        sleep(Duration::from_millis(3_900)).await;
        assert_eq!(dropped.load(SeqCst), 2);
        sleep(Duration::from_millis(1_200)).await;
        assert_eq!((dropped.load(SeqCst), done.load(SeqCst)), (3, 2));
        assert!(returns.state().pending.is_empty());
        sleep(Duration::from_secs(2)).await;
        assert!(!returns.state().is_watched, "there is nothing to look at");
    }

    #[tokio::test(start_paused = true)]
    async fn a_return_that_begins_when_a_watch_ends_has_a_time_limit_too() {
        let returns = Returns::new(Duration::from_secs(4));
        returns.state().is_watched = true;
        assert!(!returns.look(), "this is the last look of a watch");
        let dropped = Arc::<AtomicU32>::default();
        let lost = Counted(Arc::clone(&dropped));
        returns.spawn(&Handle::current(), || async move {
            let _lost = lost;
            pending().await
        });
        sleep(Duration::from_secs(6)).await;
        assert_eq!(dropped.load(SeqCst), 1);
    }

    #[test]
    fn a_return_on_a_runtime_that_has_ended_is_dropped_and_does_not_wait_for_itself() {
        let returns = Returns::new(Duration::from_secs(4));
        let dropped = Arc::<AtomicU32>::default();
        let lost = Counted(Arc::clone(&dropped));
        let (ended, end) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let handle = runtime.expect("a runtime").handle().clone();
            returns.spawn(&handle, || async move {
                let _lost = lost;
                pending().await
            });
            let left = returns.state().pending.len();
            ended.send(left).expect("the test waits");
        });
        let left = end.recv_timeout(Duration::from_secs(20));
        assert_eq!(left.expect("an end"), 0);
        assert_eq!(dropped.load(SeqCst), 1);
    }

    #[test]
    fn a_runtime_that_ends_takes_no_later_one_along() {
        let returns = Returns::new(Duration::from_millis(40));
        let dropped = Arc::<AtomicU32>::default();
        for round in 1..=3 {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("a runtime");
            let lost = Counted(Arc::clone(&dropped));
            runtime.block_on(async {
                returns.spawn(&Handle::current(), || async move {
                    let _lost = lost;
                    pending().await
                });
                returns.spawn(&Handle::current(), || ready(()));
                if round == 3 {
                    while dropped.load(SeqCst) < 3 {
                        sleep(Duration::from_millis(5)).await;
                    }
                }
            });
            drop(runtime);
            assert_eq!(dropped.load(SeqCst), round);
        }
    }
}
