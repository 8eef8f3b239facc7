//! [`Waiting`]: a call that waits for a connection.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tokio::time::Instant;

use super::Monitor;
use super::borrower::Borrower;

/// The calls that wait for a connection of one pool.
#[derive(Debug, Default)]
pub(super) struct Queue(AtomicU32);

impl Queue {
    /// How many there are.
    pub(super) fn len(&self) -> u32 {
        self.0.load(Relaxed)
    }
}

/// A call that waits for a connection, until this is dropped. Then the wait is counted, whatever has
/// come of it: a connection, an error, or a caller that has gone away.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    by: Borrower,
    since: Instant,
    /// `None` for a pool that the caller has passed, which belongs to no handle.
    of: Option<(&'a Queue, &'a Monitor)>,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(by: Borrower, since: Instant, of: Option<(&'a Queue, &'a Monitor)>) -> Self {
        if let Some((queue, _)) = of {
            queue.0.fetch_add(1, Relaxed);
        }
        Self { by, since, of }
    }

    /// A call that waits for a pool that its caller has passed.
    pub(crate) fn outside(by: Borrower, since: Instant) -> Waiting<'static> {
        Waiting::new(by, since, None)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let time = self.since.elapsed();
        self.by.op.count_waiting(time);
        if let Some((queue, monitor)) = self.of {
            queue.0.fetch_sub(1, Relaxed);
            monitor.waited(time);
        }
    }
}
