//! [`Shutdown`]: what became of the calls of a handle that was shut down.

/// What became of the calls and hooks of a handle that was [shut down](crate::Db::shutdown).
///
/// ```
/// # async fn example(db: dbop::Db<sqlx::Sqlite>) {
/// use std::time::Duration;
///
/// let shutdown = db.shutdown(Duration::from_secs(20)).await;
/// if !shutdown.is_complete() {
///     eprintln!("rolled back: {:?}", shutdown.rolled_back);
///     eprintln!("outcome unknown: {:?}", shutdown.unknown);
///     eprintln!("hooks that had not ended: {:?}", shutdown.unfinished_hooks);
/// }
/// # }
/// ```
///
/// An operation is in a list once for each of its calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "says which calls and hooks did not end in time"]
pub struct Shutdown {
    /// How many calls have ended by themselves after the shutdown began, whatever their result.
    pub finished: u64,
    /// The operations whose calls were cut off at the deadline, and of which nothing is in the
    /// database.
    pub rolled_back: Vec<&'static str>,
    /// The operations whose calls were cut off at the deadline, and may be in the database in whole
    /// or in part: a `#[db_op]` that may write, or a transaction whose `COMMIT` was not answered.
    pub unknown: Vec<&'static str>,
    /// The operations whose hooks had not ended at the deadline. The hooks go on for as long as their
    /// runtime does, but get no connection of this handle.
    pub unfinished_hooks: Vec<&'static str>,
    /// How many calls had not ended although they were cut off: their future is kept and polled by
    /// nobody, like a stream that nobody reads, or the body of a plain function still runs. A
    /// transaction of such a call is not committed.
    pub unfinished: usize,
    /// Whether all connections were closed in time.
    pub closed: bool,
}

impl Shutdown {
    /// Whether every call has ended by itself, every hook has run, and all connections are closed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.rolled_back.is_empty()
            && self.unknown.is_empty()
            && self.unfinished_hooks.is_empty()
            && self.unfinished == 0
            && self.closed
    }

    /// Adds what became of the calls of another handle.
    #[cfg(feature = "blocking")]
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.finished += other.finished;
        self.rolled_back.extend(other.rolled_back);
        self.unknown.extend(other.unknown);
        self.unfinished_hooks.extend(other.unfinished_hooks);
        self.unfinished += other.unfinished;
        self.closed &= other.closed;
        self
    }

    /// Logs what did not end in time.
    pub(super) fn report(&self) {
        if !self.is_complete() {
            tracing::warn!(
                dbop.rolled_back = ?self.rolled_back,
                dbop.unknown = ?self.unknown,
                dbop.unfinished_hooks = ?self.unfinished_hooks,
                dbop.unfinished = self.unfinished,
                dbop.closed = self.closed,
                "a handle was shut down before all of its calls and hooks had ended"
            );
        }
    }
}
