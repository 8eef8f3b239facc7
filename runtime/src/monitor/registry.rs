//! [`Registry`]: the connections of a pool that calls hold.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Monitor;
use super::borrower::Borrower;
use super::leaks::Leaks;
use super::progress::Progress;
use super::session_info::{SessionInfo, SessionState};
use super::waiting::{Queue, Waiting};
use crate::op::Op;
use crate::rt::{Moment, here_or_background, watch};
use crate::telemetry::PoolReport;

/// Another call that holds a connection at the same time, or has held one just before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rival {
    pub(crate) op: &'static Op,
    /// The [hash](super::text_hash) of the statement that its body has sent last.
    pub(crate) statement: u64,
}

/// The connections of one pool that calls hold. A connection that is being cleaned still counts.
#[derive(Debug)]
pub(crate) struct Registry {
    places: Mutex<Places>,
    queue: Queue,
    pub(super) monitor: Arc<Monitor>,
    pub(crate) report: PoolReport,
}

/// One place for each connection that was ever held at a time. A place is used again, so that to hold
/// a connection allocates nothing.
#[derive(Debug, Default)]
pub(super) struct Places {
    all: Vec<Place>,
    /// The indices of those that are free.
    free: Vec<usize>,
    /// When a call has last got a connection.
    served: Option<Instant>,
    /// Whether a task looks for connections that are held for too long.
    pub(super) is_watched: bool,
}

#[derive(Debug)]
pub(super) struct Place {
    /// `None` if the place is free.
    held: Option<Held>,
    /// The operation that had the place last. Its call may have been one side of a deadlock, of which
    /// the other side learns a moment later.
    last: Option<&'static Op>,
    progress: Arc<Progress>,
}

/// A connection that a call holds.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) by: Borrower,
    pub(super) since: Instant,
    /// Whether it was reported that the connection is held for too long.
    reported: bool,
}

impl Registry {
    pub(crate) fn new(monitor: &Arc<Monitor>) -> Arc<Self> {
        Arc::new(Self {
            places: Mutex::default(),
            queue: Queue::default(),
            monitor: Arc::clone(monitor),
            report: PoolReport::new(),
        })
    }

    pub(super) fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a call holds a connection from `now` on, until the returned value is dropped.
    pub(crate) fn hold(self: &Arc<Self>, by: Borrower, now: Instant) -> Holding {
        let mut places = self.places();
        let index = places.free.pop().unwrap_or_else(|| {
            places.all.push(Place {
                held: None,
                last: None,
                progress: Arc::default(),
            });
            places.all.len() - 1
        });
        places.served = Some(now);
        let place = &mut places.all[index];
        place.last = Some(by.op);
        place.held = Some(Held {
            by,
            since: now,
            reported: false,
        });
        let progress = Arc::clone(&place.progress);
        progress.starts_in(SessionState::Idle);
        if !places.is_watched && self.monitor.leaks.are_reported() {
            places.is_watched = true;
            drop(places);
            watch(self, &here_or_background());
        }
        Holding {
            registry: Arc::clone(self),
            index,
            progress,
        }
    }

    /// The number of connections that are held.
    pub(crate) fn count(&self) -> u32 {
        let places = self.places();
        u32::try_from(places.all.len() - places.free.len()).unwrap_or(u32::MAX)
    }

    /// Whether a call has got a connection within this time.
    pub(crate) fn has_served_within(&self, time: Duration) -> bool {
        let served = self.places().served;
        served.is_some_and(|served| served.elapsed() < time)
    }

    /// Adds the connections that are held to a list.
    pub(crate) fn add_to(&self, sessions: &mut Vec<SessionInfo>) {
        let now = Instant::now();
        let places = self.places();
        sessions.extend(places.all.iter().filter_map(|place| place.info(now)));
    }

    /// For how long the connections together have been held that are held now.
    pub(crate) fn held_so_far(&self) -> Duration {
        let now = Instant::now();
        let places = self.places();
        let held = places.all.iter().filter_map(|place| place.held.as_ref());
        held.map(|held| now.saturating_duration_since(held.since))
            .sum()
    }

    /// Counts a call as waiting for a connection since then, until the returned value is dropped.
    pub(crate) fn wait(&self, by: Borrower, since: Instant) -> Waiting<'_> {
        Waiting::new(by, since, Some((&self.queue, &self.monitor)))
    }

    /// The number of calls that wait for a connection.
    pub(crate) fn waiting(&self) -> u32 {
        self.queue.len()
    }

    /// Returns the connections that are held.
    pub(crate) fn sessions(&self) -> Vec<SessionInfo> {
        let mut sessions = Vec::new();
        self.add_to(&mut sessions);
        sessions
    }
}

impl Places {
    pub(super) fn all_mut(&mut self) -> &mut [Place] {
        &mut self.all
    }
}

impl Place {
    pub(super) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Returns the connection of this place if it `is_leak` and was not returned before.
    pub(super) fn report_once(
        &mut self,
        leaks: &Leaks,
        now: Instant,
        is_leak: impl Fn(&Held) -> bool,
    ) -> Option<(&'static Op, SessionInfo)> {
        let held = self.held.as_mut()?;
        if held.reported || !is_leak(held) {
            return None;
        }
        held.reported = true;
        leaks.one_more();
        let op = held.by.op;
        Some((op, self.info(now)?))
    }

    /// Returns the connection of this place as others see it; `None` if nobody holds one.
    fn info(&self, now: Instant) -> Option<SessionInfo> {
        let held = self.held.as_ref()?;
        let (state, since) = self.progress.read(Moment::of(held.since));
        let Borrower { op, attempt, .. } = held.by;
        Some(SessionInfo {
            state_for: Moment::of(now).since(since),
            ..SessionInfo::new(
                op,
                attempt,
                now.saturating_duration_since(held.since),
                state,
            )
        })
    }
}

/// A call that holds a connection, from [`hold`](Registry::hold).
#[derive(Debug)]
pub(crate) struct Holding {
    registry: Arc<Registry>,
    index: usize,
    progress: Arc<Progress>,
}

impl Holding {
    /// Returns where the call notes what it does with the connection.
    pub(crate) fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// Returns the other calls that hold connections of the pool, or were the last to hold one.
    pub(crate) fn rivals(&self) -> Vec<Rival> {
        let places = self.registry.places();
        let others = places.all.iter().enumerate();
        others
            .filter(|(index, _)| *index != self.index)
            .filter_map(|(_, place)| {
                Some(Rival {
                    op: place.last?,
                    statement: place.progress.statement(),
                })
            })
            .collect()
    }

    /// Counts statements that were sent on the connection.
    pub(crate) fn sent(&self, statements: u32) {
        if statements > 0 {
            self.registry.monitor.sent(statements.into());
        }
    }

    /// Reports that the connection is taken back, unless it was reported that it is held for too
    /// long.
    pub(crate) fn was_reclaimed(&self) {
        self.registry.report_leak(self.index);
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let mut places = self.registry.places();
        let place = &mut places.all[self.index];
        let held = place.held.take();
        // The call may keep where it notes what it does. Its notes must not be taken for those of the
        // next holder.
        if Arc::strong_count(&place.progress) > 2 {
            place.progress = Arc::default();
        }
        places.free.push(self.index);
        if held.as_ref().is_some_and(|held| held.reported) {
            self.registry.monitor.leaks.one_less();
        }
        drop(places);
        if let Some(held) = held {
            let time = held.since.elapsed();
            self.registry.monitor.held(time);
            self.registry.report.used(time);
            if held.reported {
                self.registry.monitor.leak_is_back(held.by.op);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::FOREVER;

    static REPORT: Op = Op::operation("report", "src/reports.rs", 12);

    fn registry() -> Arc<Registry> {
        Registry::new(&Arc::new(Monitor::new(FOREVER)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_is_used_again_shows_nothing_of_its_earlier_holder() {
        let registry = registry();
        let holding = registry.hold(REPORT.first_attempt(), Instant::now());
        let kept = Arc::clone(holding.progress());
        drop(holding);
        assert_eq!((registry.count(), registry.sessions()), (0, Vec::new()));

        let again = registry.hold(REPORT.first_attempt(), Instant::now());
        tokio::time::advance(Duration::from_secs(2)).await;
        kept.note(SessionState::Committing, Moment::now());
        let [session] = &registry.sessions()[..] else {
            panic!("one connection is held");
        };
        assert_eq!(session.state, SessionState::Idle);
        assert_eq!(session.held_for, Duration::from_secs(2));
        assert_eq!(session.state_for, Duration::from_secs(2));
        drop(again);
        assert_eq!(registry.places().all.len(), 1);
    }
}
