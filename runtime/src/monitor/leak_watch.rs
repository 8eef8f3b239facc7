//! The task that finds connections that are held for too long.

use std::time::Duration;

use tokio::time::Instant;

use super::registry::{Held, Place, Registry};
use super::session_info::SessionInfo;
use crate::op::Op;
use crate::rt::Watched;

impl Registry {
    /// Reports the connection of one place, unless that was done.
    pub(super) fn report_leak(&self, index: usize) {
        let leaked =
            self.places().all_mut()[index]
                .report_once(&self.monitor.leaks, Instant::now(), |_| true);
        leaked.iter().for_each(|leak| self.reports(leak));
    }

    fn reports(&self, (op, session): &(&'static Op, SessionInfo)) {
        self.monitor.leaked(op, session);
        self.report.leaked();
    }
}

impl Watched for Registry {
    fn pause(&self) -> Duration {
        self.monitor.leaks.pause()
    }

    /// Reports each connection that is held for too long, once. Nothing is left to look at when no
    /// connection is held at all.
    fn look(&self) -> bool {
        let now = Instant::now();
        let mut places = self.places();
        let threshold = self.monitor.leaks.threshold;
        let is_leak = |held: &Held| held.since + threshold <= now && !held.by.op.holds_long;
        let places_mut = places.all_mut();
        let leaked: Vec<_> = places_mut
            .iter_mut()
            .filter_map(|place| place.report_once(&self.monitor.leaks, now, is_leak))
            .collect();
        let any = places_mut.iter().any(Place::is_held);
        places.is_watched = any;
        drop(places);
        leaked.iter().for_each(|leak| self.reports(leak));
        any
    }

    fn is_unwatched(&self) {
        self.places().is_watched = false;
    }
}
