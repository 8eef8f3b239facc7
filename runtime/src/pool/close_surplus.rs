//! How connections are closed that are more than a pool needs: when they are given back, and while
//! nobody calls by one task for each pool.
//!
//! What is left where a future of that task is dropped, because its runtime ends:
//!
//! | the task waits | left behind |
//! |---|---|
//! | for the idle timeout to pass | nothing; the next call starts another task on its own runtime |
//! | for a connection to be closed | the connection is closed without a goodbye, and its place is free; then as above |

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::sub_pool::SubPool;
use super::surplus::Surplus;
use crate::backend::Backend;
use crate::rt::{here_or_background, within};

/// The shortest time between two looks at the connections that are idle.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

impl<DB: Backend> SubPool<DB> {
    /// Sees to it that a task closes the connections that are more than needed.
    pub(super) fn watch_surplus(self: &Arc<Self>, surplus: &Surplus) {
        if !surplus.is_watched.load(Relaxed) && !surplus.is_watched.swap(true, Relaxed) {
            let watch = SurplusWatch(Arc::downgrade(self));
            drop(here_or_background().spawn(async move { watch.run().await }));
        }
    }

    /// Whether a connection that is given back is more than the pool keeps and calls need.
    pub(super) fn has_surplus(&self) -> bool {
        self.surplus
            .as_ref()
            .is_some_and(|surplus| surplus.is_one(self.known.pool.size(), Instant::now()))
    }

    /// Like [`has_surplus`](Self::has_surplus). If so, the connection has to be closed before the
    /// claim is dropped.
    pub(super) fn claim_surplus(self: &Arc<Self>) -> Option<SurplusClaim<DB>> {
        let surplus = self.surplus.as_ref()?;
        let claimed = surplus.claim(|| self.known.pool.size(), Instant::now());
        claimed.then(|| SurplusClaim(Arc::clone(self)))
    }

    /// Closes idle connections that are more than needed.
    async fn close_surplus(self: &Arc<Self>) {
        while let Some(_claim) = self.claim_surplus()
            && let Some(conn) = self.known.pool.try_acquire()
        {
            let _ = within(self.patience, conn.close()).await;
        }
    }
}

/// A connection that is being closed because it is more than needed. Without this, two that are
/// closed at the same time could leave fewer than are kept.
pub(super) struct SurplusClaim<DB: Backend>(Arc<SubPool<DB>>);

impl<DB: Backend> Drop for SurplusClaim<DB> {
    fn drop(&mut self) {
        if let Some(surplus) = &self.0.surplus {
            surplus.closed();
        }
    }
}

/// The task that closes the surplus of a pool for as long as there is the pool. The task may end with
/// its runtime; the next call then starts another.
struct SurplusWatch<DB: Backend>(Weak<SubPool<DB>>);

impl<DB: Backend> SurplusWatch<DB> {
    async fn run(self) {
        // What calls need after a look is no surplus before the idle timeout has passed, so no pause
        // has to be shorter than that.
        let mut pause = Duration::ZERO;
        loop {
            sleep(pause.max(SHORTEST_PAUSE)).await;
            let Some(sub_pool) = self.0.upgrade() else {
                return;
            };
            let Some(surplus) = &sub_pool.surplus else {
                return;
            };
            if sub_pool.known.pool.is_closed() {
                return;
            }
            sub_pool.close_surplus().await;
            pause = match surplus.left(Instant::now()) {
                Duration::ZERO => surplus.idle_timeout,
                left => left,
            };
        }
    }
}

impl<DB: Backend> Drop for SurplusWatch<DB> {
    fn drop(&mut self) {
        if let Some(sub_pool) = self.0.upgrade()
            && let Some(surplus) = &sub_pool.surplus
        {
            surplus.is_watched.store(false, Relaxed);
        }
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;
    use crate::monitor::Monitor;
    use crate::rt::FOREVER;

    #[test]
    fn while_nobody_calls_the_surplus_is_closed_on_the_runtime_of_the_last_call() {
        use crate::backend::{OpenedWith, PoolPlan};
        use crate::op::Op;
        use crate::pool::{PoolSettings, Sessions};
        use crate::rt::Timer;

        static HOLD: Op = Op::operation("hold", file!(), line!());

        let open = || {
            let options = sqlx::Sqlite::read_url("sqlite::memory:").expect("options");
            let plans = sqlx::Sqlite::plans(options, 1, &Default::default());
            let mut plan = plans.expect("a database in memory").write;
            plan.keep_forever = false;
            let settings = PoolSettings {
                idle_timeout: Duration::from_millis(150),
                ..PoolSettings::default()
            };
            let opened = OpenedWith {
                read_only: false,
                own_options: false,
            };
            let sessions = Sessions {
                opened,
                hook: None,
                monitor: Arc::new(Monitor::new(FOREVER)),
            };
            SubPool::open(&plan, (3, 1), &settings, &sessions)
        };
        let mut opened = None;
        for _ in 0..2 {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let sub_pool = opened.get_or_insert_with(open);
                let mut leases = Vec::new();
                for _ in 0..3 {
                    let now = Instant::now();
                    let until = now + Duration::from_secs(20);
                    let mut timer = Timer::default();
                    let acquiring = sub_pool.acquire(HOLD.first_attempt(), now, until, &mut timer);
                    leases.push(acquiring.await.expect("a connection"));
                }
                assert_eq!(sub_pool.known.pool.size(), 3);
                drop(leases);
                let shrinking = async {
                    while sub_pool.known.pool.size() > 1 {
                        sleep(Duration::from_millis(5)).await;
                    }
                };
                let shrunk = tokio::time::timeout(Duration::from_secs(20), shrinking).await;
                shrunk.expect("what nobody needs is closed");
                sleep(Duration::from_millis(350)).await;
                assert_eq!(sub_pool.known.pool.size(), 1, "this one is kept");
            });
            drop(runtime);
            let surplus = opened
                .as_ref()
                .and_then(|sub_pool| sub_pool.surplus.as_ref());
            let surplus = surplus.expect("some are kept");
            assert!(!surplus.is_watched.load(Relaxed), "the task has ended");
        }
    }
}
