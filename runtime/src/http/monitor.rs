//! [`Monitor`]: what was seen of a handle over the last minutes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::db::AnyDb;
use crate::health::Health;
use crate::op::metrics;
use crate::rt::here_or_background;

/// How often a handle is looked at.
const EVERY: Duration = Duration::from_secs(2);

/// How many looks are remembered: five minutes.
const REMEMBERED: usize = 150;

/// What was seen of a handle over the last minutes. A task looks at the handle, and ends soon after
/// this is dropped.
#[derive(Debug)]
pub(super) struct Monitor {
    db: AnyDb,
    seen: Arc<Mutex<VecDeque<Look>>>,
}

/// What is seen at one moment.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Instant,
    /// Connections in use.
    in_use: u32,
    /// Calls of all operations since the process was started.
    calls: u64,
    /// The time that these calls took together.
    total_time: Duration,
}

impl Look {
    fn at(db: &AnyDb) -> Self {
        let mut look = Self {
            at: Instant::now(),
            in_use: db.pool_status().checked_out,
            calls: 0,
            total_time: Duration::ZERO,
        };
        for operation in metrics() {
            look.calls += operation.calls;
            look.total_time += operation.total_time;
        }
        look
    }
}

/// The answer of `/monitoring/database`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    health_status: Health,
    performance_metrics: Performance,
}

/// Averages over the last five minutes, or since the router was made.
#[derive(Debug, PartialEq, Serialize)]
struct Performance {
    /// `None` if there was no call.
    average_response_time_ms: Option<f64>,
    average_active_connections: f64,
    /// Calls of operations, a second.
    average_queries_per_second: f64,
    over_seconds: f64,
}

impl Monitor {
    pub(super) fn start(db: &AnyDb) -> Self {
        let seen = Arc::new(Mutex::new(VecDeque::from([Look::at(db)])));
        let (looked_at, remembers) = (db.clone(), Arc::downgrade(&seen));
        here_or_background().spawn(async move {
            let mut ticks = interval(EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let Some(seen) = remembers.upgrade() else {
                    return;
                };
                let look = Look::at(&looked_at);
                let mut seen = lock(&seen);
                if seen.len() == REMEMBERED {
                    seen.pop_front();
                }
                seen.push_back(look);
            }
        });
        Self {
            db: db.clone(),
            seen,
        }
    }

    pub(super) fn report(&self, health_status: Health) -> Report {
        let mut looks: Vec<Look> = lock(&self.seen).iter().copied().collect();
        looks.push(Look::at(&self.db));
        Report {
            health_status,
            performance_metrics: Performance::over(&looks),
        }
    }
}

fn lock(seen: &Mutex<VecDeque<Look>>) -> MutexGuard<'_, VecDeque<Look>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Performance {
    /// Returns the averages over the time between the first and the last look.
    fn over(looks: &[Look]) -> Self {
        let [first, .., last] = looks else {
            return Self {
                average_response_time_ms: None,
                average_active_connections: 0.0,
                average_queries_per_second: 0.0,
                over_seconds: 0.0,
            };
        };
        let calls = last.calls.saturating_sub(first.calls) as f64;
        let total_time = last.total_time.saturating_sub(first.total_time);
        let seconds = (last.at - first.at).as_secs_f64();
        let in_use: f64 = looks.iter().map(|look| f64::from(look.in_use)).sum();
        Self {
            average_response_time_ms: (calls > 0.0)
                .then(|| total_time.as_secs_f64() * 1000.0 / calls),
            average_active_connections: in_use / looks.len() as f64,
            average_queries_per_second: if seconds > 0.0 { calls / seconds } else { 0.0 },
            over_seconds: seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_are_those_of_the_time_between_the_first_look_and_the_last() {
        let begun = Instant::now();
        let look = |second: u64, in_use, calls, millis| Look {
            at: begun + Duration::from_secs(second),
            in_use,
            calls,
            total_time: Duration::from_millis(millis),
        };
        let looks = [
            look(0, 0, 100, 5000),
            look(2, 4, 110, 5200),
            look(4, 2, 120, 5400),
        ];
        assert_eq!(
            Performance::over(&looks),
            Performance {
                average_response_time_ms: Some(20.0),
                average_active_connections: 2.0,
                average_queries_per_second: 5.0,
                over_seconds: 4.0,
            }
        );
        let quiet = Performance::over(&[look(0, 1, 7, 9), look(2, 1, 7, 9)]);
        assert_eq!(quiet.average_response_time_ms, None);
    }
}
