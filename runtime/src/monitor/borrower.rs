//! [`Borrower`]: who wants a connection.

use crate::op::Op;

/// A call that wants a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Borrower {
    pub(crate) op: &'static Op,
    /// Which attempt of the call this is, from 1.
    pub(crate) attempt: u32,
}

impl Op {
    /// Returns the borrower of what dbop does by itself, such as to connect.
    pub(crate) fn first_attempt(&'static self) -> Borrower {
        Borrower {
            op: self,
            attempt: 1,
        }
    }
}
