//! [`Source`]: where the task of a watcher reads jobs, and how it hears of their changes.

use futures_core::future::BoxFuture;

use super::row::Row;
use crate::error::Result;

/// Where jobs are read, and how changes of theirs are heard of.
pub trait Source: Send {
    /// Reads these jobs. From then on, their changes are heard of, as far as the rows say so.
    fn read<'s>(&'s mut self, jobs: &'s [i64]) -> BoxFuture<'s, Result<Vec<Row>>>;

    /// Waits until jobs have changed, and returns them. If the future is dropped, nothing is lost.
    fn heard(&mut self) -> BoxFuture<'_, Result<Vec<i64>>>;
}

/// Returns ids as the statements take them.
pub(super) fn ids(jobs: &[i64]) -> String {
    serde_json::to_string(jobs).expect("numbers are JSON")
}
