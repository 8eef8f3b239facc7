//! [`Lookout`]: looks at a handle every few seconds, remembers what it has seen for some minutes, and
//! tells it to the pages that are open.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::{Either, select};
use histogram::Histogram;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::look::Look;
use super::pages::Pages;
use super::seen::{Performance, Point, Report, Seen};
use crate::db::AnyDb;
use crate::health::Health;
use crate::op::{Latency, latencies};
use crate::rt::background;

#[cfg(feature = "postgres")]
use super::server::Observer;

/// How often a handle is looked at.
const EVERY: Duration = Duration::from_secs(2);

/// How many looks are remembered: five minutes.
const REMEMBERED: usize = 150;

/// What was seen of a handle over the last minutes. A task looks at the handle, and ends soon after
/// this is dropped.
#[derive(Debug)]
pub(super) struct Lookout(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    db: AnyDb,
    /// How long a check waits for the database.
    within: Duration,
    looks: Mutex<VecDeque<Look>>,
    pages: Pages,
}

impl Lookout {
    pub(super) fn start(db: &AnyDb, within: Duration) -> Self {
        let shared = Arc::new(Shared {
            db: db.clone(),
            within,
            looks: Mutex::new(VecDeque::from([Look::at(db, None)])),
            pages: Pages::new(),
        });
        // The runtime that makes the routes need not be one that serves them.
        background().spawn(watch_over(Arc::downgrade(&shared)));
        Self(shared)
    }

    /// Returns what `/monitoring/database` answers.
    pub(super) fn report(&self, health_status: Health) -> Report {
        Report {
            health_status,
            performance_metrics: self.0.performance(),
        }
    }

    /// The pages that are told what was seen.
    pub(super) fn pages(&self) -> &Pages {
        &self.0.pages
    }
}

impl Shared {
    fn looks(&self) -> MutexGuard<'_, VecDeque<Look>> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, look: Look) {
        let mut looks = self.looks();
        if looks.len() == REMEMBERED {
            looks.pop_front();
        }
        looks.push_back(look);
    }

    /// Returns the averages over the time that is remembered.
    fn performance(&self) -> Performance {
        let now = self.db.totals();
        match self.looks().front() {
            Some(first) => Performance::between(&first.totals, &now),
            None => Performance::between(&now, &now),
        }
    }

    fn history(&self) -> Vec<Point> {
        let now = Instant::now();
        let looks = self.looks();
        let ago = |look: &Look| now.saturating_duration_since(look.at).as_secs_f64();
        looks
            .iter()
            .map(|look| Point::of(look, ago(look)))
            .collect()
    }
}

/// Looks at the handle until nobody can ask any more what was seen.
async fn watch_over(watched: Weak<Shared>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut before = latencies();
    #[cfg(feature = "postgres")]
    let mut observer = Observer::default();
    loop {
        let Some(shared) = watched.upgrade() else {
            return;
        };
        let (due, opened) = (pin!(ticks.tick()), pin!(shared.pages.opened()));
        if let Either::Left(_) = select(due, opened).await {
            let now = latencies();
            let latency = between(before.as_ref(), now.as_ref());
            before = now;
            shared.remember(Look::at(&shared.db, latency));
        }
        if !shared.pages.are_open() {
            #[cfg(feature = "postgres")]
            observer.rest();
            continue;
        }
        let health = shared.db.health_within(shared.within).await;
        let server = {
            #[cfg(feature = "postgres")]
            {
                match shared.db.is_shutting_down() {
                    true => {
                        observer.rest();
                        None
                    }
                    false => observer.look(&shared.db).await,
                }
            }
            #[cfg(not(feature = "postgres"))]
            None
        };
        let seen = Seen::now(
            &shared.db,
            health,
            shared.performance(),
            shared.history(),
            server,
        );
        shared.pages.tell(&seen);
    }
}

/// Returns how long the calls took that are in the second histogram and not in the first. `None` if
/// there are none.
fn between(before: Option<&Histogram>, now: Option<&Histogram>) -> Option<Latency> {
    let now = now?;
    let new = match before {
        Some(before) => now.wrapping_sub(before).ok()?,
        None => now.clone(),
    };
    let latency = Latency::of(&new, Duration::MAX);
    (!latency.p99.is_zero()).then_some(latency)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_calls_since_the_look_before() {
        let mut before = Histogram::new(5, 36).unwrap();
        for _ in 0..1000 {
            before.increment(10).unwrap();
        }
        let mut now = before.clone();
        assert_eq!(between(Some(&before), Some(&now)), None);
        now.increment(50_000).unwrap();
        let new = between(Some(&before), Some(&now)).unwrap();
        assert!(new.p50 >= Duration::from_millis(50), "{new:?}");
        assert!(new.p50 < Duration::from_millis(52), "{new:?}");
        assert_eq!(between(None, None), None);
        let first = between(None, Some(&before)).unwrap();
        assert_eq!(first.p99, Duration::from_micros(10));
    }
}
