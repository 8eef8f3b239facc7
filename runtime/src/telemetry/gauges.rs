//! [`observe_pools`]: how many connections the pools have, and when that is told.
//!
//! The numbers change with each call, and some change where dbop does not see it, because sqlx closes
//! and opens connections. Nobody needs them more often than they are exported. So they are read from
//! time to time, all at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::time::Duration;

use metrics::{Label, Recorder, SharedString, with_recorder};
use tokio::time::sleep;

use super::handles::{gauge, is_installed, know_recorder_of_process};
use super::names::{COUNT, MAX, PENDING_REQUESTS, describe};
use super::pools::{PoolReport, name_label};
use crate::rt::background;

/// How often the numbers are told.
pub(crate) const EVERY: Duration = Duration::from_secs(5);

/// How many connections a pool has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PoolGauges {
    /// The most that there may be.
    pub(crate) max: u32,
    /// How many there are, with those that are being opened.
    pub(crate) open: u32,
    /// How many of those nobody uses.
    pub(crate) idle: u32,
    /// How many calls wait for one.
    pub(crate) waiting: u32,
}

/// The numbers of all pools, by name.
#[derive(Debug, Default)]
pub(crate) struct Sums(BTreeMap<SharedString, PoolGauges>);

impl Sums {
    /// Adds the numbers of a pool. Pools of the same name count as one.
    pub(crate) fn add(&mut self, pool: &PoolReport, numbers: PoolGauges) {
        let Some(name) = pool.name() else { return };
        let sum = self.0.entry(name.clone()).or_default();
        sum.max += numbers.max;
        sum.open += numbers.open;
        sum.idle += numbers.idle;
        sum.waiting += numbers.waiting;
    }

    fn tell(&self, recorder: &dyn Recorder) {
        describe(recorder);
        for (name, numbers) in &self.0 {
            let set = |metric, label: Option<Label>, value: u32| {
                let labels = std::iter::once(name_label(name)).chain(label).collect();
                gauge(recorder, metric, labels).set(value);
            };
            let state = |state| {
                Some(Label::from_static_parts(
                    "db.client.connection.state",
                    state,
                ))
            };
            set(COUNT, state("idle"), numbers.idle);
            set(COUNT, state("used"), numbers.open - numbers.idle);
            set(MAX, None, numbers.max);
            set(PENDING_REQUESTS, None, numbers.waiting);
        }
    }
}

/// A handle whose pools are observed.
pub(crate) trait Watched: Send + Sync {
    /// Adds the numbers of its pools.
    fn add_to(&self, sums: &mut Sums);
}

/// The handles that there are, and the names of all pools that there have ever been: a pool that is
/// gone has no connections.
#[derive(Default)]
struct Known {
    handles: Vec<Weak<dyn Watched>>,
    names: Vec<SharedString>,
}

static KNOWN: Mutex<Known> = Mutex::new(Known {
    handles: Vec::new(),
    names: Vec::new(),
});

/// Adds a handle to those whose pools are observed, for as long as it lives.
pub(crate) fn watch(handle: &Arc<impl Watched + 'static>) {
    let handle = Arc::downgrade(handle);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.handles.retain(|handle| handle.strong_count() > 0);
    known.handles.push(handle);
}

/// Tells the recorder how many connections the pools of all handles have at this moment, and how many
/// calls wait for one.
///
/// dbop does so itself every 5 s, once a recorder is installed and a call was made, and before it
/// renders the text for Prometheus. An application that has another exporter, and wants the numbers of
/// the very moment, calls this before each export. It does nothing if there is no recorder.
///
/// ```
/// dbop::telemetry::observe_pools();
/// ```
pub fn observe_pools() {
    with_recorder(|recorder| {
        if is_installed(recorder) {
            sums().tell(recorder);
        }
    });
}

fn sums() -> Sums {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let zero = |name: &SharedString| (name.clone(), PoolGauges::default());
    let mut sums = Sums(known.names.iter().map(zero).collect());
    let handles: Vec<_> = known.handles.iter().filter_map(Weak::upgrade).collect();
    for handle in &handles {
        handle.add_to(&mut sums);
    }
    known.names = sums.0.keys().cloned().collect();
    drop(known);
    // A handle whose owner has let go of it meanwhile goes here, when nothing is locked any more.
    drop(handles);
    sums
}

/// Observes the pools from now on, from time to time.
pub(super) fn keep_observing() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let observing = async {
            loop {
                know_recorder_of_process();
                sleep(EVERY).await;
                observe_pools();
            }
        };
        drop(background().spawn(observing));
    });
}
