//! [`Ended`]: what a call writes into its error when it ends.

use super::outcome::Outcome;

/// What a call knows when it ends.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    pub(crate) operation: &'static str,
    pub(crate) attempts: u32,
    pub(crate) outcome: Outcome,
    /// Whether the call has joined another, which will then determine the outcome.
    pub(crate) joined: bool,
    /// Whether the operation says that a second call does no harm.
    pub(crate) repeatable: bool,
    /// Whether the database was told to end statements at the call's deadline.
    pub(crate) limited: bool,
}

impl Ended {
    /// Creates the record of an outermost call.
    pub(crate) const fn outermost(
        operation: &'static str,
        attempts: u32,
        outcome: Outcome,
    ) -> Self {
        Self {
            operation,
            attempts,
            outcome,
            joined: false,
            repeatable: false,
            limited: false,
        }
    }
}
