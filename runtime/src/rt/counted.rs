//! [`Counted`]: something that is counted for as long as it lasts.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Something that is counted, such as a call that waits, until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted<'a>(&'a AtomicU32);

impl<'a> Counted<'a> {
    pub(crate) fn by(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
