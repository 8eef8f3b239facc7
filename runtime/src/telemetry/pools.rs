//! [`PoolReport`]: what a pool tells the recorder.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Counter, Histogram, Label, Recorder, SharedString};
use tokio::time::Instant;

use super::handles::{Handles, counter, histogram};
use super::names::{CREATE_TIME, LEAKS, TIMEOUTS, USE_TIME, WAIT_TIME};

/// What one pool reports to. Pools of the same name report as one.
#[derive(Debug)]
pub(crate) struct PoolReport {
    /// Not set until the handle of the pool is made. Nothing is reported until then.
    name: OnceLock<SharedString>,
    handles: Handles<(), PoolHandles>,
}

#[derive(Debug)]
struct PoolHandles {
    wait_time: Histogram,
    use_time: Histogram,
    create_time: Histogram,
    timeouts: Counter,
    leaks: Counter,
}

impl PoolHandles {
    fn of(recorder: &dyn Recorder, name: &SharedString) -> Self {
        let labels = || vec![name_label(name)];
        Self {
            wait_time: histogram(recorder, WAIT_TIME, labels()),
            use_time: histogram(recorder, USE_TIME, labels()),
            create_time: histogram(recorder, CREATE_TIME, labels()),
            timeouts: counter(recorder, TIMEOUTS, labels()),
            leaks: counter(recorder, LEAKS, labels()),
        }
    }
}

pub(super) fn name_label(name: &SharedString) -> Label {
    Label::new("db.client.connection.pool.name", name.clone())
}

impl PoolReport {
    pub(crate) fn new() -> Self {
        Self {
            name: OnceLock::new(),
            handles: Handles::default(),
        }
    }

    /// Names the pool, once.
    pub(crate) fn is_named(&self, name: String) {
        let _ = self.name.set(name.into());
    }

    pub(super) fn name(&self) -> Option<&SharedString> {
        self.name.get()
    }

    /// A call has a connection, for which it has asked then.
    #[inline]
    pub(crate) fn acquired(&self, asked: Instant) {
        self.with(|handles| handles.wait_time.record(asked.elapsed()));
    }

    /// A call had no connection in time.
    #[cold]
    pub(crate) fn timed_out(&self) {
        self.with(|handles| handles.timeouts.increment(1));
    }

    /// A connection has been opened, which was begun then.
    #[cold]
    pub(crate) fn opened(&self, begun: Instant) {
        self.with(|handles| handles.create_time.record(begun.elapsed()));
    }

    /// A connection is back that was held for so long.
    #[inline]
    pub(crate) fn used(&self, time: Duration) {
        self.with(|handles| handles.use_time.record(time));
    }

    /// A connection is held for too long.
    #[cold]
    pub(crate) fn leaked(&self) {
        self.with(|handles| handles.leaks.increment(1));
    }

    #[inline]
    fn with(&self, record: impl FnOnce(&PoolHandles)) {
        if let Some(name) = self.name.get() {
            let register = |recorder: &dyn Recorder| PoolHandles::of(recorder, name);
            self.handles
                .with((), register, |_, handles| record(handles));
        }
    }
}
