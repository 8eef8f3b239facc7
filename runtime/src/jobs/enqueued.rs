//! [`Enqueued`]: what became of a job that was to be enqueued.

/// What [`NewJob::enqueue`](super::NewJob::enqueue) returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enqueued {
    /// The id of the job, or of the job that was there already.
    pub id: i64,
    /// Whether the job is `unique`, and was there already, so that nothing was enqueued.
    pub duplicate: bool,
}
