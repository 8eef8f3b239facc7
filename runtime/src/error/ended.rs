//! [`Ended`]: what a call writes into its error.

use super::outcome::Outcome;

/// What a call knows when it ends.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    pub(crate) operation: &'static str,
    pub(crate) attempts: u32,
    pub(crate) outcome: Outcome,
    /// Its outcome is for an outer call to say.
    pub(crate) joined: bool,
    /// The database was told to end a statement at the call's deadline.
    pub(crate) limited: bool,
}

impl Ended {
    /// Of a call that is no part of another one.
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
            limited: false,
        }
    }
}
