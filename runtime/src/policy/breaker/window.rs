//! [`Window`]: how many outcomes there were lately, and how many of them were failures.

use std::time::Duration;

use tokio::time::Instant;

/// Outcomes in ten slices of time, the oldest of which are forgotten slice by slice.
#[derive(Debug, Default)]
pub(super) struct Window {
    slices: [Slice; SLICES],
    /// Where `current` begins.
    began: Option<Instant>,
    current: usize,
}

const SLICES: usize = 10;

#[derive(Clone, Copy, Debug, Default)]
struct Slice {
    failed: u32,
    all: u32,
}

impl Window {
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
            // After a long pause nothing is left, and the next slice begins now.
            self.began = Some(if moved == SLICES { now } else { now - passed });
        }
        let slice = &mut self.slices[self.current];
        slice.all = slice.all.saturating_add(1);
        slice.failed = slice.failed.saturating_add(u32::from(!success));
    }

    /// Failures, and all outcomes.
    pub(super) fn count(&self) -> (u32, u32) {
        let sum = |of: fn(&Slice) -> u32| self.slices.iter().map(of).fold(0, u32::saturating_add);
        (sum(|slice| slice.failed), sum(|slice| slice.all))
    }
}
