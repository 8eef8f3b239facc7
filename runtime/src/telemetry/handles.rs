//! [`Handles`]: what the recorder of the process has given to record with.

use std::collections::HashMap;
use std::hash::Hash;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{PoisonError, RwLock};

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder, with_recorder};

use super::gauges::keep_observing;
use super::names::describe;

/// What the recorder of the process has given to record with, for each `K`. To register a metric costs an
/// allocation and a search in the recorder, so that is done once.
///
/// An application may install its recorder when calls have been made, and may have another one for a
/// thread and a while, as tests do. Such a recorder is asked each time: the next one may be at the same
/// place in memory.
#[derive(Debug)]
pub(super) struct Handles<K, T>(RwLock<HashMap<K, T>>);

impl<K, T> Default for Handles<K, T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Copy + Eq + Hash, T> Handles<K, T> {
    /// Records with what the recorder gives for `key`. Does nothing if there is no recorder.
    #[inline]
    pub(super) fn with(
        &self,
        key: K,
        register: impl FnOnce(&dyn Recorder) -> T,
        record: impl FnOnce(&dyn Recorder, &T),
    ) {
        with_recorder(|recorder| {
            if is_installed(recorder) {
                self.record(recorder, key, register, record);
            }
        });
    }

    fn record(
        &self,
        recorder: &dyn Recorder,
        key: K,
        register: impl FnOnce(&dyn Recorder) -> T,
        record: impl FnOnce(&dyn Recorder, &T),
    ) {
        if address(recorder) != OF_PROCESS.load(Relaxed) {
            keep_observing();
            describe(recorder);
            return record(recorder, &register(recorder));
        }
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(handles) = known.get(&key) {
            return record(recorder, handles);
        }
        drop(known);
        describe(recorder);
        let handles = register(recorder);
        record(recorder, &handles);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(key, handles);
    }
}

/// The address of the recorder of the process, which stays there for ever. 0 while it is not known.
static OF_PROCESS: AtomicUsize = AtomicUsize::new(0);

/// Notes the recorder of the process. To be called on a thread that has none of its own.
pub(super) fn know_recorder_of_process() {
    with_recorder(|recorder| {
        if is_installed(recorder) {
            OF_PROCESS.store(address(recorder), Relaxed);
        }
    });
}

/// Whether anybody records. If not, the facade passes a recorder without any state, and does not
/// say so.
///
/// A recorder of the application's own may have no state either. It is installed in a box, and a box
/// for nothing is at no place in memory.
pub(super) fn is_installed(recorder: &dyn Recorder) -> bool {
    const NO_PLACE: usize = 4096; // no system maps the first page
    size_of_val(recorder) > 0 || address(recorder) < NO_PLACE
}

fn address(recorder: &dyn Recorder) -> usize {
    ptr::from_ref(recorder).addr()
}

static METADATA: Metadata<'static> = Metadata::new("dbop", Level::INFO, Some("dbop"));

pub(super) fn counter(recorder: &dyn Recorder, name: &'static str, labels: Vec<Label>) -> Counter {
    recorder.register_counter(&Key::from_parts(name, labels), &METADATA)
}

pub(super) fn gauge(recorder: &dyn Recorder, name: &'static str, labels: Vec<Label>) -> Gauge {
    recorder.register_gauge(&Key::from_parts(name, labels), &METADATA)
}

pub(super) fn histogram(
    recorder: &dyn Recorder,
    name: &'static str,
    labels: Vec<Label>,
) -> Histogram {
    recorder.register_histogram(&Key::from_parts(name, labels), &METADATA)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use metrics::{KeyName, SharedString, Unit, with_local_recorder};
    use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

    use super::*;

    /// A recorder that has no state of its own, such as one that writes to standard output.
    struct Stateless;

    impl Recorder for Stateless {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::noop()
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn an_installed_recorder_is_told_from_none_even_if_it_has_no_state() {
        with_recorder(|none| assert!(!is_installed(none)));
        assert!(is_installed(&DebuggingRecorder::new()));
        // This is how the facade keeps the recorder of a process.
        let installed: &'static Stateless = Box::leak(Box::new(Stateless));
        assert!(is_installed(installed));
    }

    fn counted(snapshotter: &Snapshotter) -> Option<u64> {
        let snapshot = snapshotter.snapshot().into_vec();
        snapshot
            .into_iter()
            .find_map(|(_, _, _, value)| match value {
                DebugValue::Counter(count) => Some(count),
                _ => None,
            })
    }

    #[test]
    fn handles_are_registered_once_with_the_recorder_of_the_process_and_never_with_none() {
        let handles = Handles::<u8, Counter>::default();
        let registered = Cell::new(0);
        let count = || {
            let register = |recorder: &dyn Recorder| {
                registered.set(registered.get() + 1);
                counter(recorder, "calls", Vec::new())
            };
            handles.with(7, register, |_, counter| counter.increment(1));
        };
        count();
        assert_eq!(registered.get(), 0);
        // It is never freed, as the one of a process.
        let recorder: &'static _ = Box::leak(Box::new(DebuggingRecorder::new()));
        OF_PROCESS.store(address(recorder), Relaxed);
        with_local_recorder(recorder, || (0..3).for_each(|_| count()));
        assert_eq!(
            (registered.get(), counted(&recorder.snapshotter())),
            (1, Some(3))
        );
    }

    #[test]
    fn a_recorder_is_told_everything_also_where_another_was_before_at_the_same_place() {
        let handles = Handles::<u8, Counter>::default();
        let register = |recorder: &dyn Recorder| counter(recorder, "calls", Vec::new());
        let count = || handles.with(7, register, |_, counter| counter.increment(1));
        let mut recorder = Box::new(DebuggingRecorder::new());
        for _ in ["first", "next"] {
            *recorder = DebuggingRecorder::new();
            with_local_recorder(&*recorder, || (0..3).for_each(|_| count()));
            assert_eq!(counted(&recorder.snapshotter()), Some(3));
        }
    }
}
