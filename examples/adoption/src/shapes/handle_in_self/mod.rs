//! A handle in `self`, 22 % of real functions: `self.pool` is in the body, so the body changes a
//! little. The method's callers pass what they passed.

mod catalogue;
mod desk;

pub(crate) use catalogue::Catalogue;
pub(crate) use desk::Desk;
