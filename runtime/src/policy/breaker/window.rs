//! [`Window`]: how many outcomes there were in the last time, and how many of them were failures.

use std::time::Duration;

use tokio::time::Instant;

/// The latest outcomes, counted in ten slices of time. Old outcomes are forgotten slice by slice.
#[derive(Debug, Default)]
pub(super) struct Window {
    slices: [Slice; SLICES],
    /// When the current slice began. `None` before the first outcome.
    began: Option<Instant>,
    /// The index of the current slice.
    current: usize,
}

const SLICES: usize = 10;

#[derive(Clone, Copy, Debug, Default)]
struct Slice {
    failed: u32,
    all: u32,
}

impl Window {
    /// Counts an outcome in a window of this length.
    pub(super) fn add(&mut self, length: Duration, success: bool) {
        let slice = length / 10;
        let now = Instant::now();
        let began = *self.began.get_or_insert(now);
        let mut passed = now - began;
        let mut moved = 0;
        while passed >= slice && moved < SLICES {
            passed = passed.saturating_sub(slice);
            moved += 1;
            self.current = (self.current + 1) % SLICES;
            self.slices[self.current] = Slice::default();
        }
        if moved > 0 {
            // After a pause as long as the window nothing is left, and the current slice begins
            // now.
            self.began = Some(if moved == SLICES { now } else { now - passed });
        }
        let slice = &mut self.slices[self.current];
        slice.all = slice.all.saturating_add(1);
        slice.failed = slice.failed.saturating_add(u32::from(!success));
    }

    /// Returns the number of failures, and the number of all outcomes.
    pub(super) fn count(&self) -> (u32, u32) {
        let sum = |of: fn(&Slice) -> u32| self.slices.iter().map(of).fold(0, u32::saturating_add);
        (sum(|slice| slice.failed), sum(|slice| slice.all))
    }
}
