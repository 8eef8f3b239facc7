//! [`Gate`]: a place where a body waits until the test lets it go on.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::eventually;

/// Longer than anything in these tests takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A place where bodies wait and are counted. A clone is another handle to the same gate.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    open: bool,
    arrived: u32,
    passed: u32,
}

impl Gate {
    /// Returns a gate that lets every body through and only counts them.
    #[must_use]
    pub fn opened() -> Self {
        let gate = Self::default();
        gate.open();
        gate
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the calling body as arrived, then blocks until the gate is open.
    ///
    /// # Panics
    ///
    /// If the gate is not opened within half a minute.
    pub fn pass(&self) {
        let mut state = self.state();
        state.arrived += 1;
        self.0.changed.notify_all();
        let waited = self
            .0
            .changed
            .wait_timeout_while(state, PATIENCE, |state| !state.open);
        let (mut state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "nobody opens this gate");
        state.passed += 1;
    }

    /// Opens the gate: from now on every body may pass.
    pub fn open(&self) {
        self.state().open = true;
        self.0.changed.notify_all();
    }

    /// Returns how many bodies have arrived so far.
    #[must_use]
    pub fn arrived(&self) -> u32 {
        self.state().arrived
    }

    /// Returns how many bodies have passed so far.
    #[must_use]
    pub fn passed(&self) -> u32 {
        self.state().passed
    }

    /// Waits until `arrived` bodies have come to the gate.
    ///
    /// # Panics
    ///
    /// If they do not come within the patience of [`eventually`].
    pub async fn has(&self, arrived: u32) {
        eventually("a body comes to its gate", async || {
            self.arrived() >= arrived
        })
        .await;
    }
}
