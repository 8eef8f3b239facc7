//! What a call may leave on its connection.

/// What a call may have left on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leftover {
    Nothing,
    /// A transaction that was begun past us.
    Transaction,
    /// Anything: a statement that is still running, a transaction in any state.
    Unfinished,
}

/// What may be left in a session when its call has ended, in order of what it takes to undo that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Traces {
    /// Nothing.
    None,
    /// Anything: the raw connection was handed out, and nobody has seen what for.
    Unseen,
    /// A setting, a lock, a subscription, or a temporary table.
    State,
    /// A change that only a new connection is free of, such as the loss of the prepared statements
    /// that the driver counts on.
    Lasting,
}
