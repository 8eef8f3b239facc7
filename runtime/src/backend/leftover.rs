//! [`Leftover`] and [`Traces`]: what a call may leave on its connection.

/// What may be left open or running on a connection when its call has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leftover {
    Nothing,
    /// A transaction that a statement of the body has begun, without dbop's knowing.
    Transaction,
    /// Anything, for example a statement that is still running, or a transaction in any state.
    Unfinished,
}

/// What may be left in the state of a session when its call has ended. The variants are in the
/// order of what it takes to undo them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Traces {
    /// Nothing.
    None,
    /// Possibly something: the raw connection was handed out, and dbop has not seen what was done
    /// with it.
    Unseen,
    /// A setting, a lock, a subscription, or a temporary table.
    State,
    /// A change that can only be undone by opening a new connection, such as the loss of prepared
    /// statements that the driver relies on.
    Lasting,
}
